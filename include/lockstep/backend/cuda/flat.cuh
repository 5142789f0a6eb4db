// The flat form of an evaluator of one axis: element-wise trees over contiguous memory, read 16 bytes at a time.
#pragma once

#include "../../expression/views.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

constexpr bool is_power_of_two(std::size_t n) { return n != 0 && (n & (n - 1)) == 0; }

template <class T, int N>
constexpr std::size_t pack_alignment() {
  constexpr std::size_t bytes = sizeof(T) * N;
  return is_power_of_two(bytes) && bytes <= 16 && bytes > alignof(T) ? bytes : alignof(T);
}

/// N neighboring elements, loaded and stored by one instruction where their size allows.
template <class T, int N>
struct alignas(pack_alignment<T, N>()) pack {
  T values[N];
};

template <class T, int N>
bool is_aligned_for_packs(T const* data) {
  return reinterpret_cast<std::uintptr_t>(data) % alignof(pack<T, N>) == 0;
}

template <class T>
struct flat_memory {
  T const* data;
  template <int N>
  LOCKSTEP_INLINE pack<T, N> load(index i) const {
    return *reinterpret_cast<pack<T, N> const*>(data + i);
  }
};
template <class T>
struct flat_constant {
  T value;
  template <int N>
  LOCKSTEP_INLINE pack<T, N> load(index) const {
    pack<T, N> all;
    for (int k = 0; k < N; ++k) all.values[k] = value;
    return all;
  }
};
template <class T>
struct flat_shared_value {
  T const* data;
  template <int N>
  LOCKSTEP_INLINE pack<T, N> load(index i) const {
    return flat_constant<T>{*data}.template load<N>(i);
  }
};
struct flat_index {
  template <int N>
  LOCKSTEP_INLINE pack<index, N> load(index i) const {
    pack<index, N> all;
    for (int k = 0; k < N; ++k) all.values[k] = i + k;
    return all;
  }
};
template <class F, class... Operands>
struct flat_call {
  F function;
  slots<Operands...> operands;

  template <int N>
  LOCKSTEP_INLINE auto load(index i) const {
    return load<N>(i, std::index_sequence_for<Operands...>{});
  }

  template <int N, class... Xs>
  LOCKSTEP_INLINE auto apply(pack<Xs, N> const&... xs) const {
    pack<std::remove_cvref_t<decltype(function(xs.values[0]...))>, N> results;
    for (int k = 0; k < N; ++k) results.values[k] = function(xs.values[k]...);
    return results;
  }

 private:
  template <int N, std::size_t... I>
  LOCKSTEP_INLINE auto load(index i, std::index_sequence<I...>) const {
    return apply<N>(get<I>(operands).template load<N>(i)...);
  }
};

/// How an evaluator becomes flat: whether its type allows it (`possible`), the size in bytes of its widest element in
/// memory, whether the memory lies as packs of N need it, and the flat form itself.
template <class Evaluator>
struct flat_form {
  static constexpr bool possible = false;
};
template <class T>
struct flat_form<memory_evaluator<T, 1>> {
  static constexpr bool possible = true;
  static constexpr std::size_t widest = sizeof(T);
  template <int N>
  static bool holds(memory_evaluator<T, 1> const& e) {
    return e.strides[0] == 1 && is_aligned_for_packs<T, N>(e.data);
  }
  static flat_memory<T> make(memory_evaluator<T, 1> const& e) { return {e.data}; }
};

template <class Evaluator>
struct flat_without_memory {
  static constexpr bool possible = true;
  static constexpr std::size_t widest = 1;
  template <int N>
  static bool holds(Evaluator const&) {
    return true;
  }
};
template <class T>
struct flat_form<constant_evaluator<T, 1>> : flat_without_memory<constant_evaluator<T, 1>> {
  static flat_constant<T> make(constant_evaluator<T, 1> const& e) { return {e.value}; }
};
template <class T>
struct flat_form<shared_value_evaluator<T, 1>> : flat_without_memory<shared_value_evaluator<T, 1>> {
  static flat_shared_value<T> make(shared_value_evaluator<T, 1> const& e) { return {e.data}; }
};
template <>
struct flat_form<index_evaluator<1>> : flat_without_memory<index_evaluator<1>> {
  static flat_index make(index_evaluator<1> const&) { return {}; }
};

template <class F, class... Es>
struct flat_form<elementwise_evaluator<1, F, Es...>> {
  using evaluator = elementwise_evaluator<1, F, Es...>;
  static constexpr bool possible = (flat_form<Es>::possible && ...);
  static constexpr std::size_t widest = [] {
    std::size_t most = 1;
    if constexpr (possible) ((most = flat_form<Es>::widest > most ? flat_form<Es>::widest : most), ...);
    return most;
  }();
  template <int N>
  static bool holds(evaluator const& e) {
    return unpack([](auto const&... o) { return (flat_form<Es>::template holds<N>(o) && ...); }, e.operands);
  }
  static auto make(evaluator const& e) {
    return unpack(
        [&](auto const&... o) {
          return flat_call<F, decltype(flat_form<Es>::make(o))...>{e.function, make_slots(flat_form<Es>::make(o)...)};
        },
        e.operands);
  }
};

/// Elements per pack: 16 bytes of the widest element that a pass reads or writes.
template <class... Evaluators, class... Ts>
constexpr int pack_length(slots<Ts...> const* /*what is written*/) {
  std::size_t most = 1;
  bool powers = (is_power_of_two(sizeof(Ts)) && ...) && (is_power_of_two(flat_form<Evaluators>::widest) && ...);
  ((most = sizeof(Ts) > most ? sizeof(Ts) : most), ...);
  ((most = flat_form<Evaluators>::widest > most ? flat_form<Evaluators>::widest : most), ...);
  return powers && most <= 16 ? static_cast<int>(16 / most) : 1;
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
