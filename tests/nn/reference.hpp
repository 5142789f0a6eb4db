// Plain loops in double for every layer: what the kernels are tested against.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <lockstep/nn/loss.hpp>
#include <lockstep/nn/sequential.hpp>
#include <random>
#include <vector>

namespace reference {
namespace nn = lockstep::nn;
using lockstep::index;
using values = std::vector<double>;

inline values apply(nn::flatten, nn::extents, values x, double const*) { return x; }

inline values apply(nn::relu, nn::extents, values x, double const*) {
  for (double& v : x) v = v < 0 ? 0 : v;
  return x;
}

template <index Window>
values apply(nn::max_pool2d<Window>, nn::extents in, values const& x, double const*) {
  values y;
  for (index row = 0; row < in.height / Window; ++row)
    for (index column = 0; column < in.width / Window; ++column)
      for (index c = 0; c < in.channels; ++c) {
        double best = -INFINITY;
        for (index dy = 0; dy < Window; ++dy)
          for (index dx = 0; dx < Window; ++dx) {
            index const pixel = (row * Window + dy) * in.width + column * Window + dx;
            best = std::max(best, x[static_cast<std::size_t>(pixel * in.channels + c)]);
          }
        y.push_back(best);
      }
  return y;
}

template <index Width>
values apply(nn::linear<Width>, nn::extents in, values const& x, double const* parameters) {
  values y(parameters + in.size() * Width, parameters + in.size() * Width + Width);
  for (index i = 0; i < in.size(); ++i)
    for (index j = 0; j < Width; ++j)
      y[static_cast<std::size_t>(j)] += x[static_cast<std::size_t>(i)] * parameters[i * Width + j];
  return y;
}

/// Zeros before the image: none for valid, half of what is missing, rounded down, for same.
template <class Padding>
index zeros_before(index in, index kernel, index stride) {
  if (std::is_same_v<Padding, nn::valid>) return 0;
  index const out = (in + stride - 1) / stride;
  return std::max<index>(0, (out - 1) * stride + kernel - in) / 2;
}

template <index Filters, index Kernel, class Padding, index Stride>
values apply(nn::conv2d<Filters, Kernel, Padding, Stride>, nn::extents in, values const& x, double const* weights) {
  index const top = zeros_before<Padding>(in.height, Kernel, Stride);
  index const left = zeros_before<Padding>(in.width, Kernel, Stride);
  bool const keep = std::is_same_v<Padding, nn::same>;
  index const height = keep ? (in.height + Stride - 1) / Stride : (in.height - Kernel) / Stride + 1;
  index const width = keep ? (in.width + Stride - 1) / Stride : (in.width - Kernel) / Stride + 1;
  values y;
  for (index row = 0; row < height; ++row)
    for (index column = 0; column < width; ++column)
      for (index f = 0; f < Filters; ++f) {
        double sum = weights[Kernel * Kernel * in.channels * Filters + f];
        for (index dy = 0; dy < Kernel; ++dy)
          for (index dx = 0; dx < Kernel; ++dx) {
            index const yy = row * Stride + dy - top, xx = column * Stride + dx - left;
            if (yy < 0 || yy >= in.height || xx < 0 || xx >= in.width) continue;
            for (index c = 0; c < in.channels; ++c)
              sum += x[static_cast<std::size_t>((yy * in.width + xx) * in.channels + c)] *
                     weights[((dy * Kernel + dx) * in.channels + c) * Filters + f];
          }
        y.push_back(sum);
      }
  return y;
}

/// Logits of one sample.
template <class Input, class... Layers>
values logits(nn::network_plan<Input, Layers...>, values x, double const* parameters) {
  using plan = nn::network_plan<Input, Layers...>;
  std::size_t i = 0;
  ((x = apply(Layers{}, plan::shapes[i], x, parameters + plan::parameter_blocks[i].offset), ++i), ...);
  return x;
}

/// Negative log likelihood of `label`.
inline double loss(values const& logits, std::size_t label) {
  double const shift = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (double v : logits) sum += std::exp(v - shift);
  return std::log(sum) + shift - logits[label];
}

/// A random problem for a network with elements of type T: parameters, images and labels.
template <class T>
struct problem {
  std::vector<T> parameters, images;
  std::vector<std::uint8_t> labels;

  template <class Plan>
  problem(Plan, index samples, unsigned seed) {
    std::mt19937 bits(seed);
    std::normal_distribution<double> normal;
    nn::extents const in = Plan::shapes.front();
    index const classes = Plan::shapes.back().size();
    for (std::size_t i = 0; i < Plan::parameter_count; ++i) parameters.push_back(static_cast<T>(0.3 * normal(bits)));
    for (index i = 0; i < samples * in.size(); ++i) images.push_back(static_cast<T>(normal(bits)));
    for (index i = 0; i < samples; ++i) labels.push_back(static_cast<std::uint8_t>(bits() % classes));
  }

  values sample(std::size_t i, std::size_t size) const {
    return values(images.begin() + static_cast<std::ptrdiff_t>(i * size),
                  images.begin() + static_cast<std::ptrdiff_t>((i + 1) * size));
  }
};

}  // namespace reference
