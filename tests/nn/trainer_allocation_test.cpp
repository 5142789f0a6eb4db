// Steps allocate nothing: epochs of many steps call operator new as often as epochs of few.
#include <doctest/doctest.h>

#include <cstdlib>
#include <new>

#include "trainer_support.hpp"

namespace {

std::atomic<long> allocations{0};

void* counted(std::size_t size, std::size_t alignment) {
  ++allocations;
  if (void* memory = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment)) return memory;
  throw std::bad_alloc();
}

// Not inlined: a compiler that sees new and free next to each other takes them for a mistake.
[[gnu::noinline]] void release(void* memory) { std::free(memory); }

}  // namespace

void* operator new(std::size_t size) { return counted(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }

using namespace training_test;

TEST_CASE("trainer: steps allocate nothing") {
  auto const epoch = [](std::size_t devices, std::size_t threads, std::size_t samples) {
    nn::trainer trainer(network(ls::seed(1)), nn::cross_entropy{}, nn::sgd{.momentum = 0.9f},
                        ls::mesh::cpu(devices, threads), {.batch = 10, .buckets = {1, 1, 1}});
    nn::data::dataset const data = striped(samples);
    trainer.fit(data, {.progress = false});  // makes the replicas
    long const before = allocations;
    trainer.fit(data, {.progress = false});
    return allocations - before;
  };
  for (std::size_t const devices : {1u, 2u, 8u})
    for (std::size_t const threads : {1u, 4u}) {
      CAPTURE(devices);
      CAPTURE(threads);
      long const few = epoch(devices, threads, 40), many = epoch(devices, threads, 1000);
      CHECK(few > 0);
      CHECK(many == few);
    }
}
