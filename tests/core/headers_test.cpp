// The standard library's and TBB's headers are whole after lockstep has taken parts of them.
#include <doctest/doctest.h>

// First lockstep, which includes parts, then the whole headers: clang-format would sort them.
// clang-format off
#include <lockstep/lockstep.hpp>

#include <immintrin.h>

#include <algorithm>
#include <condition_variable>
#include <future>
#include <iterator>
#include <memory>
#include <mutex>
#include <numeric>
#include <ostream>
#include <ranges>
#include <sstream>
#include <thread>
#include <vector>

#include <oneapi/tbb/parallel_for.h>
// clang-format on

namespace ls = lockstep;

TEST_CASE("smart pointers can be printed, and shared atomically") {
  std::ostringstream text, address;
  auto const p = std::make_unique<int>(3);
  text << p;
  address << p.get();
  CHECK(text.str() == address.str());
  std::atomic<std::shared_ptr<int>> shared(std::make_shared<int>(4));
  CHECK(*shared.load() == 4);
}

TEST_CASE("threads can be stopped and sleep, and mutexes be waited for") {
  std::jthread sleeper([](std::stop_token stop) {
    while (!stop.stop_requested()) std::this_thread::sleep_for(std::chrono::microseconds(1));
  });
  sleeper.request_stop();
  sleeper.join();
  std::timed_mutex mutex;
  std::unique_lock lock(mutex, std::chrono::seconds(1));
  CHECK(lock.owns_lock());
  std::once_flag once;
  int calls = 0;
  for (int i = 0; i < 2; ++i) std::call_once(once, [&] { ++calls; });
  CHECK(calls == 1);
  CHECK(std::async([] { return 5; }).get() == 5);
}

TEST_CASE("ranges, stream iterators, intrinsics and TBB's loops") {
  std::vector<int> values{3, 1, 2};
  std::ranges::sort(values);
  std::ostringstream text;
  std::copy(values.begin(), values.end(), std::ostream_iterator<int>(text, " "));
  CHECK(text.str() == "1 2 3 ");
#if defined(__x86_64__)
  _mm_pause();
  CHECK(_mm_cvtsi128_si32(_mm_set1_epi32(7)) == 7);
#endif
  std::vector<float> x(1000, 1);
  oneapi::tbb::parallel_for(std::size_t{0}, x.size(), [&](std::size_t i) { x[i] = static_cast<float>(i); });
  ls::array<float> y(ls::device::cpu(2), x);
  CHECK(ls::sum(y) == std::accumulate(x.begin(), x.end(), 0.0f));
}
