// Covers: nn: sgd schedule; types: float
// SGD against a plain loop in double, and learning rate schedules against their formulas.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <lockstep/nn/optimizer.hpp>
#include <lockstep/nn/schedule.hpp>
#include <random>
#include <vector>

namespace optimizer_tests {
namespace nn = lockstep::nn;
using lockstep::index;

namespace {

std::vector<float> random_values(std::size_t count, unsigned seed) {
  std::mt19937 bits(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& v : values) v = normal(bits);
  return values;
}

/// The definition that PyTorch documents, in double.
void plain_step(std::vector<double>& p, std::vector<float> const& gradient, std::vector<double>& velocity,
                nn::sgd const& options, double rate, double scale) {
  for (std::size_t i = 0; i < p.size(); ++i) {
    double const g = scale * static_cast<double>(gradient[i]) + static_cast<double>(options.weight_decay) * p[i];
    velocity[i] = static_cast<double>(options.momentum) * velocity[i] + g;
    p[i] -= rate * (options.nesterov ? g + static_cast<double>(options.momentum) * velocity[i] : velocity[i]);
  }
}

}  // namespace

TEST_CASE("sgd follows the plain loop over many steps") {
  for (nn::sgd const& options : {nn::sgd{}, nn::sgd{.momentum = 0.9f}, nn::sgd{.weight_decay = 0.1f},
                                 nn::sgd{.momentum = 0.9f, .weight_decay = 5e-4f},
                                 nn::sgd{.momentum = 0.8f, .nesterov = true, .weight_decay = 0.01f}}) {
    for (std::size_t size : {0, 1, 7, 8, 9, 1000}) {
      std::vector<float> p = random_values(size, 1), velocity(size);
      std::vector<double> expected(p.begin(), p.end()), expected_velocity(size);
      for (unsigned step = 0; step < 5; ++step) {
        std::vector<float> const gradient = random_values(size, 2 + step);
        options.update(std::span(p), gradient, velocity, 0.05f, 0.125f);
        plain_step(expected, gradient, expected_velocity, options, static_cast<double>(0.05f), 0.125);
      }
      for (std::size_t i = 0; i < size; ++i) {
        REQUIRE(p[i] == doctest::Approx(expected[i]).epsilon(1e-6).scale(1));
        REQUIRE(velocity[i] == doctest::Approx(expected_velocity[i]).epsilon(1e-6).scale(1));
      }
    }
  }
}

TEST_CASE("sgd gives an element the same bits in any slice") {
  nn::sgd const options{.momentum = 0.9f, .nesterov = true, .weight_decay = 5e-4f};
  std::vector<float> whole = random_values(533, 1), sliced = whole;
  std::vector<float> const gradient = random_values(533, 2);
  std::vector<float> velocity = random_values(533, 3), sliced_velocity = velocity;
  options.update(std::span(whole), gradient, velocity, 0.1f, 0.3f);
  for (std::size_t first = 0, size = 1; first < sliced.size(); first += size, size += 3) {
    size = std::min(size, sliced.size() - first);
    options.update(std::span(sliced).subspan(first, size), std::span(gradient).subspan(first, size),
                   std::span(sliced_velocity).subspan(first, size), 0.1f, 0.3f);
  }
  CHECK(std::memcmp(whole.data(), sliced.data(), whole.size() * sizeof(float)) == 0);
  CHECK(std::memcmp(velocity.data(), sliced_velocity.data(), velocity.size() * sizeof(float)) == 0);
}

TEST_CASE("sgd refuses sizes that do not fit, and changes nothing") {
  std::vector<float> p = random_values(5, 1), velocity(5), kept = p;
  std::vector<float> const gradient = random_values(4, 2);
  CHECK_THROWS_WITH_AS(nn::sgd{}.update(std::span(p), gradient, velocity, 0.1f, 1),
                       "sgd: found 4 gradients and 5 velocities, expected 5 of each, as there are parameters",
                       lockstep::shape_error);
  CHECK(p == kept);
}

TEST_CASE("constant and step_decay") {
  nn::schedule const fixed = nn::constant(0.05f);
  CHECK(fixed(0, 10) == 0.05f);
  CHECK(fixed(1'000'000, 10) == 0.05f);
  nn::schedule const steps = nn::step_decay(0.8f, 2, 0.5f);
  CHECK(steps(0, 10) == 0.8f);
  CHECK(steps(19, 10) == 0.8f);
  CHECK(steps(20, 10) == 0.4f);
  CHECK(steps(65, 10) == doctest::Approx(0.1f));
}

TEST_CASE("cosine starts at its rate, is half way in the middle and stays at its end") {
  nn::schedule const s = nn::cosine(1, 4, 0.2f);
  CHECK(s(0, 10) == 1);
  CHECK(s(20, 10) == doctest::Approx(0.6));
  CHECK(s(10, 10) == doctest::Approx(0.2 + 0.8 * 0.5 * (1 + std::sqrt(0.5))));
  CHECK(s(40, 10) == 0.2f);
  CHECK(s(400, 10) == 0.2f);
}

TEST_CASE("warm_up rises linearly, then leaves the schedule alone") {
  nn::schedule const s = nn::warm_up(2, nn::constant(1));
  CHECK(s(0, 10) == doctest::Approx(0.05));
  CHECK(s(9, 10) == doctest::Approx(0.5));
  CHECK(s(19, 10) == 1);
  CHECK(s(20, 10) == 1);
  nn::schedule const fall = nn::warm_up(1, nn::cosine(1, 5));
  CHECK(fall(10, 10) == 1);
  CHECK(fall(30, 10) == doctest::Approx(0.5));
  CHECK(fall(50, 10) == 0);
  nn::schedule const half = nn::warm_up(0.5, nn::step_decay(1, 1, 0.1f));
  CHECK(half(4, 10) == 1);
  CHECK(half(10, 10) == doctest::Approx(0.1));
}

TEST_CASE("a schedule is made again from its parameters, and any function can be one") {
  nn::schedule const s = nn::warm_up(2, nn::cosine(0.3f, 9, 0.01f));
  nn::schedule const copy(s.parameters());
  for (index step = 0; step < 100; ++step) CHECK(copy(step, 10) == s(step, 10));
  nn::schedule const custom = [](index step, index per_epoch) { return static_cast<float>(step * per_epoch); };
  CHECK(custom(3, 7) == 21);
  CHECK(custom.parameters().shape == nn::schedule_parameters::form::custom);
}

TEST_CASE("schedules that make no sense are refused") {
  char const* const message = "schedule: expected rates that are not negative and a positive number of epochs";
  CHECK_THROWS_WITH_AS(nn::constant(-1), message, lockstep::error);
  CHECK_THROWS_WITH_AS(nn::constant(NAN), message, lockstep::error);
  CHECK_THROWS_WITH_AS(nn::step_decay(1, 0), message, lockstep::error);
  CHECK_THROWS_WITH_AS(nn::cosine(1, -3), message, lockstep::error);
  CHECK_THROWS_WITH_AS(nn::schedule({.shape = nn::schedule_parameters::form::custom}), message, lockstep::error);
  CHECK_THROWS_WITH_AS(nn::warm_up(-1, nn::constant(1)), "warm_up: expected a number of epochs that is not negative",
                       lockstep::error);
}

}  // namespace optimizer_tests
