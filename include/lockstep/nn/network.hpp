// network: forward and backward of a list of layers over a shard of samples, on the calling thread.
#pragma once

#include <algorithm>
#include <span>
#include <string>

#include "shape_check.hpp"
#include "workspace.hpp"

namespace lockstep::nn {

/// What a shard of samples gave: the sum of their losses, and how many were classified as labeled.
struct batch_result {
  double loss_sum = 0;
  index correct = 0;
};

inline namespace LOCKSTEP_COMPILER {

/// The functions of a network with elements of type T. They take the parameters as an argument and keep no state, so
/// replicas share them. A result's bits depend on the parameters and on the shard (its data and size), on nothing else.
template <class T, class Input, class... Layers>
class network {
 public:
  using plan = network_plan<Input, Layers...>;
  static constexpr extents input = plan::shapes.front(), output = plan::shapes.back();
  static_assert(plan::check());
  static_assert(plan::stage_count > 0, "sequential: needs a layer that computes after its input");

  class workspace;

  /// Logits of `samples` images (dense, channels last), one row per sample; they stay in `memory`.
  /// Throws shape_error when the parameters or the workspace do not fit.
  static T const* forward(std::span<T const> parameters, T const* images, index samples, workspace& memory) {
    memory.expect(parameters.size(), samples);
    memory.take(images, samples);
    each_stage([&](auto stage) { run_forward<stage>(parameters.data(), images, samples, memory); });
    return memory.edge(plan::stage_count);
  }

  /// Writes to `gradient` (one value per parameter) the sum over the samples of d loss / d parameter, and calls
  /// on_layer_gradient(layer) as soon as that layer's block of it is final: for every layer with parameters, the last
  /// first; layers are counted from 0, the input not counted. Labels are class numbers. Throws shape_error as forward
  /// does, and what the loss throws.
  template <class Loss, class OnGradient>
  static batch_result forward_backward(std::span<T const> parameters, T const* images, std::uint8_t const* labels,
                                       index samples, Loss const& loss, workspace& memory, T* gradient,
                                       OnGradient&& on_layer_gradient) {
    T const* logits = forward(parameters, images, samples, memory);
    batch_result const result = loss(logits, labels, samples, output.size(), memory.gradient(plan::stage_count));
    each_stage([&](auto reversed) {
      constexpr std::size_t stage = plan::stage_count - 1 - reversed, layer = plan::stages[stage].first;
      run_backward<stage>(parameters.data(), images, samples, memory, gradient);
      if constexpr (plan::parameter_blocks[layer].count > 0) on_layer_gradient(layer);
    });
    return result;
  }

 private:
  static constexpr bool relu_in(fused_range const& range) {
    return std::any_of(range.first + 1 + plan::is_relu.begin(), plan::is_relu.begin() + range.first + range.count,
                       [](bool yes) { return yes; });
  }
  static constexpr index window_in(fused_range const& range) {
    return range.count > 1 ? plan::windows[range.first + range.count - 1] : 0;
  }

  template <std::size_t Stage>
  static auto find_evaluator() {
    constexpr fused_range range = plan::stages[Stage];
    using layer = std::tuple_element_t<range.first, std::tuple<Layers...>>;
    using found = typename layer::template evaluator<T, plan::shapes[range.first], relu_in(range), window_in(range)>;
    return std::type_identity<found>{};
  }
  template <std::size_t Stage>
  using evaluator = typename decltype(find_evaluator<Stage>())::type;

  template <class F>
  static constexpr void each_stage(F&& f) {
    [&]<std::size_t... I>(std::index_sequence<I...>) { (f(std::integral_constant<std::size_t, I>{}), ...); }
    (std::make_index_sequence<plan::stage_count>{});
  }

  /// How the data that enters stage `Edge` lie (what leaves the last stage: densely).
  template <std::size_t Edge>
  static constexpr cpu::image_layout layout() {
    if constexpr (Edge < plan::stage_count)
      return evaluator<Edge>::input_layout();
    else
      return cpu::dense_images(output.height, output.width, output.channels);
  }

  /// How stage `Stage` writes its result: as the next one wants it. Dense data serve flat and image alike.
  template <std::size_t Stage>
  static constexpr cpu::image_layout output_layout() {
    constexpr extents out = plan::shapes[plan::stages[Stage].first + plan::stages[Stage].count];
    constexpr cpu::image_layout next = layout<Stage + 1>();
    return next.dense() ? cpu::dense_images(out.height, out.width, out.channels) : next;
  }

  /// The first stage reads the caller's images in place, or else a copy inside a border or with room behind it.
  static constexpr bool first_in_place() { return layout<0>().dense() && evaluator<0>::overrun == 0; }

  template <std::size_t Stage>
  static T const* input_of(T const* images, workspace& memory) {
    return Stage == 0 && first_in_place() ? images : memory.edge(Stage);
  }

  template <std::size_t Stage>
  static void run_forward(T const* parameters, T const* images, index samples, workspace& memory) {
    constexpr std::size_t offset = plan::parameter_blocks[plan::stages[Stage].first].offset;
    evaluator<Stage>::forward(parameters + offset, input_of<Stage>(images, memory), memory.edge(Stage + 1),
                              output_layout<Stage>(), memory.saved(Stage), memory.scratch(), samples);
  }

  template <std::size_t Stage>
  static void run_backward(T const* parameters, T const* images, index samples, workspace& memory, T* gradient) {
    constexpr std::size_t offset = plan::parameter_blocks[plan::stages[Stage].first].offset;
    evaluator<Stage>::backward(parameters + offset, input_of<Stage>(images, memory), memory.edge(Stage + 1),
                               output_layout<Stage>(), memory.saved(Stage), memory.gradient(Stage + 1),
                               Stage == 0 ? nullptr : memory.gradient(Stage), gradient + offset, memory.scratch(),
                               samples);
  }
};

/// Memory for the steps of one network on one thread, for at most a given number of samples. Make it on the thread
/// that uses it, so that its pages lie near.
template <class T, class Input, class... Layers>
class network<T, Input, Layers...>::workspace {
 public:
  /// Throws shape_error unless `maximum_samples` is positive, and std::bad_alloc.
  explicit workspace(index maximum_samples) : maximum_(positive(maximum_samples)), memory_(place(maximum_samples)) {}

  index maximum_samples() const { return maximum_; }
  std::size_t bytes() const { return memory_.size(); }

 private:
  friend network;
  static constexpr std::size_t stage_count = plan::stage_count;

  static index positive(index samples) {
    if (samples > 0) return samples;
    throw shape_error("workspace: found room for " + std::to_string(samples) + " samples, expected at least 1");
  }

  /// Chooses where everything lies; returns the bytes needed.
  std::size_t place(index samples) {
    std::size_t end = 0;
    auto take = [&](index elements, std::size_t size) {
      return std::exchange(end, end + arena::lines(static_cast<std::size_t>(elements) * size));
    };
    index widest = output.size(), scratch = 0;
    each_stage([&](auto stage) {
      constexpr cpu::image_layout in = layout<stage>();
      edges_[stage] =
          take(stage == 0 && first_in_place() ? 0 : in.sample() * samples + evaluator<stage>::overrun, sizeof(T));
      if constexpr (stage > 0) widest = std::max(widest, in.size());
      saved_[stage] = take(evaluator<stage>::saved_bytes * samples, 1);
      scratch = std::max(scratch, evaluator<stage>::scratch);
    });
    edges_[stage_count] = take(output.size() * samples, sizeof(T));
    gradients_[0] = take(widest * samples, sizeof(T));
    gradients_[1] = take(widest * samples, sizeof(T));
    scratch_ = take(scratch, sizeof(T));
    return end;
  }

  void expect(std::size_t parameters, index samples) const {
    if (parameters != plan::parameter_count)
      throw shape_error("sequential: found " + std::to_string(parameters) + " parameters, expected " +
                        std::to_string(plan::parameter_count));
    if (samples < 0 || samples > maximum_)
      throw shape_error("sequential: found a shard of " + std::to_string(samples) +
                        " samples, expected at most the workspace's " + std::to_string(maximum_));
  }

  /// Puts the images inside the border that the first stage wants; the border itself stays zero from the beginning.
  void take(T const* images, index samples) {
    constexpr cpu::image_layout in = layout<0>();
    if constexpr (!first_in_place())
      cpu::copy_images(images, cpu::dense_images(in.height, in.width, in.channels), edge(0), in, samples);
  }

  T* edge(std::size_t i) const { return memory_.template at<T>(edges_[i]); }
  T* gradient(std::size_t i) const { return memory_.template at<T>(gradients_[i % 2]); }
  T* scratch() const { return memory_.template at<T>(scratch_); }
  std::uint8_t* saved(std::size_t stage) const { return memory_.template at<std::uint8_t>(saved_[stage]); }

  index maximum_;
  std::size_t edges_[stage_count + 1], saved_[stage_count], gradients_[2], scratch_;
  arena memory_;
};

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn
