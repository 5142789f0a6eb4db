// Runs on: cpu
// memory_pool: alignment, reuse counted exactly, limits, and what happens when there is no more memory.
#include <doctest/doctest.h>

#include <cstdint>
#include <lockstep/lockstep.hpp>
#include <thread>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

#include "support/values.hpp"

namespace memory_pool_tests {

using lockstep::device, lockstep::memory_pool;

TEST_CASE("blocks are aligned to 64 bytes and all of them can be written") {
  memory_pool pool;
  std::size_t const huge = memory_pool::huge_page;
  for (std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{63}, std::size_t{64}, std::size_t{65},
                            std::size_t{4097}, 2 * huge - 1, 2 * huge, 2 * huge + 1}) {
    auto const block = pool.allocate(bytes);
    REQUIRE(block.data != nullptr);
    CHECK(reinterpret_cast<std::uintptr_t>(block.data) % 64 == 0);
    std::memset(block.data, 1, bytes);
    pool.deallocate(block.data, bytes);
  }
}

TEST_CASE("after the first allocation of a size nothing comes from the system") {
  memory_pool pool;
  for (std::size_t bytes : {std::size_t{0}, std::size_t{100}, std::size_t{1} << 20, std::size_t{9} << 20}) {
    INFO("bytes ", bytes);
    int fresh = 0;
    void* first = nullptr;
    for (int i = 0; i < 100; ++i) {
      auto const block = pool.allocate(bytes);
      fresh += block.fresh;
      if (i == 0) first = block.data;
      CHECK(block.data == first);
      pool.deallocate(block.data, bytes);
    }
    CHECK(fresh == 1);
  }
}

#if defined(__SANITIZE_ADDRESS__)
TEST_CASE("AddressSanitizer knows which bytes of a block are in use") {
  memory_pool pool;
  for (std::size_t bytes :
       {std::size_t{0}, std::size_t{1}, std::size_t{100}, std::size_t{5} << 20, std::size_t{9} << 20})
    for (int i = 0; i < 2; ++i) {  // first from the system, then from the pool
      INFO("bytes ", bytes, ", time ", i);
      char* const data = static_cast<char*>(pool.allocate(bytes).data);
      CHECK(__asan_region_is_poisoned(data, bytes) == nullptr);
      CHECK(__asan_address_is_poisoned(data + bytes) == 1);
      pool.deallocate(data, bytes);
      CHECK(__asan_address_is_poisoned(data + sizeof(void*)) == 1);
    }
}
#endif

TEST_CASE("as many blocks are kept as were in use at once") {
  memory_pool pool;
  int fresh = 0;
  for (int round = 0; round < 10; ++round) {
    std::vector<void*> blocks;
    for (int i = 0; i < 5; ++i) {
      auto const block = pool.allocate(1000);
      fresh += block.fresh;
      for (void* other : blocks) CHECK(block.data != other);
      blocks.push_back(block.data);
    }
    for (void* block : blocks) pool.deallocate(block, 1000);
  }
  CHECK(fresh == 5);
}

TEST_CASE("release gives everything back") {
  memory_pool pool;
  pool.deallocate(pool.allocate(1000).data, 1000);
  void* const kept = pool.allocate(1000).data;
  pool.deallocate(kept, 1000);
  pool.release();
  auto const block = pool.allocate(1000);
  CHECK(block.fresh);
  pool.deallocate(block.data, 1000);
}

TEST_CASE("pools share what a process may keep") {
  std::size_t const bytes = memory_pool::retained_limit / 2 + 1;  // whose pages nobody touches
  memory_pool pool;
  {
    memory_pool const other;
    pool.deallocate(pool.allocate(bytes).data, bytes);
    auto const block = pool.allocate(bytes);
    CHECK(block.fresh);
    pool.deallocate(block.data, bytes);
  }
  std::size_t const small = memory_pool::retained_limit / 1000;
  pool.deallocate(pool.allocate(small).data, small);
  auto const block = pool.allocate(small);
  CHECK(!block.fresh);
  pool.deallocate(block.data, small);
}

TEST_CASE("size classes hold what was asked for and waste at most a quarter") {
  CHECK(memory_pool::size_class(0) == 64);
  for (std::size_t bytes = 1; bytes < (std::size_t{1} << 40); bytes += bytes / 7 + 1) {
    std::size_t const size = memory_pool::size_class(bytes);
    CHECK(size >= bytes);
    CHECK(size % 64 == 0);
    CHECK(memory_pool::size_class(size) == size);
    if (bytes > 256) CHECK(size <= bytes + bytes / 4);
  }
}

TEST_CASE("a request that no system can meet gives nothing, and the pool works on") {
  memory_pool pool;
  CHECK(pool.allocate(std::size_t{1} << 60).data == nullptr);
  auto const block = pool.allocate(64);
  CHECK(block.data != nullptr);
  pool.deallocate(block.data, 64);
}

TEST_CASE("threads share a pool") {
  memory_pool pool;
  std::vector<std::thread> users;
  std::atomic<int> torn{0};
  for (int user = 0; user < 4; ++user)
    users.emplace_back([&pool, &torn, user] {
      for (int i = 0; i < 500; ++i) {
        std::size_t const bytes = 64u << (i % 5);
        auto* data = static_cast<unsigned char*>(pool.allocate(bytes).data);
        std::memset(data, user, bytes);
        for (std::size_t k = 0; k < bytes; ++k) torn += data[k] != user;
        pool.deallocate(data, bytes);
      }
    });
  for (auto& user : users) user.join();
  CHECK(torn == 0);
}

TEST_CASE("expressions on a device reuse its memory: same addresses, assignment after assignment") {
  device const dev = device::new_cpu(2, 0);
  lockstep::array<float> x = lockstep::arange<float>(dev, 100000);
  void const* temporary = nullptr;
  for (int i = 0; i < 5; ++i) {
    lockstep::array<float> const y = x * 2.0f;
    if (i == 0) temporary = y.data();
    CHECK(y.data() == temporary);
  }
}

TEST_CASE("out_of_memory says how much was asked of which device, and the device works on") {
  device const dev = device::cpu(2);
  using lockstep::test::contains, lockstep::test::message_of;
  auto const huge = [&](std::size_t n) {
    return message_of<lockstep::out_of_memory>([&] { lockstep::array<double> const a(dev, n); });
  };
  CHECK(contains(huge(std::size_t{1} << 50), std::to_string(std::size_t{1} << 53) + " bytes"));
  CHECK(contains(huge(std::size_t{1} << 50), "cpu:2"));
  CHECK(contains(huge(std::size_t{1} << 60), "2^63"));  // the number of bytes does not fit
  CHECK(contains(message_of<lockstep::out_of_memory>([&] {
                   lockstep::array<double, 3> const a(dev, {lockstep::index{1} << 40, lockstep::index{1} << 40, 2});
                 }),
                 "2^63"));
  lockstep::array<float> const a = lockstep::ones<float>(dev, 10);
  CHECK(float(lockstep::sum(a)) == 10);
}

TEST_CASE("an expression for which there is no memory changes nothing") {
  device const dev = device::cpu(2);
  lockstep::array<double> x = lockstep::arange<double>(dev, 3);
  lockstep::shape<1> const huge(lockstep::index{1} << 50);
  CHECK_THROWS_AS(x = lockstep::array<double>(lockstep::indices(huge) * 1.0), lockstep::out_of_memory);
  CHECK_THROWS_AS(static_cast<void>((lockstep::indices(huge) * 1.0).to_host()), lockstep::out_of_memory);
  CHECK(x.to_host() == std::vector<double>{0, 1, 2});
}

}  // namespace memory_pool_tests
