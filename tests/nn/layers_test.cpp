// Covers: nn: linear conv2d max_pool2d flatten relu cross_entropy network; types: float
// Every layer, alone and fused, against plain loops in double, and its gradient against central differences.
#include <doctest/doctest.h>

#include "reference.hpp"

namespace layer_tests {
namespace nn = lockstep::nn;
using lockstep::index;

namespace {

/// Calls check with every network below: each kernel, fused and not, with odd sizes, channels and strides.
template <class Check>
void each_network(Check&& check) {
  using nn::conv2d, nn::flatten, nn::input, nn::linear, nn::max_pool2d, nn::relu, nn::same, nn::valid;
  check.template operator()<input<7>, linear<5>>();
  check.template operator()<input<1>, linear<1>, relu, linear<2>>();
  check.template operator()<input<19>, relu, linear<33>, relu, linear<17>, linear<3>>();
  check.template operator()<input<300>, linear<4>, relu, linear<3>>();
  check.template operator()<input<5, 7, 3>, flatten, linear<4>, relu, relu, linear<3>>();
  check.template operator()<input<6, 6, 2>, relu, max_pool2d<3>, flatten, linear<3>>();
  check.template operator()<input<6, 4, 5>, conv2d<3, 1>, relu, conv2d<4, 3, same>, flatten, linear<3>>();
  check.template operator()<input<5, 6, 1>, conv2d<3, 3, same>, relu, conv2d<5, 2, valid>, relu, flatten, linear<4>>();
  check.template operator()<input<6, 5, 2>, conv2d<17, 2, same>, conv2d<3, 4, same>, flatten, linear<3>>();
  check.template operator()<input<8, 8, 1>, conv2d<4, 3, same>, relu, max_pool2d<2>, conv2d<6, 3, same>, relu,
                            max_pool2d<2>, flatten, linear<5>, relu, linear<3>>();
  check.template operator()<input<6, 6, 3>, conv2d<8, 3, same>, max_pool2d<2>, conv2d<16, 3, same>, max_pool2d<3>, relu,
                            flatten, linear<3>>();
  check.template operator()<input<8, 10, 4>, conv2d<16, 3, valid>, relu, max_pool2d<2>, conv2d<32, 2, valid>, relu,
                            max_pool2d<1>, flatten, linear<3>>();
  check.template operator()<input<7, 9, 2>, conv2d<5, 3, same, 2>, relu, conv2d<4, 3, valid, 2>, flatten, linear<3>>();
  check.template operator()<input<9, 8, 3>, conv2d<4, 3, same>, conv2d<6, 3, same, 2>, relu, max_pool2d<1>,
                            conv2d<3, 1, same, 3>, flatten, linear<3>>();
  check.template operator()<input<8, 8, 3>, conv2d<4, 3, same>, relu, conv2d<8, 3, same, 2>, relu, max_pool2d<2>,
                            flatten, linear<3>>();
  // Few taps before a 2 x 2 pool, first and behind another layer; with a stride, without relu, many channels.
  check.template operator()<input<8, 6, 1>, conv2d<32, 3, same>, relu, max_pool2d<2>, flatten, linear<3>>();
  check.template
  operator()<input<6, 8, 2>, conv2d<1, 3, same>, relu, conv2d<32, 3, same>, relu, max_pool2d<2>, flatten, linear<2>>();
  check.template operator()<input<9, 9, 2>, conv2d<32, 2, valid, 2>, max_pool2d<2>, flatten, linear<2>>();
  check.template operator()<input<4, 6, 9>, conv2d<64, 1>, relu, max_pool2d<2>, flatten, linear<2>>();
  check.template operator()<input<4, 4, 8>, conv2d<8, 5, same>, relu, max_pool2d<4>, flatten, linear<2>>();
}

template <class T, class Input, class... Layers>
void check_forward(index samples, double tolerance) {
  using network = nn::network<T, Input, Layers...>;
  typename network::plan const plan;
  reference::problem<T> const p(plan, samples, static_cast<unsigned>(samples));
  typename network::workspace memory(samples + samples % 3);
  T const* logits = network::forward(p.parameters, p.images.data(), samples, memory);
  reference::values const parameters(p.parameters.begin(), p.parameters.end());
  for (index n = 0; n < samples; ++n) {
    auto const x = p.sample(static_cast<std::size_t>(n), static_cast<std::size_t>(network::input.size()));
    for (double expected : reference::logits(plan, x, parameters.data()))
      REQUIRE(static_cast<double>(*logits++) == doctest::Approx(expected).epsilon(tolerance).scale(1));
  }
}

template <class... Layers>
double total_loss(reference::problem<double> const& p, index samples,
                  typename nn::network<double, Layers...>::workspace& memory) {
  using network = nn::network<double, Layers...>;
  double const* logits = network::forward(p.parameters, p.images.data(), samples, memory);
  return nn::cross_entropy{}(logits, p.labels.data(), samples, network::output.size()).loss_sum;
}

template <class... Layers>
void check_gradient(index samples) {
  using network = nn::network<double, Layers...>;
  reference::problem<double> p(typename network::plan{}, samples, 7);
  typename network::workspace memory(samples);
  std::vector<double> gradient(p.parameters.size(), NAN);  // what is not written shows
  nn::batch_result const result =
      network::forward_backward(p.parameters, p.images.data(), p.labels.data(), samples, nn::cross_entropy{}, memory,
                                gradient.data(), [](std::size_t) {});
  CHECK(result.loss_sum == doctest::Approx(total_loss<Layers...>(p, samples, memory)).epsilon(1e-14));
  double const step = 1e-6;
  std::size_t const stride = p.parameters.size() / 700 + 1;  // every parameter of the small ones
  for (std::size_t i = 0; i < p.parameters.size(); i += stride) {
    double const kept = p.parameters[i];
    p.parameters[i] = kept + step;
    double const above = total_loss<Layers...>(p, samples, memory);
    p.parameters[i] = kept - step;
    double const below = total_loss<Layers...>(p, samples, memory);
    p.parameters[i] = kept;
    INFO("parameter ", i);
    REQUIRE(gradient[i] == doctest::Approx((above - below) / (2 * step)).epsilon(1e-5).scale(0.1));
  }
}

}  // namespace

TEST_CASE("forward equals plain loops for every layer, in double and in float") {
  for (index samples : {1, 2, 5, 6, 7, 12, 13, 17, 33}) {
    each_network([&]<class... Layers> {
      check_forward<double, Layers...>(samples, 1e-12);
      check_forward<float, Layers...>(samples, 2e-5);
    });
  }
}

TEST_CASE("the gradient of every layer equals central differences") {
  for (index samples : {1, 3}) each_network([&]<class... Layers> { check_gradient<Layers...>(samples); });
}

TEST_CASE("the gradient in float is the gradient in double, rounded") {
  each_network([]<class... Layers> {
    using exact = nn::network<double, Layers...>;
    using rounded = nn::network<float, Layers...>;
    reference::problem<float> const p(typename exact::plan{}, 19, 3);
    std::vector<double> const parameters(p.parameters.begin(), p.parameters.end());
    std::vector<double> const images(p.images.begin(), p.images.end());
    std::vector<double> expected(parameters.size());
    std::vector<float> found(parameters.size());
    typename exact::workspace exact_memory(19);
    typename rounded::workspace rounded_memory(19);
    auto const ignore = [](std::size_t) {};
    auto const a = exact::forward_backward(parameters, images.data(), p.labels.data(), 19, nn::cross_entropy{},
                                           exact_memory, expected.data(), ignore);
    auto const b = rounded::forward_backward(p.parameters, p.images.data(), p.labels.data(), 19, nn::cross_entropy{},
                                             rounded_memory, found.data(), ignore);
    CHECK(b.loss_sum == doctest::Approx(a.loss_sum).epsilon(1e-4));
    double difference = 0, size = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
      difference += std::pow(static_cast<double>(found[i]) - expected[i], 2);
      size += expected[i] * expected[i];
    }
    CHECK(std::sqrt(difference) <= 1e-4 * std::sqrt(size));
  });
}

}  // namespace layer_tests
