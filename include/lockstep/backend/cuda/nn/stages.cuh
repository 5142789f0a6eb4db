// What a GPU needs to know of a network's layers, at run time: the same kernels serve every network.
#pragma once

#include <vector>

#include "../../../nn/sequential.hpp"
#include "custom.cuh"

namespace lockstep::nn::gpu {
inline namespace LOCKSTEP_COMPILER {

enum class stage_kind { product, relu, pool, custom };

/// Layers that run as one: a convolution or linear layer with the relu and the pool behind it, or a relu or pool alone.
template <class T>
struct stage {
  stage_kind kind;
  extents in, out;
  cpu::convolution_sizes sizes = {};  ///< of a product
  index window = 1;                   ///< of the pool
  bool relu = false;
  std::size_t layer = 0;  ///< the first of them
  parameter_block parameters = {};
  custom_functions<T> custom = {};
};

/// How a layer type runs on GPUs over samples of the shape `In`.
template <class Layer, extents In>
struct layer_on_gpu {
  template <class T>
  [[noreturn]] static void describe(stage<T>&) {
    throw device_error(text_of({Layer::name(),
                                ": found a layer without kernels for GPUs, expected one of lockstep's, "
                                "or a custom_layer"}));
  }
};
template <class L, extents In>
struct layer_on_gpu<custom_layer<L>, In> {
  template <class T>
  static void describe(stage<T>& s) {
    s.kind = stage_kind::custom;
    s.custom = functions_of_custom_layer<T, L, In>();
  }
};
template <index Filters, index Kernel, class Padding, index Stride, extents In>
struct layer_on_gpu<conv2d<Filters, Kernel, Padding, Stride>, In> {
  template <class T>
  static void describe(stage<T>& s) {
    s.sizes = conv2d<Filters, Kernel, Padding, Stride>::sizes(s.in);
  }
};
template <index Width, extents In>
struct layer_on_gpu<linear<Width>, In> {
  template <class T>
  static void describe(stage<T>& s) {
    s.sizes = {cpu::dense_images(1, 1, s.in.size()), Width, 1, 1, 1, 1};
  }
};
template <extents In>
struct layer_on_gpu<relu, In> {
  template <class T>
  static void describe(stage<T>& s) {
    s.kind = stage_kind::relu;
  }
};
template <index Window, extents In>
struct layer_on_gpu<max_pool2d<Window>, In> {
  template <class T>
  static void describe(stage<T>& s) {
    s.kind = stage_kind::pool;
    s.window = Window;
  }
};

/// Stage `I` of a network, which begins with `Layer`.
template <class T, class Plan, class Layer, std::size_t I>
stage<T> stage_of() {
  constexpr fused_range range = Plan::stages[I];
  constexpr extents in = Plan::shapes[range.first];
  stage<T> s{stage_kind::product, in, Plan::shapes[range.first + range.count]};
  s.layer = range.first;
  s.parameters = Plan::parameter_blocks[range.first];
  for (std::size_t l = range.first + 1; l < range.first + range.count; ++l) {
    s.relu = s.relu || Plan::is_relu[l];
    if (Plan::windows[l] > 0) s.window = Plan::windows[l];
  }
  layer_on_gpu<Layer, in>::describe(s);
  return s;
}

/// The stages of a network with elements of type T. Throws device_error for a layer that has no kernels for GPUs.
template <class T, class Input, class... Layers>
std::vector<stage<T>> stages_of(network_plan<Input, Layers...>) {
  using plan = network_plan<Input, Layers...>;
  std::vector<stage<T>> stages;
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (stages.push_back(stage_of<T, plan, std::tuple_element_t<plan::stages[I].first, std::tuple<Layers...>>, I>()), ...);
  }
  (std::make_index_sequence<plan::stage_count>{});
  return stages;
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn::gpu
