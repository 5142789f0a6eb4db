// A thread of its own works now and then, and ends at once when it is to.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include <lockstep/core/background_thread.hpp>

namespace ls = lockstep;

TEST_CASE("a background thread works each time it has slept") {
  std::atomic<int> times{0};
  ls::background_thread const thread([&](auto const& sleeps) {
    while (sleeps(0.001)) ++times;
  });
  while (times < 3) std::this_thread::yield();  // for ever if it doesn't
  CHECK(times >= 3);
}

TEST_CASE("a background thread is woken to end") {
  bool slept = true;
  auto const begin = std::chrono::steady_clock::now();
  {
    ls::background_thread const thread([&](auto const& sleeps) { slept = sleeps(1000); });
  }
  CHECK(!slept);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(500));
}

TEST_CASE("a background thread may return before it is to end") {
  std::atomic<bool> returned{false};
  {
    ls::background_thread const thread([&](auto const&) { returned = true; });
  }
  CHECK(returned);
}
