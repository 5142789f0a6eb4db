// Runs on: cpu
// explain: passes, bytes and temporaries of a dozen expressions, worked out by hand; and that looking runs nothing.
#include <doctest/doctest.h>

#include <lockstep/lockstep.hpp>

#include "support/values.hpp"

namespace explain_tests {

using lockstep::array, lockstep::axis, lockstep::device, lockstep::explain, lockstep::index, lockstep::shape;
using lockstep::test::contains;

struct expected {
  std::size_t passes, read, written, fewest, temporaries;
};
template <class E>
void check(E const& e, expected const& want) {
  auto const plan = explain(e);
  INFO(lockstep::to_string(plan));
  CHECK(plan.passes == want.passes);
  CHECK(plan.bytes_read == want.read);
  CHECK(plan.bytes_written == want.written);
  CHECK(plan.bytes_fewest == want.fewest);
  CHECK(plan.temporaries.size() == want.temporaries);
  CHECK(plan.steps.size() == want.passes);
  std::size_t read = 0, written = 0;
  for (auto const& step : plan.steps) read += step.bytes_read, written += step.bytes_written;
  CHECK(read == want.read);
  CHECK(written == want.written);
}

TEST_CASE("passes, bytes and temporaries, by hand") {
  device const dev = device::cpu(2);
  array<float> const a(dev, 1000), b(dev, 1000);      // 4000 bytes each
  array<float, 2> const m(dev, {20, 50});             // 4000 bytes
  array<double> const row(dev, 50), wide(dev, 1000);  // 400 and 8000 bytes

  check(a, {1, 4000, 4000, 8000, 0});           // a copy
  check(a + b, {1, 8000, 4000, 12000, 0});      // both once, one result
  check(a * a + b, {1, 8000, 4000, 12000, 0});  // a is read once per element, however often it is named
  check(a + wide, {1, 12000, 8000, 20000, 0});  // a double result
  check(a > b, {1, 8000, 1000, 9000, 0});       // booleans of a byte
  check(m + row, {1, 4400, 8000, 12400, 0});    // the row is counted once: distinct bytes
  check(a + neighbor(a, 1), {1, 4000, 4000, 8000, 0});
  check(a.slice(0, 500) + a.slice(500, 1000), {1, 4000, 2000, 6000, 0});
  check(lockstep::indices(shape{1000}), {1, 0, 8000, 8000, 0});                 // reads nothing
  check(lockstep::sum(lockstep::square(a - b)), {1, 8000, 4, 8004, 0});         // stores nothing of size n
  check(lockstep::sum(m, axis(0)), {1, 4000, 200, 4200, 0});                    // 50 sums
  check(lockstep::inclusive_scan(a + b), {1, 8000, 4000, 12000, 0});            // one pass, too
  check(a / lockstep::sum(a), {2, 8004, 4004, 8000, 1});                        // the sum: 4 bytes out and in again
  check(m - lockstep::mean(m, axis(0)), {2, 8200, 4200, 8000, 1});              // 50 means out and in again
  check(2.0f * lockstep::inclusive_scan(a), {2, 8000, 8000, 8000, 1});          // the scan out and in again
  check(lockstep::sum(a) + lockstep::max(a), {3, 8008, 12, 4004, 2});           // two reductions, then 4 + 4 -> 4
  check(lockstep::sum(lockstep::inclusive_scan(a)), {2, 8000, 4004, 4004, 1});  // a scan, then its sum
}

TEST_CASE("several outputs and assignments are passes of what they hold") {
  array<float> const none(device::cpu(2), 0);
  check(none + 1.0f, {1, 0, 0, 0, 0});
  array<float, 0> const value(device::cpu(2), shape<0>());
  check(value * 2.0f, {1, 4, 4, 8, 0});
}

TEST_CASE("each temporary has its size and its reason, each pass its expression") {
  array<float> const a(device::cpu(2), 1000);
  auto const plan = explain(a / lockstep::sum(a));
  CHECK(contains(plan.temporaries.at(0), "4 bytes for sum(float[1000])"));
  CHECK(contains(plan.temporaries.at(0), "because"));
  CHECK(plan.steps.at(0).what == "sum(float[1000])");
  CHECK(plan.steps.at(1).what == "(float[1000] / sum(float[1000]))");
  std::string const text = lockstep::to_string(plan);
  for (char const* part : {"2 passes", "8004", "fewest possible 8000", "temporary: 4 bytes"})
    CHECK(contains(text, part));
  CHECK(contains(lockstep::to_string(explain(a + a)), "1 pass,"));
}

TEST_CASE("expressions describe themselves") {
  device const dev = device::cpu(2);
  array<float, 2> const m(dev, {2, 3});
  array<int> const k(dev, 3);
  CHECK(lockstep::to_text(-m + k) == "(negate(float[2, 3]) + int32[3])");
  CHECK(lockstep::to_text(where(m > 0.0f, m, 0)) == "where((float[2, 3] > 0.000000), float[2, 3], 0.000000)");
  CHECK(lockstep::to_text(lockstep::argmax(m, axis(1))) == "argmax(float[2, 3], axis 1)");
  CHECK(lockstep::to_text(lockstep::exclusive_scan(k * 2)) == "exclusive_scan((int32[3] * 2))");
  CHECK(lockstep::to_text(lockstep::column(k)) == "column(int32[3])");
  CHECK(lockstep::to_text(neighbor(m, {0, 1}).transpose()) == "transpose(neighbor(float[2, 3]))");
  CHECK(lockstep::to_text(lockstep::indices(shape{2, 3}, axis(1))) == "indices((2, 3), axis 1)");
  CHECK(lockstep::to_text(lockstep::indices() * 2) == "(indices(axis 0) * 2)");
}

TEST_CASE("explain runs nothing") {
  struct counter {
    int* calls;
    float operator()(float x) const { return ++*calls, x; }
  };
  int calls = 0;
  array<float> const a = lockstep::ones<float>(device::cpu(1), 10);
  CHECK(explain(a / lockstep::sum(lockstep::map(counter{&calls}, a))).passes == 2);
  CHECK(calls == 0);
}

TEST_CASE("what explain counts is what runs: elements read by an evaluation") {
  struct counter {
    long* calls;
    float operator()(float x) const { return ++*calls, x; }
  };
  long calls = 0;
  array<float> const a = lockstep::ones<float>(device::cpu(1), 5000);
  auto const counted = lockstep::map(counter{&calls}, a);
  array<float> y = counted * 2.0f + 1.0f;
  CHECK(calls == 5000);
  calls = 0;
  CHECK(float(lockstep::sum(counted + a)) == 10000);
  CHECK(calls == 5000);
  calls = 0;
  y = a / lockstep::sum(counted);  // once, not once per element
  CHECK(calls == 5000);
  calls = 0;
  y = lockstep::inclusive_scan(counted);
  CHECK(calls == 5000);
}

}  // namespace explain_tests
