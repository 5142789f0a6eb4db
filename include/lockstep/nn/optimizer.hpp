// Optimizers: what a step does with the gradient.
#pragma once

#include <span>
#include <string>

#include "../backend/cpu/nn/sgd.hpp"
#include "../core/error.hpp"

namespace lockstep::nn {
inline namespace LOCKSTEP_COMPILER {

/// Stochastic gradient descent, by PyTorch's definition: weight decay joins the gradient, the learning rate stays
/// outside the velocity. With g = scale * gradient + weight_decay * p: v = momentum * v + g, and
/// p -= rate * v, or with nesterov p -= rate * (g + momentum * v). The velocity starts as zeros.
struct sgd {
  float momentum = 0;
  bool nesterov = false;
  float weight_decay = 0;

  friend constexpr bool operator==(sgd const&, sgd const&) = default;

  /// One step of any slice of the parameters; an element's result depends on that element alone, bit for bit.
  /// `gradient_scale` turns a sum over samples into what the step wants. Throws shape_error on unequal sizes.
  template <class T>
  void update(std::span<T> parameters, std::span<std::type_identity_t<T> const> gradient,
              std::span<std::type_identity_t<T>> velocity, float learning_rate, float gradient_scale) const {
    if (gradient.size() != parameters.size() || velocity.size() != parameters.size())
      throw shape_error("sgd: found " + std::to_string(gradient.size()) + " gradients and " +
                        std::to_string(velocity.size()) + " velocities, expected " + std::to_string(parameters.size()) +
                        " of each, as there are parameters");
    cpu::sgd_step<T> const step{cpu::splat(T(learning_rate)), cpu::splat(T(gradient_scale)), cpu::splat(T(momentum)),
                                cpu::splat(T(weight_decay)), nesterov};
    cpu::sgd_update(parameters.data(), gradient.data(), velocity.data(), static_cast<index>(parameters.size()), step);
  }
};

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn
