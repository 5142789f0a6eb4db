// Covers: reduce: sum max argmax; types: integers float
// Covers: matmul: matmul matvec; types: float
// Reductions of sharded arrays along an axis, and products of matrices: against plain loops, and the bits of one
// device.
#include "sharded_values.hpp"

using namespace sharded_test;

namespace {

std::vector<float> reals(std::size_t n, std::uint64_t seed) {
  ls::test::generator random(seed);
  std::vector<float> host(n);
  for (float& v : host) v = float(random.between(-1, 1));
  return host;
}

}  // namespace

TEST_CASE("along the rows and along the columns, wherever the array is split") {
  for (std::size_t ranks = 1; ranks <= 7; ++ranks)
    for (ls::index rows : {1, 5, 64, 65, 1000, 256 * 7 + 3, 5000})
      for (ls::index columns : {1, 3, 130}) {
        INFO("devices ", ranks, " rows ", rows, " columns ", columns);
        ls::mesh const mesh = ls::mesh::cpu(ranks);
        ls::shape const extents(rows, columns);
        auto const host = reals(std::size_t(rows * columns), std::uint64_t(rows));
        ls::array<float, 2> const one(ls::device::cpu(), extents, std::span<float const>(host));
        // Bits are those of one device where parts begin at multiples of 64, and, of columns, where each device has
        // two.
        bool const exact = ranks == 1 || columns == 1 || rows >= 4 * ls::index(ranks) * 64;
        bool const exact_columns = columns == 1 || columns >= 2 * ls::index(ranks);
        for (ls::placement placed : {ls::split_along(ls::axis(0)), ls::split_along(ls::axis(1)), ls::replicated}) {
          ls::sharded<float, 2> const x(mesh, extents, std::span<float const>(host), placed);
          bool const by_rows = placed == ls::split_along(ls::axis(0)),
                     by_columns = placed == ls::split_along(ls::axis(1));
          ls::sharded<float> const of_rows = ls::sum(x, ls::axis(1)), of_columns = ls::sum(x, ls::axis(0));
          CHECK(of_rows.placed() == (by_rows ? ls::split_along(ls::axis(0)) : ls::replicated));
          CHECK(of_columns.placed() == (by_columns ? ls::split_along(ls::axis(0)) : ls::replicated));
          auto const got_rows = of_rows.to_host(), got_columns = of_columns.to_host();
          if (!by_columns) CHECK(same_bits(got_rows, ls::sum(one, ls::axis(1)).to_host()));
          if (by_columns ? exact_columns : exact || !by_rows)
            CHECK(same_bits(got_columns, ls::sum(one, ls::axis(0)).to_host()));
          double worst = 0;
          for (ls::index j = 0; j < columns; ++j) {
            double truth = 0;
            for (ls::index i = 0; i < rows; ++i) truth += host[std::size_t(i * columns + j)];
            worst = std::max(worst, std::abs(truth - got_columns[std::size_t(j)]));
          }
          CHECK(worst < 1e-4);
          worst = 0;
          for (ls::index i = 0; i < rows; ++i) {
            double truth = 0;
            for (ls::index j = 0; j < columns; ++j) truth += host[std::size_t(i * columns + j)];
            worst = std::max(worst, std::abs(truth - got_rows[std::size_t(i)]));
          }
          CHECK(worst < 1e-4);
          auto const places = ls::argmax(x, ls::axis(0)).to_host();
          for (ls::index j = 0; j < columns; ++j) {
            ls::index best = 0;
            for (ls::index i = 1; i < rows; ++i)
              if (host[std::size_t(i * columns + j)] > host[std::size_t(best * columns + j)]) best = i;
            CHECK(places[std::size_t(j)] == best);
          }
        }
      }
}

TEST_CASE("inside of expressions, and three axes") {
  for (std::size_t ranks : {1, 3, 4}) {
    ls::mesh const mesh = ls::mesh::cpu(ranks);
    ls::shape const extents(300, 4, 6);
    auto const host = random_values<int>(7200, 3);
    for (std::size_t split : {0, 1, 2}) {
      ls::sharded<int, 3> const x(mesh, extents, std::span<int const>(host), ls::split_along(ls::axis(split)));
      for (std::size_t along : {0, 1, 2}) {
        auto const got = ls::sum(x, ls::axis(along)).to_host();
        ls::index const inner = along == 2 ? 1 : along == 1 ? 6 : 24, length = extents[along];
        std::vector<std::int64_t> want(got.size(), 0);
        for (ls::index i = 0; i < 7200; ++i)
          want[std::size_t(i / (inner * length) * inner + i % inner)] += host[std::size_t(i)];
        CHECK(got == want);
      }
    }
    ls::shape const matrix(50, 6);
    auto const values = random_values<float>(300, 4);
    ls::sharded<float, 2> const m(mesh, matrix, std::span<float const>(values));
    ls::sharded<float, 2> centered(mesh, matrix), scaled(mesh, matrix);
    centered = m - ls::max(m, ls::axis(0));
    scaled = m - ls::column(ls::max(m, ls::axis(1)));
    auto const c = centered.to_host(), s = scaled.to_host();
    for (std::size_t i = 0; i < 50; ++i)
      for (std::size_t j = 0; j < 6; ++j) {
        float of_column = -100, of_row = -100;
        for (std::size_t k = 0; k < 50; ++k) of_column = std::max(of_column, values[k * 6 + j]);
        for (std::size_t k = 0; k < 6; ++k) of_row = std::max(of_row, values[i * 6 + k]);
        CHECK(c[i * 6 + j] == values[i * 6 + j] - of_column);
        CHECK(s[i * 6 + j] == values[i * 6 + j] - of_row);
      }
  }
}

TEST_CASE("along the split axis, of operands for which the ranks must communicate") {
  for (std::size_t ranks : {2, 3, 4})
    for (std::size_t rows : {1, 3, 257, 1000, 1024}) {
      INFO("devices ", ranks, " rows ", rows);
      auto const mesh = ls::mesh::cpu(ranks);
      std::size_t const columns = 6;
      auto const host = random_values<int>(rows * columns, rows, -100, 100);
      ls::sharded<int, 2> const x(mesh, {rows, columns}, std::span<int const>(host));
      std::vector<int> largest(columns, -1000);
      for (std::size_t i = 0; i < host.size(); ++i) largest[i % columns] = std::max(largest[i % columns], host[i]);
      std::vector<std::int64_t> below(columns), steps(columns);
      for (std::size_t i = 0; i < host.size(); ++i) {
        below[i % columns] += host[i] - largest[i % columns];
        if (i + columns < host.size()) steps[i % columns] += std::abs(host[i + columns] - host[i]);
      }
      CHECK(ls::sum(x - ls::max(x, ls::axis(0)), ls::axis(0)).to_host() == below);
      CHECK(ls::sum(ls::abs(ls::neighbor(x, {1, 0}) - x), ls::axis(0)).to_host() == steps);
    }
}

TEST_CASE("along an axis without elements") {
  ls::mesh const mesh = ls::mesh::cpu(3);
  ls::sharded<float, 2> const none(mesh, ls::shape(0, 4));
  CHECK(ls::sum(none, ls::axis(0)).to_host() == std::vector<float>(4, 0.0f));
  CHECK(ls::sum(none, ls::axis(1)).to_host().empty());
  CHECK_THROWS_AS(static_cast<void>(ls::max(none, ls::axis(0)).to_host()), ls::error);
}

TEST_CASE("products: rows of the left operand split, columns of the right one") {
  for (std::size_t ranks = 1; ranks <= 5; ++ranks) {
    ls::mesh const mesh = ls::mesh::cpu(ranks);
    ls::index const n = 37, depth = 20, m = 11;
    auto const a = random_values<float>(std::size_t(n * depth), 5, -4, 4),
               b = random_values<float>(std::size_t(depth * m), 6, -4, 4);
    std::vector<float> want(std::size_t(n * m), 1.0f), by_vector(std::size_t(n), 0.0f);
    for (ls::index i = 0; i < n; ++i)
      for (ls::index k = 0; k < depth; ++k) {
        for (ls::index j = 0; j < m; ++j)
          want[std::size_t(i * m + j)] += a[std::size_t(i * depth + k)] * b[std::size_t(k * m + j)];
        by_vector[std::size_t(i)] += a[std::size_t(i * depth + k)] * b[std::size_t(k)];
      }
    auto const near = [](std::vector<float> const& x, std::vector<float> const& y) {
      double worst = x.size() == y.size() ? 0 : 1;
      for (std::size_t i = 0; i < x.size() && i < y.size(); ++i) worst = std::max(worst, double(std::abs(x[i] - y[i])));
      return worst < 1e-3;
    };
    ls::sharded<float, 2> const rows(mesh, ls::shape(n, depth), std::span<float const>(a));
    ls::sharded<float, 2> const whole_a(mesh, ls::shape(n, depth), std::span<float const>(a), ls::replicated);
    ls::sharded<float, 2> const whole_b(mesh, ls::shape(depth, m), std::span<float const>(b), ls::replicated);
    ls::sharded<float, 2> const columns(mesh, ls::shape(depth, m), std::span<float const>(b),
                                        ls::split_along(ls::axis(1)));
    ls::sharded<float, 2> c(mesh, ls::shape(n, m));
    c = ls::matmul(rows, whole_b) + 1.0f;
    CHECK(near(c.to_host(), want));
    ls::sharded<float, 2> const d = ls::matmul(whole_a, columns) + 1.0f;
    CHECK(d.placed() == ls::split_along(ls::axis(1)));
    CHECK(near(d.to_host(), want));
    ls::sharded<float> const x(mesh, ls::shape(depth), std::span<float const>(b.data(), std::size_t(depth)),
                               ls::replicated);
    CHECK(near(ls::matvec(rows, x).to_host(), by_vector));
    if (ranks > 1) {
      CHECK_THROWS_AS(static_cast<void>(ls::matmul(rows, columns).to_host()), ls::device_error);
      ls::sharded<float, 2> const deep(mesh, ls::shape(depth, m), std::span<float const>(b));
      CHECK(contains(message_of<ls::device_error>([&] { static_cast<void>(ls::matmul(whole_a, deep).to_host()); }),
                     "reshard(x, replicated)"));
    }
  }
}
