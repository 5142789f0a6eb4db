// What the compiler knows of a network: the shape between its layers, where parameters lie, which layers run as one.
#pragma once

#include <array>
#include <tuple>

#include "layers/flatten.hpp"
#include "layers/input.hpp"
#include "layers/max_pool2d.hpp"
#include "layers/relu.hpp"

namespace lockstep::nn {

/// Where a layer's parameters lie in the network's one flat vector: weights, then bias.
struct parameter_block {
  std::size_t offset = 0, count = 0;
};

/// Layers [first, first + count) that run as one; a relu or a pool inside rides along with the first layer.
struct fused_range {
  std::size_t first = 0, count = 0;
};

inline namespace LOCKSTEP_COMPILER {

/// Everything about `Layers` (without the input) over one sample of `Input` that does not depend on the scalar type.
template <class Input, class... Layers>
struct network_plan {
  static constexpr std::size_t layer_count = sizeof...(Layers);

  /// shapes[i] enters layer i; the last one leaves the network.
  static constexpr std::array<extents, layer_count + 1> shapes = [] {
    std::array<extents, layer_count + 1> all{Input::sample()};
    std::size_t i = 0;
    ((all[i + 1] = Layers::output(all[i]), ++i), ...);
    return all;
  }();

  static constexpr std::array<parameter_block, layer_count> parameter_blocks = [] {
    std::array<parameter_block, layer_count> all{};
    std::size_t i = 0, offset = 0;
    ((all[i] = {offset, static_cast<std::size_t>(Layers::weights(shapes[i]) + Layers::biases(shapes[i]))},
      offset += all[i].count, ++i),
     ...);
    return all;
  }();
  static constexpr std::size_t parameter_count = [] {
    std::size_t sum = 0;
    for (parameter_block const& block : parameter_blocks) sum += block.count;
    return sum;
  }();

  static constexpr std::array<index, layer_count> multiply_adds = [] {
    std::array<index, layer_count> all{};
    std::size_t i = 0;
    ((all[i] = Layers::multiply_adds(shapes[i]), ++i), ...);
    return all;
  }();

  static constexpr std::array<bool, layer_count> is_relu{std::is_same_v<Layers, relu>...};
  static constexpr std::array<index, layer_count> windows{pool_window<Layers>...};

 private:
  static constexpr auto grouped = [] {
    constexpr bool takes_relu[] = {Layers::applies_relu...}, takes_pool[] = {Layers::applies_pool...};
    constexpr bool is_flatten[] = {std::is_same_v<Layers, flatten>...};
    std::pair<std::array<fused_range, layer_count>, std::size_t> stages{};
    for (std::size_t i = 0; i < layer_count;) {
      std::size_t const first = i++;
      if (is_flatten[first]) continue;  // moves no data
      if (takes_relu[first] && i < layer_count && is_relu[i]) ++i;
      if (takes_pool[first] && i < layer_count && windows[i] > 0) ++i;
      stages.first[stages.second++] = {first, i - first};
    }
    return stages;
  }();

 public:
  static constexpr std::size_t stage_count = grouped.second;
  static constexpr auto stages = grouped.first;  // the first stage_count of them

  /// Fails to compile, with one line that names the layer and the reason, unless every layer fits its input.
  static constexpr bool check() {
    return []<std::size_t... I>(std::index_sequence<I...>) { return (Layers::template accepts<shapes[I]>() && ...); }
    (std::make_index_sequence<layer_count>{});
  }
};

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn
