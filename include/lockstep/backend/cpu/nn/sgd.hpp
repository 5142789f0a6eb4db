// Stochastic gradient descent with momentum and weight decay: one fused pass over parameters, gradient and velocity.
#pragma once

#include "../nn/simd.hpp"

namespace lockstep::nn::cpu {
inline namespace LOCKSTEP_COMPILER {

/// What one step needs besides its arrays, in every lane of a register.
template <class T>
struct sgd_step {
  vec<T> rate, scale, momentum, decay;
  bool nesterov;

  /// g = scale * gradient + decay * p; v = momentum * v + g; p -= rate * (nesterov ? g + momentum * v : v).
  LOCKSTEP_HOST_INLINE void operator()(vec<T>& p, vec<T> gradient, vec<T>& v) const {
    vec<T> const decayed = decay * p;
    vec<T> const g = scale * gradient + decayed;
    v = momentum * v + g;
    p -= rate * (nesterov ? momentum * v + g : v);
  }
};

/// Applies `step` to `count` elements. An element's bits do not depend on where it lies or on what else is updated.
template <class T>
void sgd_update(T* parameters, T const* gradient, T* velocity, index count, sgd_step<T> const& step) {
  index i = 0;
  for (; i + width<T> <= count; i += width<T>) {
    vec<T> p = load(parameters + i), v = load(velocity + i);
    step(p, load(gradient + i), v);
    store(velocity + i, v);
    store(parameters + i, p);
  }
  if (i == count) return;
  vec<T> p = load_some(parameters + i, count - i), v = load_some(velocity + i, count - i);
  step(p, load_some(gradient + i, count - i), v);
  store_some(velocity + i, v, count - i);
  store_some(parameters + i, p, count - i);
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn::cpu
