// Layers and losses of the user's own on a GPU: a thread per value, of the functions that a CPU calls in loops.
#pragma once

#include "../../../nn/layers/custom_layer.hpp"
#include "../../../nn/loss.hpp"
#include "cross_entropy.cuh"

namespace lockstep::nn::gpu {
inline namespace LOCKSTEP_COMPILER {

template <class T, class L, extents In>
struct custom_value {
  T const *parameters, *in;
  T* to;
  __device__ void operator()(index i) const {
    constexpr index size = L::output(In).size();
    to[i] = L::value(In, parameters, in + i / size * In.size(), i % size);
  }
};

template <class T, class L, extents In>
struct custom_input_gradient {
  T const *parameters, *in, *gradient;
  T* to;
  __device__ void operator()(index i) const {
    constexpr index size = In.size(), out = L::output(In).size();
    index const n = i / size;
    to[i] = L::input_gradient(In, parameters, in + n * size, gradient + n * out, i % size);
  }
};

/// partial[shard][k] = the sum over the shard's samples, in their order.
template <class T, class L, extents In>
struct custom_parameter_gradient {
  T const *parameters, *in, *gradient;
  shard_samples shards;
  T* partial;
  __device__ void operator()(index i) const {
    constexpr index count = custom_layer<L>::biases(In), out = L::output(In).size();
    index const shard = i / count, k = i % count;
    T sum = 0;
    for (index n = shards.begin(shard); n < shards.begin(shard + 1); ++n)
      sum += L::parameter_gradient(In, parameters, in + n * In.size(), gradient + n * out, k);
    partial[i] = sum;
  }
};

/// A layer's functions as a network calls them, which knows no types of layers.
template <class T>
struct custom_functions {
  void (*forward)(device const& where, T const* parameters, T const* in, T* to, index samples) = nullptr;
  void (*input_gradient)(device const& where, T const* parameters, T const* in, T const* gradient, T* to,
                         index samples) = nullptr;
  void (*parameter_gradient)(device const& where, T const* parameters, T const* in, T const* gradient,
                             shard_samples const& shards, T* partial) = nullptr;
};

template <class T, class L, extents In>
custom_functions<T> functions_of_custom_layer() {
  custom_functions<T> all;
  all.forward = [](device const& where, T const* parameters, T const* in, T* to, index samples) {
    each_element(where, L::name(), samples * L::output(In).size(), custom_value<T, L, In>{parameters, in, to});
  };
  all.input_gradient = [](device const& where, T const* parameters, T const* in, T const* gradient, T* to,
                          index samples) {
    each_element(where, L::name(), samples * In.size(), custom_input_gradient<T, L, In>{parameters, in, gradient, to});
  };
  if constexpr (custom_layer<L>::has_parameters)
    all.parameter_gradient = [](device const& where, T const* parameters, T const* in, T const* gradient,
                                shard_samples const& shards, T* partial) {
      each_element(where, L::name(), index{shards.count} * custom_layer<L>::biases(In),
                   custom_parameter_gradient<T, L, In>{parameters, in, gradient, shards, partial});
    };
  return all;
}

template <class T, class L>
struct custom_sample_loss {
  L of_sample;
  T const* logits;
  std::uint8_t const* labels;
  index classes;
  T* gradient;
  sample_result* results;

  __device__ void operator()(index n) const {
    T const* const row = logits + n * classes;
    index const label = labels[n];
    double const loss = of_sample(row, classes, label, gradient ? gradient + n * classes : nullptr);
    results[n] = {loss, static_cast<double>(greatest_logit(row, classes) == label)};
  }
};

/// Writes loss and right answer of each sample, and d loss / d logits to `gradient` unless it is null.
template <class T>
void queue_loss(nn::cross_entropy const&, device const& where, T const* logits, std::uint8_t const* labels,
                index samples, index classes, T* gradient, sample_result* results) {
  gpu::cross_entropy(where, logits, labels, samples, classes, gradient, results);
}
template <class L, class T>
void queue_loss(custom_loss<L> const& loss, device const& where, T const* logits, std::uint8_t const* labels,
                index samples, index classes, T* gradient, sample_result* results) {
  each_element(where, "a loss", samples,
               custom_sample_loss<T, L>{loss.of_sample, logits, labels, classes, gradient, results});
}
template <class Loss>
concept has_kernels = requires(Loss const& loss, device const& where, float* data) {
  gpu::queue_loss(loss, where, static_cast<float const*>(data), static_cast<std::uint8_t const*>(nullptr), index{},
                  index{}, data, static_cast<sample_result*>(nullptr));
};

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn::gpu
