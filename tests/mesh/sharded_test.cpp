// Covers: map: map where cast neighbor; types: integers float
// Sharded arrays as values: how they are split, copied and moved, what is written into them, and what is refused.
#include "sharded_values.hpp"

using namespace sharded_test;

TEST_CASE("parts cover an axis in order, evenly, and on boundaries of blocks where there are enough") {
  for (std::size_t ranks = 1; ranks <= 9; ++ranks)
    for (ls::index n : {0, 1, 7, 64, 1000, 4096, 100'003, 655'360, 1'000'003}) {
      ls::index unit = n >= 4 * ls::index(ranks) * 16384 ? 16384 : n >= 4 * ls::index(ranks) * 64 ? 64 : 1;
      CHECK(ls::split_begin(n, 0, ranks) == 0);
      CHECK(ls::split_begin(n, ranks, ranks) == n);
      ls::index least = n, most = 0;
      for (std::size_t r = 0; r < ranks; ++r) {
        ls::rank_rows const rows(n, r, ranks);
        CHECK(rows.begin % unit == 0);
        CHECK(rows.end == ls::split_begin(n, r + 1, ranks));
        least = std::min(least, rows.size());
        most = std::max(most, rows.size());
      }
      CHECK(most - least <= 2 * unit);
    }
}

TEST_CASE("host values come back, from vectors, spans, arrays and the shards themselves") {
  for_each_length([](ls::mesh const& mesh, std::size_t n) {
    auto const host = random_values<float>(n, n);
    ls::sharded<float> const x(mesh, host);
    CHECK(x.size() == n);
    CHECK(x.to_host() == host);
    std::vector<float> joined;
    for (std::size_t r = 0; r < mesh.size(); ++r) {
      auto const part = x.shard(r).to_host();
      CHECK(x.shard(r).device() == mesh.device(r));
      CHECK(x.shard_begin(r)[0] == ls::index(joined.size()));
      joined.insert(joined.end(), part.begin(), part.end());
    }
    CHECK(joined == host);
    CHECK(x.to_array(ls::device::cpu()).to_host() == host);
    CHECK(ls::sharded<float>(mesh, ls::array<float>(ls::device::cpu(), host)).to_host() == host);
    ls::sharded<float> const copies(mesh, host, ls::replicated);
    for (std::size_t r = 0; r < mesh.size(); ++r) CHECK(copies.shard(r).to_host() == host);
    CHECK(copies.to_host() == host);
  });
}

TEST_CASE("bools and several axes, split along any") {
  ls::mesh const mesh = ls::mesh::cpu(3);
  std::vector<bool> const flags = {true, false, false, true, true, false, true};
  CHECK(ls::sharded<bool>(mesh, flags).to_host() == flags);
  ls::shape const extents(7, 5, 4);
  auto const host = random_values<int>(140, 1);
  for (std::size_t axis : {0, 1, 2}) {
    ls::sharded<int, 3> x(mesh, extents, std::span(host), ls::split_along(ls::axis(axis)));
    CHECK(x.to_host() == host);
    for (std::size_t r = 0; r < 3; ++r) CHECK(x.shard(r).extent(axis) == ls::rank_rows(extents[axis], r, 3).size());
    x = x * 2 + 1;
    auto const after = x.to_host();
    for (std::size_t i = 0; i < host.size(); ++i) CHECK(after[i] == host[i] * 2 + 1);
  }
}

TEST_CASE("copies are copies, moves are cheap, an expression may outlive its arrays") {
  ls::mesh const mesh = ls::mesh::cpu(4);
  auto const host = random_values<int>(1000, 2);
  ls::sharded<int> x(mesh, host), y = x;
  y = y + 1;
  CHECK(x.to_host() == host);
  int const* const data = x.shard(2).data();
  ls::sharded<int> moved = std::move(x);
  CHECK(moved.shard(2).data() == data);
  CHECK(!x.has_storage());
  x = moved;
  CHECK(x.shard(2).data() != data);
  auto const lazy = [&] {
    ls::sharded<int> local(mesh, host);
    return local * 3;
  }();
  ls::sharded const deduced = lazy;
  ls::sharded<int> shapeless;
  shapeless = lazy;
  for (std::size_t i = 0; i < host.size(); ++i) {
    CHECK(deduced.to_host()[i] == 3 * host[i]);
    if (i > 3) break;
  }
  CHECK(shapeless.to_host() == deduced.to_host());
}

TEST_CASE("expressions are evaluated where their operands lie") {
  for_each_length([](ls::mesh const& mesh, std::size_t n) {
    auto const a = random_values<float>(n, 3), b = random_values<float>(n, 4);
    ls::sharded<float> const x(mesh, a);
    ls::sharded<float> const y(mesh, b, ls::replicated);
    ls::sharded<float> z(mesh, n);
    std::vector<float> want(n);
    z = ls::where(x > y, x - y, 2.0f * ls::abs(y));
    for (std::size_t i = 0; i < n; ++i) want[i] = a[i] > b[i] ? a[i] - b[i] : 2 * std::abs(b[i]);
    CHECK(z.to_host() == want);
    z += x;
    for (std::size_t i = 0; i < n; ++i) want[i] += a[i];
    CHECK(z.to_host() == want);
    z = ls::cast<float>(ls::indices()) + x;
    for (std::size_t i = 0; i < n; ++i) want[i] = float(i) + a[i];
    CHECK(z.to_host() == want);
    z = 4.0f;
    CHECK(z.to_host() == std::vector<float>(n, 4.0f));
  });
}

TEST_CASE("rows split, columns broadcast") {
  ls::mesh const mesh = ls::mesh::cpu(3);
  ls::shape const extents(11, 6);
  auto const a = random_values<float>(66, 5), b = random_values<float>(6, 6);
  ls::sharded<float, 2> x(mesh, extents, std::span(a));
  ls::sharded<float> const row(mesh, b, ls::replicated);
  x = x + row * ls::cast<float>(ls::indices(ls::axis(0)));
  auto const got = x.to_host();
  for (std::size_t i = 0; i < 66; ++i) CHECK(got[i] == a[i] + b[i % 6] * float(i / 6));
}

TEST_CASE("stencils get the elements beside their part, however far they are") {
  for_each_length([](ls::mesh const& mesh, std::size_t n) {
    auto const a = random_values<float>(n, 7);
    ls::sharded<float> x(mesh, a), y(mesh, n);
    auto const size = ls::index(n);
    for (ls::index step : {1, -1, 3, -70, 5000}) {
      for (ls::boundary rule : {ls::boundary::zero, ls::boundary::clamp, ls::boundary::wrap}) {
        y = x - 2.0f * ls::neighbor(x + 1.0f, step, rule);
        std::vector<float> want(n);
        for (ls::index i = 0; i < size; ++i) {
          ls::index at = i + step;
          bool const inside = at >= 0 && at < size;
          if (rule == ls::boundary::clamp) at = std::clamp<ls::index>(at, 0, size - 1);
          if (rule == ls::boundary::wrap) at = ((at % size) + size) % size;
          float const beside = inside || rule != ls::boundary::zero ? a[std::size_t(at)] + 1 : 0;
          want[std::size_t(i)] = a[std::size_t(i)] - 2 * beside;
        }
        REQUIRE(y.to_host() == want);
      }
    }
    x = ls::neighbor(ls::neighbor(x, 1), -2);  // onto itself
    std::vector<float> want(n);
    for (ls::index i = 0; i < size; ++i)
      want[std::size_t(i)] = a[std::size_t(std::min(std::max<ls::index>(i - 2, 0) + 1, size - 1))];
    CHECK(x.to_host() == want);
  });
}

TEST_CASE("stencils over rows") {
  for (std::size_t ranks = 1; ranks <= 5; ++ranks) {
    ls::mesh const mesh = ls::mesh::cpu(ranks);
    ls::index const rows = 13, columns = 9;
    auto const a = random_values<float>(std::size_t(rows * columns), 8);
    ls::sharded<float, 2> x(mesh, ls::shape(rows, columns), std::span(a));
    ls::sharded<float, 2> y(mesh, x.shape());
    y = ls::neighbor(x, {1, 0}, ls::boundary::zero) + ls::neighbor(x, {-1, 0}, ls::boundary::wrap) +
        ls::neighbor(x, {0, 1}, ls::boundary::clamp) - ls::neighbor(x, {-2, -1}, ls::boundary::zero);
    auto const at = [&](ls::index i, ls::index j) { return a[std::size_t(i * columns + j)]; };
    auto const got = y.to_host();
    for (ls::index i = 0; i < rows; ++i)
      for (ls::index j = 0; j < columns; ++j) {
        float const want = (i + 1 < rows ? at(i + 1, j) : 0) + at((i + rows - 1) % rows, j) +
                           at(i, std::min(j + 1, columns - 1)) - (i >= 2 && j >= 1 ? at(i - 2, j - 1) : 0);
        CHECK(got[std::size_t(i * columns + j)] == want);
      }
  }
}

TEST_CASE("what does not fit is refused before anything is changed") {
  ls::mesh const mesh = ls::mesh::cpu(2), other = ls::mesh::cpu(3);
  auto const host = random_values<float>(100, 9);
  ls::sharded<float> x(mesh, host), elsewhere(other, host), longer(mesh, 101);
  ls::sharded<float> const copies(mesh, host, ls::replicated);
  ls::array<float> const alone(ls::device::cpu(), host);
  CHECK(contains(message_of<ls::shape_error>([&] { x = longer + 1.0f; }), "(101,)"));
  CHECK(contains(message_of<ls::device_error>([&] { x = elsewhere + 1.0f; }), "reshard(x, mesh)"));
  CHECK(contains(message_of<ls::device_error>([&] { x = x + elsewhere; }), "different meshes"));
  CHECK(contains(message_of<ls::device_error>([&] { x = x + alone; }), "sharded(mesh, array, replicated)"));
  ls::sharded<float> target(mesh, ls::shape(100), ls::replicated);
  CHECK(contains(message_of<ls::device_error>([&] { target = x + copies; }), "split along the last axis"));
  CHECK(contains(message_of<ls::shape_error>([&] { ls::sharded<float>(mesh, ls::shape(4), std::span(host)); }),
                 "found 100 values for the shape (4,)"));
  CHECK(contains(
      message_of<ls::shape_error>([&] { ls::sharded<float>(mesh, ls::shape(4), ls::split_along(ls::axis(1))); }),
      "found axis 1 to split along"));
  CHECK(contains(message_of<ls::shape_error>([] { ls::sharded<float>().to_host(); }), "without a shape"));
  CHECK(contains(message_of<ls::device_error>([&] { static_cast<void>(x.shard(2)); }), "rank 2"));
  CHECK(contains(message_of<ls::device_error>([&] { static_cast<void>(ls::sharded<float>(alone + 1.0f)); }),
                 "sharded(mesh, array, replicated)"));
  ls::sharded<float, 2> const rows(mesh, ls::shape(8, 8)), columns(mesh, ls::shape(8, 8), ls::split_along(ls::axis(1)));
  ls::sharded<float, 2> both(mesh, ls::shape(8, 8));
  CHECK(contains(message_of<ls::device_error>([&] { both = rows + columns; }), "reshard(x, split_along(axis))"));
  CHECK(x.to_host() == host);
  x.shard(1) = ls::array<float>(mesh.device(1), 3);
  CHECK(contains(message_of<ls::shape_error>([&] { x = x + 1.0f; }), "found a shard of the shape (3,) on rank 1"));
}

TEST_CASE("a rank that fails ends the others, and the mesh works on") {
  ls::mesh const mesh = ls::mesh::cpu(4);
  ls::sharded<int> x(mesh, std::vector<int>(1000, 1));
  for (int round = 0; round < 20; ++round) {
    CHECK_THROWS_AS(x = ls::map(ls::host_only([](ls::index i) -> int {
                                  if (i == 700) throw std::domain_error("no");
                                  return 0;
                                }),
                                ls::indices() + ls::cast<ls::index>(x) - 1),
                    std::domain_error);
    x = x * 0 + round;
    CHECK(int(ls::sum(x)) == 1000 * round);
    x = 1;
  }
}

TEST_CASE("meshes of the same devices are one mesh, whatever their timeouts") {
  ls::mesh mesh = ls::mesh::cpu(3);
  ls::sharded<int> const a(mesh, std::vector<int>(100, 1));
  ls::sharded<int> const b(mesh.set_timeout(60), std::vector<int>(100, 2));
  CHECK((a + b).to_host() == std::vector<int>(100, 3));
  ls::sharded<int> c(mesh, 100);
  c = a * b;
  CHECK(int(ls::sum(c)) == 200);
}

TEST_CASE("a value without axes beside a stencil") {
  ls::mesh const mesh = ls::mesh::cpu(3);
  ls::sharded<float, 0> s(mesh, ls::shape<0>());
  s = 2.0f;
  auto const host = random_values<float>(1000, 3);
  ls::sharded<float> x(mesh, host);
  x = ls::neighbor(x * s, 1);
  auto const got = x.to_host();
  for (std::size_t i = 0; i < host.size(); ++i) CHECK(got[i] == 2 * host[std::min(i + 1, host.size() - 1)]);
}
