// Learning rate schedules: the rate as a function of the step.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <functional>
#include <utility>

#include "../core/config.hpp"
#include "../core/error.hpp"

namespace lockstep::nn {

/// The numbers behind a schedule; enough to store it and to make it again.
struct schedule_parameters {
  enum class form : std::int32_t { constant, step_decay, cosine, custom };
  form shape = form::constant;
  float rate = 0;             // at the start, after any warm-up
  float final_rate = 0;       // cosine: at its end and beyond
  float factor = 1;           // step_decay: multiplies the rate ...
  double epochs = 0;          // ... each time as many epochs passed; cosine: its length, warm-up included
  double warm_up_epochs = 0;  // the rate rises linearly during these first epochs

  friend constexpr bool operator==(schedule_parameters const&, schedule_parameters const&) = default;
};

/// A learning rate schedule: rate = s(step, steps_per_epoch). Steps count from 0 over the whole of training, epochs may
/// be fractions. A value: cheap to copy, compared and stored by its parameters.
class schedule {
 public:
  /// Throws error on a negative rate or length, or on a step_decay or cosine without a length.
  explicit schedule(schedule_parameters const& p) : parameters_(p) {
    using form = schedule_parameters::form;
    bool const lengths = p.epochs >= 0 && p.warm_up_epochs >= 0 && (p.shape == form::constant || p.epochs > 0);
    if (!(p.rate >= 0) || !(p.final_rate >= 0) || !lengths || p.shape == form::custom)
      throw error("schedule: expected rates that are not negative and a positive number of epochs");
  }

  /// Any function of (step, steps_per_epoch); such a schedule cannot be stored.
  template <std::invocable<index, index> F>
  requires(!std::same_as<std::remove_cvref_t<F>, schedule>) schedule(F f) : custom_(std::move(f)) {
    parameters_.shape = schedule_parameters::form::custom;
  }

  float operator()(index step, index steps_per_epoch) const {
    using form = schedule_parameters::form;
    schedule_parameters const& p = parameters_;
    double const epoch = static_cast<double>(step) / static_cast<double>(steps_per_epoch);
    double rate = p.rate;
    if (p.shape == form::custom) rate = custom_(step, steps_per_epoch);
    if (p.shape == form::step_decay) rate *= std::pow(static_cast<double>(p.factor), std::floor(epoch / p.epochs));
    if (p.shape == form::cosine) {
      double const length = p.epochs - p.warm_up_epochs, passed = epoch - p.warm_up_epochs;
      double const share = length <= 0 || passed >= length ? 1 : std::max(0.0, passed / length);
      rate = p.final_rate + (rate - p.final_rate) * 0.5 * (1 + std::cos(3.14159265358979323846 * share));
    }
    double const warm_up_steps = p.warm_up_epochs * static_cast<double>(steps_per_epoch),
                 next = static_cast<double>(step) + 1;
    return static_cast<float>(next < warm_up_steps ? rate * next / warm_up_steps : rate);
  }

  /// Equal parameters give equal schedules, unless the form is custom.
  schedule_parameters const& parameters() const { return parameters_; }

  /// The same schedule, rising linearly from near zero during the first `epochs` epochs.
  schedule warmed_up(double epochs) const {
    if (!(epochs >= 0)) throw error("warm_up: expected a number of epochs that is not negative");
    schedule copy = *this;
    copy.parameters_.warm_up_epochs = epochs;
    return copy;
  }

 private:
  schedule_parameters parameters_;
  std::function<float(index, index)> custom_;
};

/// Always `rate`.
inline schedule constant(float rate) { return schedule({.rate = rate}); }

/// `rate`, multiplied by `factor` after every `epochs` epochs.
inline schedule step_decay(float rate, double epochs, float factor = 0.1f) {
  return schedule({.shape = schedule_parameters::form::step_decay, .rate = rate, .factor = factor, .epochs = epochs});
}

/// Falls from `rate` to `final_rate` along half a cosine, from the end of the warm-up to `epochs` epochs.
/// Source: Loshchilov, Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017.
inline schedule cosine(float rate, double epochs, float final_rate = 0) {
  return schedule(
      {.shape = schedule_parameters::form::cosine, .rate = rate, .final_rate = final_rate, .epochs = epochs});
}

/// `then`, with the rate rising linearly during the first `epochs` epochs: warm_up(1, cosine(0.1f, 30)).
/// Source: Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1 hour", 2017.
inline schedule warm_up(double epochs, schedule const& then) { return then.warmed_up(epochs); }

}  // namespace lockstep::nn
