// What a GPU needs to know of a network's layers, at run time: the same kernels serve every network.
#pragma once

#include <vector>

#include "../../../nn/sequential.hpp"
#include "geometry.cuh"

namespace lockstep::nn::gpu {
inline namespace LOCKSTEP_COMPILER {

enum class stage_kind { product, relu, pool };

/// Layers that run as one: a convolution or linear layer with the relu and the pool behind it, or a relu or pool alone.
struct stage {
  stage_kind kind;
  extents in, out;
  cpu::convolution_sizes sizes = {};  ///< of a product
  index window = 1;                   ///< of the pool
  bool relu = false;
  std::size_t layer = 0;  ///< the first of them
  parameter_block parameters = {};
};

/// How a layer type runs on GPUs. Specialize it for a layer of your own that is one of these.
template <class Layer>
struct layer_on_gpu {
  [[noreturn]] static void describe(stage&) {
    throw device_error(
        text_of({Layer::name(), ": found a layer without kernels for GPUs, expected one of lockstep's"}));
  }
};
template <index Filters, index Kernel, class Padding, index Stride>
struct layer_on_gpu<conv2d<Filters, Kernel, Padding, Stride>> {
  static void describe(stage& s) { s.sizes = conv2d<Filters, Kernel, Padding, Stride>::sizes(s.in); }
};
template <index Width>
struct layer_on_gpu<linear<Width>> {
  static void describe(stage& s) { s.sizes = {cpu::dense_images(1, 1, s.in.size()), Width, 1, 1, 1, 1}; }
};
template <>
struct layer_on_gpu<relu> {
  static void describe(stage& s) { s.kind = stage_kind::relu; }
};
template <index Window>
struct layer_on_gpu<max_pool2d<Window>> {
  static void describe(stage& s) {
    s.kind = stage_kind::pool;
    s.window = Window;
  }
};

/// The stages of a network. Throws device_error for a layer that has no kernels for GPUs.
template <class Input, class... Layers>
std::vector<stage> stages_of(network_plan<Input, Layers...>) {
  using plan = network_plan<Input, Layers...>;
  using describe = void (*)(stage&);
  describe const all[] = {[](stage& s) {
    if constexpr (!std::is_same_v<Layers, flatten>) layer_on_gpu<Layers>::describe(s);
  }...};
  std::vector<stage> stages;
  for (std::size_t i = 0; i < plan::stage_count; ++i) {
    fused_range const range = plan::stages[i];
    stage s{stage_kind::product, plan::shapes[range.first], plan::shapes[range.first + range.count]};
    s.layer = range.first;
    s.parameters = plan::parameter_blocks[range.first];
    for (std::size_t l = range.first + 1; l < range.first + range.count; ++l) {
      s.relu = s.relu || plan::is_relu[l];
      if (plan::windows[l] > 0) s.window = plan::windows[l];
    }
    all[range.first](s);
    stages.push_back(s);
  }
  return stages;
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn::gpu
