// Runs on: cpu
// The same bits on any number of threads, exceptions out of parallel passes, arrays on different devices, and lambdas.
#include <doctest/doctest.h>

#include <atomic>
#include <lockstep/lockstep.hpp>
#include <stdexcept>
#include <thread>

#include "support/values.hpp"

namespace threads_tests {

using lockstep::array, lockstep::axis, lockstep::boundary, lockstep::device, lockstep::index, lockstep::shape;
using lockstep::test::contains, lockstep::test::difference, lockstep::test::generator, lockstep::test::message_of,
    lockstep::test::same_bits;

std::size_t const thread_counts[] = {1, 2, 3, 4, 7};

std::vector<float> noise(std::size_t n) {
  generator random(n);
  std::vector<float> values(n);
  for (float& v : values) v = static_cast<float>(random.between(-1, 1.5));
  return values;
}

TEST_CASE("sums and scans of floats have the same bits on 1, 2, 3, 4 and 7 threads") {
  for (std::size_t n : {33, 5000, 32769, 100003, 1000003}) {
    auto const host = noise(n);
    float expected_sum = 0, expected_norm = 0;
    std::vector<float> expected_scan, expected_exclusive;
    for (std::size_t threads : thread_counts) {
      INFO("n ", n, ", threads ", threads);
      array<float> const x(device::cpu(threads), host);
      float const sum = lockstep::sum(x), norm = lockstep::sum(lockstep::square(x - neighbor(x, 1)));
      auto const scan = inclusive_scan(x).to_host(), exclusive = exclusive_scan(x * x, 0.5f).to_host();
      if (threads == 1) expected_sum = sum, expected_norm = norm, expected_scan = scan, expected_exclusive = exclusive;
      CHECK(same_bits(sum, expected_sum));
      CHECK(same_bits(norm, expected_norm));
      CHECK(same_bits(scan, expected_scan));
      CHECK(same_bits(exclusive, expected_exclusive));
    }
  }
}

TEST_CASE("reductions by axis have the same bits on any number of threads") {
  for (shape<2> extents : {shape{3, 70001}, shape{70001, 3}, shape{513, 517}, shape{1000, 65}}) {
    auto const host = noise(extents.size());
    std::vector<float> expected[2];
    for (std::size_t threads : thread_counts) {
      array<float, 2> const m(device::cpu(threads), extents, host);
      for (std::size_t along : {0, 1}) {
        INFO("shape ", lockstep::to_string(extents), ", axis ", along, ", threads ", threads);
        auto const sums = lockstep::sum(m, axis(along)).to_host();
        if (threads == 1) expected[along] = sums;
        CHECK(same_bits(sums, expected[along]));
      }
    }
  }
}

TEST_CASE("several threads evaluate on one device at once, and find what each finds alone") {
  auto const host = noise(100003);
  for (std::size_t threads : {1, 3}) {
    device const dev = device::cpu(threads);
    array<float> const x(dev, host);
    float const sum = lockstep::sum(x);
    auto const scan = inclusive_scan(x).to_host();
    std::atomic<int> wrong{0};
    std::vector<std::thread> users;
    for (int user = 0; user < 4; ++user)
      users.emplace_back([&] {
        for (int round = 0; round < 3; ++round) {
          wrong += !same_bits(float(lockstep::sum(x)), sum);
          wrong += !same_bits(inclusive_scan(x).to_host(), scan);
          array<float> const y = x * 2.0f;
          wrong += y.to_host().back() != host.back() * 2;
        }
      });
    for (auto& user : users) user.join();
    CHECK(wrong == 0);
  }
}

/// Throws at one value.
struct trap {
  index at;
  index operator()(index x) const {
    if (x == at) throw std::domain_error("found " + std::to_string(x));
    return x;
  }
};
struct trapped_plus {
  index at;
  index operator()(index x, index y) const {
    if (y == at) throw std::domain_error("found " + std::to_string(y));
    return x + y;
  }
};

TEST_CASE("what a function throws comes out of maps, reductions and scans, and the device works on") {
  index const n = 200003;
  for (std::size_t threads : thread_counts) {
    device const dev = device::cpu(threads);
    array<index> const x = lockstep::arange<index>(dev, std::size_t(n));
    array<index, 2> const m = x.slice(0, 200000).reshape(shape{1000, 200}) + 0;
    for (index at : {index{1}, n / 2, n - 1}) {
      INFO("threads ", threads, ", at ", at);
      std::string const expected = "found " + std::to_string(at);
      auto const message = [](auto&& f) { return message_of<std::domain_error>(f); };
      array<index> y(dev, n);
      CHECK(message([&] { y = lockstep::map(trap{at}, x); }) == expected);
      CHECK(message([&] { static_cast<void>(std::int64_t(lockstep::sum(lockstep::map(trap{at}, x)))); }) == expected);
      CHECK(message([&] { static_cast<void>(index(lockstep::reduce(x, 0, trapped_plus{at}))); }) == expected);
      CHECK(message([&] { y = inclusive_scan(lockstep::map(trap{at}, x)); }) == expected);
      CHECK(message([&] { y = inclusive_scan(x, trapped_plus{at}); }) == expected);
      if (at < 200000) {
        CHECK(message([&] { static_cast<void>(lockstep::sum(lockstep::map(trap{at}, m), axis(0)).to_host()); }) ==
              expected);
        CHECK(message([&] { static_cast<void>(lockstep::sum(lockstep::map(trap{at}, m), axis(1)).to_host()); }) ==
              expected);
      }
      CHECK(std::int64_t(lockstep::sum(x)) == n * (n - 1) / 2);
    }
  }
}

TEST_CASE("arrays on different devices do not meet: both are named, and the expression; nothing changes") {
  array<float> a = lockstep::arange<float>(device::cpu(2), 3);
  array<float> const b = lockstep::ones<float>(device::cpu(3), 3);
  auto const refused = [&](auto&& f) {
    std::string const message = message_of<lockstep::device_error>(f);
    for (char const* part : {"cpu:2", "cpu:3", "float[3]", "array::to"}) CHECK(contains(message, part));
    CHECK(a.to_host() == std::vector<float>{0, 1, 2});
    CHECK(a.device() == device::cpu(2));
  };
  refused([&] { a = a + b; });
  refused([&] { a = b * 2.0f; });
  refused([&] { a += b; });
  refused([&] { a.slice(0, 3) = b; });
  refused([&] { static_cast<void>((a + b).to_host()); });
  refused([&] { static_cast<void>(float(lockstep::sum(a * b))); });
  refused([&] { static_cast<void>(lockstep::evaluate(lockstep::sum(a), lockstep::max(b))); });
  refused([&] { a = a + lockstep::inclusive_scan(b); });
  refused([&] { static_cast<void>(array<float>(a - b)); });
  array<float> fresh;
  refused([&] { lockstep::tie(fresh, a) = lockstep::fuse(a + 1.0f, b + 1.0f); });
  CHECK(!fresh.has_storage());
  array<float> other = lockstep::zeros<float>(device::cpu(3), 3);
  CHECK_THROWS_AS((lockstep::tie(a, other) = lockstep::fuse(a + 1.0f, b + 1.0f)), lockstep::device_error);
  CHECK(other.to_host() == std::vector<float>(3, 0));
  a = a + b.to(device::cpu(2));
  CHECK(a.to_host() == std::vector<float>{1, 2, 3});
  a = b;  // but arrays themselves are replaced, device and all
  CHECK(a.device() == device::cpu(3));
}

TEST_CASE("expressions for a GPU in a file compiled without CUDA say what to do") {
  struct pretender : lockstep::device_state {  // host memory that calls itself a GPU
    pretender() : device_state(lockstep::device_kind::gpu, 0, 0, "gpu:0") {}
    void* allocate(std::size_t bytes) override { return std::malloc(bytes + 1); }
    void deallocate(void* data, std::size_t) noexcept override { std::free(data); }
    void copy(void* to, void const* from, std::size_t bytes) override { std::memcpy(to, from, bytes); }
    void copy_from_host(void* to, void const* from, std::size_t bytes) override { std::memcpy(to, from, bytes); }
    void copy_to_host(void* to, void const* from, std::size_t bytes) override { std::memcpy(to, from, bytes); }
    void fill(void*, void const*, std::size_t, std::size_t) override {}
    void synchronize() override {}
    void run(index, lockstep::loop_body, void*) override {}
  };
  device const gpu(new pretender);
  array<float> x(gpu, {1, 2, 3});
  auto const refused = [&](auto&& f) {
    CHECK(contains(message_of<lockstep::device_error>(f), "nvcc"));
    CHECK(x.to_host() == std::vector<float>{1, 2, 3});
  };
  refused([&] { x = x + 1.0f; });
  refused([&] { static_cast<void>(float(lockstep::sum(x))); });
  refused([&] { static_cast<void>(lockstep::sum(x.reshape(shape{1, 3}), axis(0)).to_host()); });
  refused([&] { x = lockstep::inclusive_scan(x); });
  refused([&] { lockstep::tie(x) = lockstep::fuse(x + 1.0f); });
  CHECK(x.to(device::cpu(2)).to_host() == std::vector<float>{1, 2, 3});
}

TEST_CASE("lambdas, with and without captures, in every algorithm") {
  for (std::size_t threads : {1, 3}) {
    array<int> const x = lockstep::arange<int>(device::cpu(threads), 40000);
    int const step = static_cast<int>(x.size() / 40000) * 3;
    auto const y = lockstep::map([step](int v) { return v * step; }, x);
    CHECK(y.to_host()[39999] == 119997);
    CHECK(std::int64_t(lockstep::sum(y)) == std::int64_t{3} * 40000 * 39999 / 2);
    CHECK(int(lockstep::reduce(x, -5, [](int a, int b) { return a > b ? a : b; })) == 39999);
    auto const latest_even = inclusive_scan(x, [](int a, int b) { return b % 2 == 0 ? b : a; }).to_host();
    CHECK(latest_even[39999] == 39998);
    array<double> const z = lockstep::map([](int a, double b) { return a + b; }, x, 0.5);
    CHECK(z.to_host()[7] == 7.5);
    CHECK(lockstep::to_text(y) == "map(int32[40000])");
  }
}

}  // namespace threads_tests
