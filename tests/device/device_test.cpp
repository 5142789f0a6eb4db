// Runs on: cpu
// device: names, equality, and parallel loops on a device's own threads.
#include <doctest/doctest.h>

#include <atomic>
#include <lockstep/device/device.hpp>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/values.hpp"

namespace device_tests {

using lockstep::device, lockstep::index;
using lockstep::test::contains, lockstep::test::message_of;

std::vector<std::size_t> const thread_counts{1, 2, 3, 4, 7};

/// How often each step of a loop was run.
std::vector<int> counts_of(device const& dev, index steps) {
  std::vector<std::atomic<int>> counts(static_cast<std::size_t>(std::max<index>(steps, 0)));
  dev.run(steps, [&](index step) { ++counts.at(static_cast<std::size_t>(step)); });
  return {counts.begin(), counts.end()};
}

TEST_CASE("parse reads the names of devices") {
  CHECK(device::parse("cpu") == device::cpu());
  CHECK(device::parse("cpu:0") == device::cpu());
  CHECK(device::parse("cpu:3") == device::cpu(3));
  CHECK(device::parse("cpu:3").threads() == 3);
  CHECK(device::parse("cpu:3").name() == "cpu:3");
  CHECK(device::parse(device::cpu(2).name()) == device::cpu(2));
  CHECK(device::cpu(3).is_cpu());
  CHECK(!device::cpu(3).is_gpu());
  CHECK(lockstep::default_device() == device::cpu());
}

TEST_CASE("parse refuses anything else and says what it reads") {
  for (char const* text : {"", "cp", "cpux", "CPU", " cpu", "cpu ", "cpu:", "cpu:-1", "cpu:1x", "cpu:1:2",
                           "cpu:1234567", "tpu:0", "gpu:", "gpu:one"}) {
    INFO("text: ", text);
    std::string const message = message_of<lockstep::device_error>([&] { static_cast<void>(device::parse(text)); });
    CHECK(contains(message, "\"" + std::string(text) + "\""));
    CHECK(contains(message, "cpu:THREADS"));
  }
}

TEST_CASE("a program without CUDA code has no GPUs and says what to do") {
  for (char const* text : {"gpu", "gpu:0", "gpu:3"}) {
    std::string const message = message_of<lockstep::device_error>([&] { static_cast<void>(device::parse(text)); });
    CHECK(contains(message, "nvcc"));
  }
}

TEST_CASE("an empty handle says that it is one") {
  device const none;
  CHECK(!none.valid());
  CHECK(contains(message_of<lockstep::device_error>([&] { static_cast<void>(none.name()); }), "empty handle"));
  CHECK_THROWS_AS(static_cast<void>(none.is_cpu()), lockstep::device_error);
  CHECK_THROWS_AS(none.run(2, [](index) {}), lockstep::device_error);
}

TEST_CASE("handles are equal when they name one device") {
  CHECK(device::cpu(2) == device::cpu(2));
  CHECK(!(device::cpu(2) == device::cpu(3)));
  device const a = device::new_cpu(2, 0), b = device::new_cpu(2, 1), copy = a;
  CHECK(copy == a);
  CHECK(!(a == b));
  CHECK(!(a == device::cpu(2)));
  CHECK(a.threads() == 2);
  CHECK(b.number() == 1);
  CHECK(a.name() != b.name());
}

TEST_CASE("run calls every step once") {
  for (std::size_t threads : thread_counts)
    for (index steps : {-1, 0, 1, 2, 3, 7, 64, 1000, 10007}) {
      INFO("threads ", threads, ", steps ", steps);
      CHECK(counts_of(device::cpu(threads), steps) ==
            std::vector<int>(static_cast<std::size_t>(std::max<index>(steps, 0)), 1));
    }
}

TEST_CASE("run uses no more threads than the device has, and one thread is the caller's") {
  for (std::size_t threads : thread_counts) {
    std::atomic<int> inside{0}, most{0};
    device::cpu(threads).run(200, [&](index) {
      int const now = ++inside;
      for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) continue;
      std::this_thread::yield();
      --inside;
    });
    CHECK(most >= 1);
    CHECK(static_cast<std::size_t>(most) <= threads);
  }
  device::cpu(1).run(10, [caller = std::this_thread::get_id()](index) { CHECK(std::this_thread::get_id() == caller); });
}

TEST_CASE("run rethrows what a step throws, and the device works on") {
  for (std::size_t threads : thread_counts)
    for (index steps : {1, 2, 1000}) {
      INFO("threads ", threads, ", steps ", steps);
      device const dev = device::cpu(threads);
      std::string const message = message_of<std::domain_error>([&] {
        dev.run(steps, [&](index step) {
          if (step == steps / 2) throw std::domain_error("step " + std::to_string(step));
        });
      });
      CHECK(message == "step " + std::to_string(steps / 2));
      CHECK_THROWS_AS(dev.run(steps, [](index) { throw std::domain_error("every step"); }), std::domain_error);
      CHECK(counts_of(dev, steps) == std::vector<int>(static_cast<std::size_t>(steps), 1));
    }
}

TEST_CASE("run inside run, on the same device and on another") {
  for (std::size_t outer : {1, 2, 4})
    for (std::size_t inner : {1, 2, 4}) {
      std::atomic<int> total{0};
      device::cpu(outer).run(13, [&](index) { device::cpu(inner).run(17, [&](index) { ++total; }); });
      CHECK(total == 13 * 17);
    }
}

TEST_CASE("several threads run loops on one device at once") {
  for (std::size_t threads : {1, 2, 3}) {
    device const dev = device::cpu(threads);
    std::vector<std::vector<int>> counts(6);
    std::vector<std::thread> users;
    for (auto& mine : counts)
      users.emplace_back([&dev, &mine] {
        for (int round = 0; round < 20; ++round) mine = counts_of(dev, 100 + round);
      });
    for (auto& user : users) user.join();
    for (auto const& mine : counts) CHECK(mine == std::vector<int>(119, 1));
  }
}

TEST_CASE("devices appear from several threads at once as one") {
  std::vector<device> found(8);
  std::vector<std::thread> users;
  for (auto& mine : found) users.emplace_back([&mine] { mine = device::cpu(5); });
  for (auto& user : users) user.join();
  for (auto const& mine : found) CHECK(mine == device::cpu(5));
}

TEST_CASE("copies and fills of every length are whole, in pieces and at once") {
  std::size_t const grain = lockstep::copy_grain_bytes;
  for (std::size_t threads : {1, 3}) {
    auto& state = device::cpu(threads).state();
    for (std::size_t bytes :
         {std::size_t{0}, std::size_t{1}, std::size_t{63}, grain - 1, grain, grain + 1, 3 * grain + 5}) {
      INFO("threads ", threads, ", bytes ", bytes);
      std::vector<unsigned char> const from = lockstep::test::random_values<unsigned char>(bytes, bytes, 0, 256);
      std::vector<unsigned char> to(bytes + 1, 7), back(bytes);
      state.copy_from_host(to.data(), from.data(), bytes);
      CHECK(to.back() == 7);
      state.copy_to_host(back.data(), to.data(), bytes);
      CHECK(lockstep::test::difference(back, from) == "");
    }
    for (std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{5}, grain / 3, grain / 3 + 1, grain}) {
      INFO("threads ", threads, ", count ", count);
      struct pixel {
        unsigned char r, g, b;
      } const red{200, 1, 2};
      std::vector<unsigned char> to(3 * count + 1, 7), expected;
      for (std::size_t i = 0; i < count; ++i) expected.insert(expected.end(), {200, 1, 2});
      expected.push_back(7);
      state.fill(to.data(), &red, sizeof(red), count);
      CHECK(lockstep::test::difference(to, expected) == "");
    }
  }
}

}  // namespace device_tests
