// Training steps of a convolutional and of a fully connected network on one thread, by shard size, and what they are
// made of. Rates count every multiply-add of forward and of both products of back-propagation as two operations, also
// those with zeros behind a max-pool, which are left out: such a rate can exceed the machine's own, the first figure.
#include <benchmark/benchmark.h>

#include <lockstep/backend/cpu/nn/tile.hpp>
#include <lockstep/nn/loss.hpp>
#include <lockstep/nn/optimizer.hpp>
#include <lockstep/nn/sequential.hpp>

namespace ls = lockstep;
namespace nn = lockstep::nn;
using std::size_t;

namespace {

using convolutional = nn::sequential<nn::input<28, 28, 1>, nn::conv2d<32, 3, nn::same>, nn::relu, nn::max_pool2d<2>,
                                     nn::conv2d<64, 3, nn::same>, nn::relu, nn::max_pool2d<2>, nn::flatten,
                                     nn::linear<128>, nn::relu, nn::linear<10>>;
using unpooled =
    nn::sequential<nn::input<28, 28, 1>, nn::conv2d<32, 3, nn::same>, nn::relu, nn::conv2d<64, 3, nn::same, 2>,
                   nn::relu, nn::conv2d<64, 3, nn::same>, nn::relu, nn::flatten, nn::linear<10>>;
using fully_connected =
    nn::sequential<nn::input<784>, nn::linear<512>, nn::relu, nn::linear<512>, nn::relu, nn::linear<10>>;

/// A shard of pseudo-random images between -1 and 1, labels in turn.
struct shard {
  std::vector<float> images;
  std::vector<std::uint8_t> labels;
  shard(size_t samples, size_t size) : images(samples * size), labels(samples) {
    for (size_t i = 0; i < images.size(); ++i)
      images[i] = static_cast<float>(2 * ls::unit_interval(ls::philox4x32(i, 1)[0]) - 1);
    for (size_t i = 0; i < samples; ++i) labels[i] = static_cast<std::uint8_t>(i % 10);
  }
};

void rate(benchmark::State& state, double operations_per_sample) {
  double const samples = static_cast<double>(state.range(0)) * static_cast<double>(state.iterations());
  state.counters["samples/s"] = benchmark::Counter(samples, benchmark::Counter::kIsRate);
  state.counters["FLOP/s"] = benchmark::Counter(samples * operations_per_sample, benchmark::Counter::kIsRate);
}

template <class Network>
void training_step(benchmark::State& state) {
  Network net(ls::seed(1));
  ls::index const samples = state.range(0);
  shard const data(static_cast<size_t>(samples), Network::input_shape.size());
  typename Network::workspace memory(samples);
  std::vector<float> gradient(Network::parameter_count), velocity(Network::parameter_count);
  nn::sgd const optimizer{.momentum = 0.9f, .weight_decay = 5e-4f};
  for (auto _ : state) {
    Network::forward_backward(net.parameters(), data.images.data(), data.labels.data(), samples, nn::cross_entropy{},
                              memory, gradient.data(), [](size_t) {});
    optimizer.update(net.parameters(), gradient, velocity, 1e-6f, 1 / static_cast<float>(samples));
  }
  rate(state, 2.0 * static_cast<double>(3 * Network::multiply_adds - Network::layer_multiply_adds[0]));
}

template <class Network>
void forward(benchmark::State& state) {
  Network const net(ls::seed(1));
  ls::index const samples = state.range(0);
  shard const data(static_cast<size_t>(samples), Network::input_shape.size());
  typename Network::workspace memory(samples);
  for (auto _ : state)
    benchmark::DoNotOptimize(Network::forward(net.parameters(), data.images.data(), samples, memory));
  rate(state, 2.0 * static_cast<double>(Network::multiply_adds));
}

/// What the machine can do: independent multiply-adds on registers, as many as hide their latency.
void fused_multiply_add_limit(benchmark::State& state) {
  using nn::cpu::vec;
  vec<float> const factor = nn::cpu::splat(1 - static_cast<float>(state.range(0)) * 1e-3f);
  for (auto _ : state) {
    vec<float> sum[12];
    nn::cpu::unroll<12>([&](auto j) __attribute__((always_inline)) { sum[j] = nn::cpu::splat(static_cast<float>(j)); });
    for (int i = 0; i < 1000; ++i)
      nn::cpu::unroll<12>([&](auto j) __attribute__((always_inline)) { sum[j] = sum[j] * factor + factor; });
    vec<float> total{};
    nn::cpu::unroll<12>([&](auto j) __attribute__((always_inline)) { total += sum[j]; });
    float first = total[0];
    benchmark::DoNotOptimize(first);
  }
  state.counters["FLOP/s"] = benchmark::Counter(
      static_cast<double>(state.iterations()) * 12000 * 2 * static_cast<double>(nn::cpu::width<float>),
      benchmark::Counter::kIsRate);
}

void sgd_update(benchmark::State& state) {
  std::vector<float> parameters(static_cast<size_t>(state.range(0)), 1), gradient = parameters, velocity = parameters;
  for (auto _ : state) nn::sgd{.momentum = 0.9f}.update(std::span(parameters), gradient, velocity, 1e-6f, 1);
  state.SetBytesProcessed(state.iterations() * state.range(0) * 5 * static_cast<std::int64_t>(sizeof(float)));
}

}  // namespace

BENCHMARK(fused_multiply_add_limit)->Arg(1);
BENCHMARK(training_step<convolutional>)->Arg(1)->Arg(8)->Arg(16)->Arg(32)->Arg(128)->Unit(benchmark::kMicrosecond);
BENCHMARK(training_step<unpooled>)->Arg(16)->Arg(32)->Unit(benchmark::kMicrosecond);
BENCHMARK(training_step<fully_connected>)->Arg(1)->Arg(8)->Arg(16)->Arg(32)->Arg(128)->Unit(benchmark::kMicrosecond);
BENCHMARK(forward<convolutional>)->Arg(1)->Arg(16)->Arg(32)->Arg(128)->Unit(benchmark::kMicrosecond);
BENCHMARK(sgd_update)->Arg(convolutional::parameter_count)->Unit(benchmark::kMicrosecond);
