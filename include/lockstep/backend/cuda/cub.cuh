// What CUB's algorithms need of lockstep: iterators that read an evaluator, temporary memory from the device's pool,
// and errors.
#pragma once

#include <cuda/std/iterator>

#include "../../array/storage.hpp"
#include "../../expression/host_only.hpp"
#include "launch.cuh"
#include "repeats.cuh"
#include "zeroed.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

/// Random access to what `read(i)` gives for indices from 0 on.
template <class T, class Read>
struct indexed_iterator {
  using value_type = T;
  using reference = T;
  using pointer = T const*;
  using difference_type = index;
  using iterator_category = ::cuda::std::random_access_iterator_tag;

  Read read;
  index place = 0;

  LOCKSTEP_INLINE T operator*() const { return read(place); }
  LOCKSTEP_INLINE T operator[](index i) const { return read(place + i); }
  LOCKSTEP_INLINE indexed_iterator& operator+=(index n) {
    place += n;
    return *this;
  }
  LOCKSTEP_INLINE indexed_iterator& operator-=(index n) { return *this += -n; }
  LOCKSTEP_INLINE indexed_iterator& operator++() { return *this += 1; }
  LOCKSTEP_INLINE indexed_iterator& operator--() { return *this += -1; }
  LOCKSTEP_INLINE friend indexed_iterator operator+(indexed_iterator i, index n) { return i += n; }
  LOCKSTEP_INLINE friend indexed_iterator operator+(index n, indexed_iterator i) { return i += n; }
  LOCKSTEP_INLINE friend indexed_iterator operator-(indexed_iterator i, index n) { return i += -n; }
  LOCKSTEP_INLINE friend index operator-(indexed_iterator const& a, indexed_iterator const& b) {
    return a.place - b.place;
  }
  LOCKSTEP_INLINE friend bool operator==(indexed_iterator const& a, indexed_iterator const& b) {
    return a.place == b.place;
  }
  LOCKSTEP_INLINE friend bool operator!=(indexed_iterator const& a, indexed_iterator const& b) { return !(a == b); }
};
template <class T, class Read>
indexed_iterator<T, Read> iterate(Read const& read) {
  return {read};
}

/// The values of an evaluator in row-major order, as T.
template <class T, class Evaluator, std::size_t R>
struct values_in_order {
  once_t<Evaluator> evaluator;
  index_space<R> space;

  values_in_order(Evaluator const& e, shape<R> const& extents) : evaluator(once(e)), space(extents) {}
  LOCKSTEP_INLINE T operator()(index i) const { return static_cast<T>(evaluator.at(space[i])); }
};
struct own_index {
  LOCKSTEP_INLINE index operator()(index i) const { return i; }
};
template <class T>
struct values_in_memory {
  T const* data;
  LOCKSTEP_INLINE T operator()(index i) const { return data[i]; }
};

/// Memory of the device for the time of one call; what is queued on its stream may go on using it.
template <class T>
class temporary {
 public:
  temporary(device const& where, index count)
      : memory_(make_storage(where, static_cast<std::size_t>(count), sizeof(T))) {}
  T* data() const { return static_cast<T*>(memory_->data); }

 private:
  counted_pointer<storage> memory_;
};

/// Waits for a value of the device.
template <class T>
T value_of(device const& where, T const* on_device) {
  T value;
  where.state().copy_to_host(&value, on_device, sizeof(T));
  return value;
}

template <class Values, class T>
__global__ void __launch_bounds__(block_threads)
    read_places_kernel(Values values, index const* places, index count, T* target) {
  index const i = blockIdx.x * index{block_threads} + threadIdx.x;
  if (i < count) target[i] = values(places[i]);
}
/// target[i] = values(places[i]), for `count` places.
template <class Values, class T>
void read_places(device const& where, Values const& values, index const* places, index count, T* target) {
  launch(where, "reading places", read_places_kernel<Values, T>, ceil_div(count, block_threads), block_threads, values,
         places, count, target);
}

template <class Predicate>
__global__ void __launch_bounds__(block_threads) find_kernel(Predicate holds, index count, int* found) {
  index const i = blockIdx.x * index{block_threads} + threadIdx.x;
  if (i < count && holds(i)) atomicOr(found, 1);
}
/// Waits to hear whether a predicate holds for an index in [0, count).
template <class Predicate>
bool holds_anywhere(device const& where, char const* doing, index count, Predicate const& holds) {
  counted_pointer<storage> const memory = zeroed_memory(where, sizeof(int));
  auto* const found = static_cast<int*>(memory->data);
  launch(where, doing, find_kernel<Predicate>, ceil_div(count, block_threads), block_threads, holds, count, found);
  if (value_of(where, found) == 0) return false;
  unsigned char const zero = 0;
  where.state().fill(found, &zero, 1, sizeof(int));
  return true;
}

/// Runs call(temporary memory, its bytes) as CUB wants it: once to hear how many bytes, then with them. Throws
/// device_error, saying what was being done, when CUB or CUDA refuses.
template <class F>
void run_cub(device const& where, char const* doing, F&& call) {
  device_scope const scope(where.number());
  std::size_t bytes = 0;
  check(call(static_cast<void*>(nullptr), bytes), "a call of CUB", where.name(), ", ", doing);
  temporary<unsigned char> const memory(where, static_cast<index>(bytes));
  check(call(static_cast<void*>(memory.data()), bytes), "a call of CUB", where.name(), ", ", doing);
  wait_in_debug_mode(stream_of(where), where.name(), ", ", doing);
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
