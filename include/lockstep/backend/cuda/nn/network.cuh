// A network on one GPU: forward and backward of a batch of samples, and the memory for it, taken once.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "../../../array/array.hpp"
#include "convolution.cuh"
#include "elementwise.cuh"
#include "stages.cuh"

namespace lockstep::nn::gpu {
inline namespace LOCKSTEP_COMPILER {

/// Memory of a device that is planned first, then taken at once, in the order of the device's work.
class device_arena {
 public:
  /// Where `bytes` bytes will be.
  std::size_t plan(std::size_t bytes) { return std::exchange(bytes_, bytes_ + (bytes + 255) / 256 * 256); }
  void take(device const& where) { memory_ = array<std::uint8_t>(where, shape<1>(static_cast<index>(bytes_))); }
  template <class T>
  T* at(std::size_t offset) const {
    return reinterpret_cast<T*>(static_cast<std::uint8_t*>(memory_.shared_storage()->data) + offset);
  }
  std::size_t bytes() const { return bytes_; }

 private:
  std::size_t bytes_ = 0;
  array<std::uint8_t> memory_;
};

/// The stages of a network with elements of type T. All work is queued on the device, in order; nothing waits. A
/// sample's results depend on the parameters and on that sample alone, and a shard's gradient on that shard, bit for
/// bit, however many of them run together.
template <class T>
class network {
 public:
  /// Room for `shards` shards of at most `samples_per_shard` samples. Throws out_of_memory.
  network(device where, std::vector<stage<T>> stages, index shards, index samples_per_shard)
      : where_(std::move(where)), stages_(std::move(stages)), shards_(shards) {
    index const samples = shards * samples_per_shard;
    std::size_t widest = static_cast<std::size_t>(stages_.back().out.size()), whole = 0, partial = 0;
    for (stage<T> const& s : stages_) {
      geometries_.emplace_back(s.kind == stage_kind::product ? s.sizes : cpu::convolution_sizes{{}, 1, 1, 1, 1, 1},
                               s.kind == stage_kind::product ? s.window : 1);
      geometry const& g = geometries_.back();
      pieces_.push_back(s.kind == stage_kind::product ? gradient_pieces(g, samples_per_shard) : 1);
      outputs_.push_back(arena_.plan(static_cast<std::size_t>(samples * s.out.size()) * sizeof(T)));
      places_.push_back(arena_.plan(s.window > 1 ? static_cast<std::size_t>(samples * s.out.size()) : 0));
      widest = std::max(widest, static_cast<std::size_t>(s.in.size()));
      if (pools_apart(s)) whole = std::max(whole, static_cast<std::size_t>(samples * g.out_pixels() * g.filters));
      partial = std::max(partial, static_cast<std::size_t>(shards * pieces_.back()) * s.parameters.count);
    }
    for (std::size_t& each : gradients_) each = arena_.plan(static_cast<std::size_t>(samples) * widest * sizeof(T));
    whole_ = arena_.plan(whole * sizeof(T));
    partial_ = arena_.plan(partial * sizeof(T));
    arena_.take(where_);
  }

  index classes() const { return stages_.back().out.size(); }
  /// Of activations, gradients between layers and parts of gradients.
  std::size_t bytes() const { return arena_.bytes(); }

  /// Queues the forward pass; returns where the logits will be, one row per sample. Images are dense, channels last.
  T const* forward(T const* parameters, T const* images, index samples) {
    if (samples > 0)
      for (std::size_t i = 0; i < stages_.size(); ++i) forward_stage(i, parameters, input(i, images), samples);
    return output(stages_.size() - 1);
  }

  /// Where the gradient of the logits has to be before the backward pass.
  T* logits_gradient() { return gradient(stages_.size()); }

  /// Queues the backward pass: the sum over the shards, in a binary tree, of d loss / d parameter. That of a layer's
  /// parameters goes to place(layer), and on_layer_gradient(layer) is called when what makes it final has been queued,
  /// for the last layer first.
  template <class Place, class F>
  void backward(T const* parameters, T const* images, shard_samples const& shards, Place const& place,
                F&& on_layer_gradient) {
    for (std::size_t i = stages_.size(); i-- > 0;) {
      stage<T> const& s = stages_[i];
      backward_stage(i, parameters, input(i, images), shards, s.parameters.count > 0 ? place(s.layer) : nullptr);
      if (s.parameters.count > 0) on_layer_gradient(s.layer);
    }
  }

 private:
  /// Pools over four pixels ride along with the convolution, others are a pass of their own.
  static bool pools_apart(stage<T> const& s) { return s.kind == stage_kind::product && s.window > 2; }

  T* output(std::size_t i) { return arena_.template at<T>(outputs_[i]); }
  T const* input(std::size_t i, T const* images) { return i == 0 ? images : output(i - 1); }
  T* gradient(std::size_t edge) { return arena_.template at<T>(gradients_[edge % 2]); }
  std::uint8_t* places(std::size_t i) {
    return stages_[i].window > 1 ? arena_.template at<std::uint8_t>(places_[i]) : nullptr;
  }

  pool_layout layout(std::size_t i) const {
    stage<T> const& s = stages_[i];
    if (s.kind == stage_kind::pool) return {s.in.height, s.in.width, s.in.channels, s.window, false};
    return {s.sizes.out_height, s.sizes.out_width, s.sizes.filters, s.window, true};
  }

  void forward_stage(std::size_t i, T const* parameters, T const* in, index samples) {
    stage<T> const& s = stages_[i];
    index const count = samples * s.out.size();
    if (s.kind == stage_kind::relu) return each_element(where_, "relu", count, rectify<T>{in, output(i)});
    if (s.kind == stage_kind::pool) return pool_stage(i, in, count);
    T const* const own = parameters + s.parameters.offset;
    if (s.kind == stage_kind::custom) return s.custom.forward(where_, own, in, output(i), samples);
    if (!pools_apart(s)) return convolve<T>(where_, geometries_[i], own, in, output(i), s.relu, places(i), samples);
    T* const whole = arena_.template at<T>(whole_);
    convolve<T>(where_, geometries_[i], own, in, whole, false, nullptr, samples);
    pool_stage(i, whole, count);
  }

  void pool_stage(std::size_t i, T const* in, index count) {
    stage<T> const& s = stages_[i];
    if (s.window == 1) return each_element(where_, "max_pool2d", count, copy_element<T>{in, output(i)});
    require_countable(count, "max_pool2d");
    each_element(where_, "max_pool2d", count, pool<T>{layout(i), in, output(i), places(i), s.relu});
  }

  void backward_stage(std::size_t i, T const* parameters, T const* in, shard_samples const& shards, T* sums) {
    stage<T> const& s = stages_[i];
    index const samples = shards.samples();
    T const* const from = gradient(i + 1);
    T* const to = gradient(i);
    if (s.kind == stage_kind::relu) {
      if (i > 0) each_element(where_, "relu's gradient", samples * s.in.size(), mask_by_input<T>{from, in, to});
    } else if (s.kind == stage_kind::pool) {
      index const count = samples * s.out.size();
      if (i > 0 && s.window == 1) each_element(where_, "max_pool2d's gradient", count, copy_element<T>{from, to});
      if (i > 0 && s.window > 1)
        each_element(where_, "max_pool2d's gradient", count, unpool<T>{layout(i), from, places(i), to});
    } else if (s.kind == stage_kind::custom) {
      T const* const own = parameters + s.parameters.offset;
      if (sums) s.custom.parameter_gradient(where_, own, in, from, shards, partial());
      if (sums) sum_parts(i, shards, sums);
      if (i > 0 && samples > 0) s.custom.input_gradient(where_, own, in, from, to, samples);
    } else {
      output_gradient<T> const out{geometries_[i], from, s.relu ? output(i) : nullptr, places(i)};
      convolve_gradient_of_parameters(where_, out, in, shards, pieces_[i], partial());
      sum_parts(i, shards, sums);
      if (i > 0 && samples > 0) convolve_gradient_of_input(where_, out, parameters + s.parameters.offset, to, samples);
    }
  }
  T* partial() { return arena_.template at<T>(partial_); }
  void sum_parts(std::size_t i, shard_samples const& shards, T* sums) {
    auto const count = static_cast<index>(stages_[i].parameters.count);
    each_element(where_, "the sum over shards", count,
                 sum_shards<T>{partial(), sums, count, static_cast<int>(shards.count), static_cast<int>(pieces_[i])});
  }

  device where_;
  std::vector<stage<T>> stages_;
  std::vector<geometry> geometries_;
  std::vector<index> pieces_;
  index shards_;
  device_arena arena_;
  std::vector<std::size_t> outputs_, places_;
  std::size_t gradients_[2], whole_ = 0, partial_ = 0;
};

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn::gpu
