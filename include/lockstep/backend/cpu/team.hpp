// A team of a custom kernel on a CPU: one thread, whose loops over a team's elements are vectorized.
#pragma once

#include "../../array/view.hpp"
#include "../../core/algorithm.hpp"
#include "../../kernel/collectives.hpp"
#include "team_lanes.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// Uninitialized memory (debug mode: NaN) for one team after the other.
class shared_memory {
 public:
  shared_memory(device const& where, std::size_t bytes) : where_(where), bytes_(bytes) {
    if (bytes_ != 0) data_ = where_.state().allocate(bytes_);
    if (bytes_ != 0 && !data_)
      throw out_of_memory(text_of({where_.name(), ": found no room for ", bytes_,
                                   " bytes of a team's shared memory; give with_shared a smaller size"}));
    if (debug::on && bytes_ != 0) std::memset(data_, 0xff, bytes_);
  }
  shared_memory(shared_memory const&) = delete;
  shared_memory& operator=(shared_memory const&) = delete;
  ~shared_memory() {
    if (data_) where_.state().deallocate(data_, bytes_);
  }
  char* data() const { return static_cast<char*>(data_); }

 private:
  device const& where_;
  std::size_t bytes_;
  void* data_ = nullptr;
};

// The members are LOCKSTEP_FN because kernels are: nvcc would warn of host functions in them.

/// See docs/kernels.md. Every member is for all threads of the team to call together; here there is one.
template <class... Shared>
class team {
 public:
  /// What is written past the caches sets past_caches: the thread then has to call stream_fence().
  LOCKSTEP_FN team(lockstep::index number, lockstep::index count, char* memory, shared_layout<Shared...> const& layout,
                   bool& past_caches)
      : number_(number), count_(count), memory_(memory), layout_(layout), past_caches_(past_caches) {}

  LOCKSTEP_FN lockstep::index index() const { return number_; }  ///< which team
  LOCKSTEP_FN lockstep::index count() const { return count_; }   ///< of how many
  LOCKSTEP_FN int rank() const { return 0; }                     ///< the calling thread's place in the team
  LOCKSTEP_FN int size() const { return 1; }                     ///< the team's threads
  LOCKSTEP_FN void barrier() const {}

  /// shared<T>(): the array that .with_shared<T>(size) asked for. shared<T[N]>(): N elements, without asking; the same
  /// ones at every call with the same T and N.
  template <class T>
  LOCKSTEP_FN auto shared() const {
    if constexpr (std::is_array_v<T>) {
      using element = std::remove_extent_t<T>;
      return shared_array<element>{fixed_memory<T>(), static_cast<lockstep::index>(std::extent_v<T>)};
    } else {
      constexpr std::size_t k = shared_layout<Shared...>::template place<T>();
      return shared_array<T>{reinterpret_cast<T*>(memory_ + layout_.offsets[k]), layout_.sizes[k]};
    }
  }

  /// f(j) for every j below n.
  template <class F>
  LOCKSTEP_INLINE void for_each(lockstep::index n, F f) const {
    LOCKSTEP_INDEPENDENT
    for (lockstep::index j = 0; j < n; ++j) f(j);
  }

  /// to[j] = f(j) for every j of `to`: past the caches where the teams together write more than those hold, which
  /// saves reading it first. Nothing else may refer to `to` meanwhile.
  template <class T, class F>
  requires(!std::is_const_v<T>) LOCKSTEP_INLINE void store(view<T> to, F f) const {
    lockstep::index const n = to.extent(0);
#if !defined(__CUDACC__)
    if constexpr (std::is_trivially_copyable_v<T> && 64 % sizeof(T) == 0)
      if (to.strides[0] == 1 && count_ * n >= static_cast<lockstep::index>(stream_from_bytes / sizeof(T)) &&
          are_mostly_whole_lines(to.data, n))
        return store_past_caches(to.data, n, f);
#endif
    for_each(n, [&](lockstep::index j) { to[j] = f(j); });
  }

  /// f(0) op f(1) op ... op f(n - 1); all threads get it. op is associative and commutative. Of no elements: what op
  /// leaves unchanged (plus, multiplies, minimum, maximum), else a value-initialized result.
  template <class Op, class F>
  LOCKSTEP_INLINE auto reduce(lockstep::index n, Op op, F f) const {
    using T = std::remove_cvref_t<decltype(f(lockstep::index{}))>;
    if (n <= 0) return neutral_value<Op, T>();
#if !defined(__CUDACC__)
    if constexpr (has_vector_operation<Op, T>)
      return reduce_vectors<Op, T>(n, f);
    else
#endif
      return reduce_lanes<T>(n, op, f);
  }

  /// write(j, initial op f(0) op ... op f(j - 1)) for every j below n; gives the combination of all. op is associative.
  template <class T, class Op, class F, class Write>
  LOCKSTEP_INLINE T exclusive_scan(lockstep::index n, T initial, Op op, F f, Write write) const {
    scan<T>(n, f, write, [&](T* values, lockstep::index count, bool) {
      for (lockstep::index j = 0; j < count; ++j) {
        T const next = op(initial, values[j]);
        values[j] = initial;
        initial = next;
      }
    });
    return initial;
  }
  /// write(j, f(0) op ... op f(j)) for every j below n. op is associative.
  template <class Op, class F, class Write>
  LOCKSTEP_INLINE void inclusive_scan(lockstep::index n, Op op, F f, Write write) const {
    using T = std::remove_cvref_t<decltype(f(lockstep::index{}))>;
    T before{};
    scan<T>(n, f, write, [&](T* values, lockstep::index count, bool first) {
      if (!first) values[0] = op(before, values[0]);
      for (lockstep::index j = 1; j < count; ++j) values[j] = op(values[j - 1], values[j]);
      before = values[count - 1];
    });
  }

  /// Sorts [0, n) of anything with operator[] that gives references; equal elements in any order.
  template <class Range, class Less = less>
  LOCKSTEP_FN void sort(Range const& range, lockstep::index n, Less before = {}) const {
#if !defined(__CUDA_ARCH__)
    if (n > 0) std::sort(&range[0], &range[0] + n, before);
#endif
  }

 private:
  LOCKSTEP_INLINE static lockstep::index smaller(lockstep::index a, lockstep::index b) { return b < a ? b : a; }
#if !defined(__CUDACC__)
  /// Lines of the caches that are written in part have to be read first, which costs more when the rest is not.
  template <class T>
  LOCKSTEP_INLINE static bool are_mostly_whole_lines(T const* to, lockstep::index n) {
    std::size_t const bytes = static_cast<std::size_t>(n) * sizeof(T);
    return bytes >= 2048 || (bytes | reinterpret_cast<std::uintptr_t>(to)) % 64 == 0;
  }
  /// Whole lines of the caches, which begin where one does; the few elements before and after those as usual.
  template <class T, class F>
  LOCKSTEP_INLINE void store_past_caches(T* to, lockstep::index n, F& f) const {
    constexpr lockstep::index line = 64 / sizeof(T);
    lockstep::index const before =
        smaller(n, static_cast<lockstep::index>(-reinterpret_cast<std::uintptr_t>(to) % 64 / sizeof(T)));
    lockstep::index const end = before + (n - before) / line * line;
    compute(to, 0, before, f);
    alignas(64) T values[staged<T>];
    for (lockstep::index begin = before; begin < end; begin += staged<T>) {
      lockstep::index const count = smaller(staged<T>, end - begin);
      compute(values, begin, count, f);
      stream_copy(to + begin, values, static_cast<std::size_t>(count) * sizeof(T));
    }
    compute(to + end, end, n - end, f);
    past_caches_ = true;
  }
#endif

  template <class T>
  static constexpr lockstep::index staged = sizeof(T) <= 16    ? 512
                                            : sizeof(T) <= 256 ? 32
                                                               : 1;
  template <class Op, class T>
  static constexpr bool has_vector_operation = std::is_floating_point_v<T> && sizeof(T) <= 8 &&
                                               (std::is_same_v<Op, plus> || std::is_same_v<Op, minimum> ||
                                                std::is_same_v<Op, maximum>);

#if !defined(__CUDACC__)
  template <class Op, class T, class F>
  LOCKSTEP_INLINE T reduce_vectors(lockstep::index n, F& f) const {
    using all = team_lanes<Op, T>;
    constexpr int size = all::size;
    lockstep::index const whole = n / lanes * lanes;
    T last[lanes];  // computed first, so that they are in memory when they are read as vectors
    for (int l = 0; l < lanes; ++l) last[l] = all::identity;
    compute(last, whole, n - whole, f);
    all found;
    for (lockstep::index i = 0; i < whole; i += lanes) {
      LOCKSTEP_UNROLL
      for (int k = 0; k < all::number; ++k) {
        T values[size];
        LOCKSTEP_ONE_VECTOR
        for (int l = 0; l < size; ++l) values[l] = f(i + k * size + l);
        found.take(k, values);
      }
    }
    LOCKSTEP_UNROLL
    for (int k = 0; k < all::number; ++k) found.take(k, last + k * size);
    return found.total();
  }
#endif
  template <class T, class Op, class F>
  LOCKSTEP_INLINE T reduce_lanes(lockstep::index n, Op op, F& f) const {
    constexpr lockstep::index most = sizeof(T) <= 8 ? lanes : 1;
    lockstep::index const used = smaller(most, n);
    T lane[most];
    compute(lane, 0, used, f);
    T values[staged<T>];
    for (lockstep::index begin = used; begin < n; begin += staged<T>) {
      lockstep::index const count = smaller(staged<T>, n - begin), whole = count / most * most;
      compute(values, begin, count, f);
      for (lockstep::index i = 0; i < whole; i += most)
        for (lockstep::index l = 0; l < most; ++l) lane[l] = op(lane[l], values[i + l]);
      for (lockstep::index l = 0; l < count - whole; ++l) lane[l] = op(lane[l], values[whole + l]);
    }
    for (lockstep::index half = most / 2; half > 0; half /= 2)
      for (lockstep::index l = 0; l < half; ++l)
        if (l + half < used) lane[l] = op(lane[l], lane[l + half]);
    return lane[0];
  }

  template <class T>
  LOCKSTEP_FN static std::remove_extent_t<T>* fixed_memory() {
#if defined(__CUDA_ARCH__)
    return nullptr;
#else
    alignas(64) static thread_local std::remove_extent_t<T> memory[std::extent_v<T>];
    return memory;
#endif
  }
  template <class T, class F>
  LOCKSTEP_INLINE static void compute(T* values, lockstep::index begin, lockstep::index count, F& f) {
    lockstep::index const whole = count / 16 * 16;
    LOCKSTEP_INDEPENDENT
    for (lockstep::index j = 0; j < whole; ++j) values[j] = f(begin + j);
    lockstep::index j = whole;
    if (count & 8) j = one_vector<8>(values, begin, j, f);
    if (count & 4) j = one_vector<4>(values, begin, j, f);
    LOCKSTEP_INDEPENDENT
    for (; j < count; ++j) values[j] = f(begin + j);
  }
  template <int Size, class T, class F>
  LOCKSTEP_INLINE static lockstep::index one_vector(T* values, lockstep::index begin, lockstep::index j, F& f) {
    LOCKSTEP_ONE_VECTOR
    for (int l = 0; l < Size; ++l) values[j + l] = f(begin + j + l);
    return j + Size;
  }
  template <class T, class F, class Write, class Combine>
  LOCKSTEP_INLINE void scan(lockstep::index n, F& f, Write& write, Combine combine) const {
    T values[staged<T>];
    for (lockstep::index begin = 0; begin < n; begin += staged<T>) {
      lockstep::index const count = smaller(staged<T>, n - begin);
      compute(values, begin, count, f);
      combine(values, count, begin == 0);
      LOCKSTEP_INDEPENDENT
      for (lockstep::index j = 0; j < count; ++j) write(begin + j, values[j]);
    }
  }

  lockstep::index number_, count_;
  char* memory_;
  shared_layout<Shared...> const& layout_;
  bool& past_caches_;
};

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
