// Covers: map: neighbor; types: float
// What operations on sharded arrays send where ranks have nothing but messages: exactly the messages and bytes that
// reach what ranks lack.
#include <thread>

#include "core_engine.hpp"
#include "sharded_values.hpp"

using namespace sharded_test;

namespace {

/// The ranks of a CPU mesh, over engines that offer the required core and nothing else.
class message_ranks final : public ls::mesh_ranks {
 public:
  explicit message_ranks(std::size_t ranks) : mesh_ranks(ls::mesh::cpu(ranks)) {
    auto const shared = std::make_shared<mesh_test::hub>(ranks);
    for (std::size_t rank = 0; rank < ranks; ++rank)
      communicators.emplace_back(mesh_test::core_engine(shared, rank), devices().device(rank));
  }
  void run(void (*f)(void*, ls::communicator&), void* context) override {
    std::vector<std::thread> threads;
    for (auto& each : communicators) threads.emplace_back([&] { f(context, each); });
    for (auto& thread : threads) thread.join();
  }
  std::vector<ls::traffic> sent() const {
    std::vector<ls::traffic> all;
    for (auto const& each : communicators) all.push_back({each.statistics().messages, each.statistics().bytes});
    return all;
  }

  std::vector<ls::communicator> communicators;
};

/// What each rank sends for f().
template <class F>
std::vector<ls::traffic> sent_by(message_ranks const& ranks, F const& f) {
  auto const before = ranks.sent();
  f();
  auto found = ranks.sent();
  for (std::size_t r = 0; r < found.size(); ++r)
    found[r].messages -= before[r].messages, found[r].bytes -= before[r].bytes;
  return found;
}

/// A sharded array of random values, split along its first axis.
template <std::size_t Rank>
ls::sharded<float, Rank> filled(std::shared_ptr<message_ranks> const& ranks, ls::shape<Rank> const& extents) {
  ls::sharded<float, Rank> x(ranks, extents, ls::placement(0));
  auto const host = random_values<float>(extents.size(), 1);
  ls::index const row = static_cast<ls::index>(extents.size()) / extents[0];
  for (std::size_t r = 0; r < ranks->size(); ++r) {
    auto const rows = x.shared_shards()->rows(r);
    std::copy(host.begin() + rows.begin * row, host.begin() + rows.end * row, x.shard(r).data());
  }
  return x;
}

}  // namespace

TEST_CASE("a halo takes one message to each rank beside, with the rows that it lacks") {
  for (std::size_t p = 1; p <= 7; ++p)
    for (ls::boundary rule : {ls::boundary::zero, ls::boundary::clamp, ls::boundary::wrap}) {
      CAPTURE(p);
      bool const wraps = rule == ls::boundary::wrap && p > 1;
      auto const ranks = std::make_shared<message_ranks>(p);
      for (ls::index width : {1, 3}) {
        // One node in both directions: what rank r + 1 and rank r - 1 lack goes out in one exchange each.
        ls::sharded<float, 2> const x = filled(ranks, ls::shape(7000, 5));
        ls::sharded<float, 2> y(ranks, x.shape(), ls::placement(0));
        auto const down = sent_by(*ranks, [&] { y = ls::neighbor(x, {width, 0}, rule); });
        auto const both = sent_by(*ranks, [&] {
          y = ls::neighbor(x + ls::neighbor(x, {-2, 1}, rule), {width, 0}, rule);
        });
        for (std::size_t r = 0; r < p; ++r) {
          CAPTURE(r);
          bool const above = r > 0 || wraps, below = r + 1 < p || wraps;
          std::size_t const row = 5 * sizeof(float), rows = std::size_t(width);
          CHECK(down[r].messages == above);
          CHECK(down[r].bytes == above * rows * row);
          // x with what lies `width` after, and, inside, with `width` after and two before.
          std::size_t const inner = p == 2 && wraps ? 1 : above + below;
          CHECK(both[r].messages == above + inner);
          CHECK(both[r].bytes == (2 * above * rows + 2 * below) * row);
        }
      }
    }
}

TEST_CASE("expressions of equally split arrays send nothing, and a step of 0 is no halo") {
  auto const ranks = std::make_shared<message_ranks>(4);
  ls::sharded<float> const x = filled(ranks, ls::shape(100'000));
  ls::sharded<float> y(ranks, x.shape(), ls::placement(0));
  for (auto const& each : sent_by(*ranks, [&] { y = x * 2.0f + ls::neighbor(x, 0) - y; })) {
    CHECK(each.messages == 0);
    CHECK(each.bytes == 0);
  }
}

TEST_CASE("halos that reach beyond the next rank come from every rank that has some") {
  std::size_t const p = 4, n = 4 * 16384;
  auto const ranks = std::make_shared<message_ranks>(p);
  ls::sharded<float> const x = filled(ranks, ls::shape(n));
  ls::sharded<float> y(ranks, x.shape(), ls::placement(0));
  std::size_t const part = n / p, step = part + part / 2;  // all of the next rank's, and half of the one's after it
  auto const found = sent_by(*ranks, [&] { y = ls::neighbor(x, ls::index(step), ls::boundary::zero); });
  for (std::size_t r = 0; r < p; ++r) {
    CHECK(found[r].messages == std::min<std::size_t>(r, 2));
    CHECK(found[r].bytes == (r == 0 ? 0 : r == 1 ? part : part + part / 2) * sizeof(float));
  }
}
