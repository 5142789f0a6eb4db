// dataset: images and their labels as bytes, a cheap value that shares its storage; and how bytes become numbers.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "../../core/config.hpp"
#include "../../core/error.hpp"
#include "../../core/shape.hpp"

namespace lockstep::nn::data {

/// Images of one shape (height, width, channels; channels last), one byte per value, each with a label from 0.
/// Copies and parts share the storage, which never changes.
class dataset {
 public:
  dataset() = default;

  /// `images` holds one sample after the other. Throws shape_error unless it holds `labels.size()` samples of `sample`.
  dataset(shape<3> sample, std::vector<std::uint8_t> images, std::vector<std::uint8_t> labels) : sample_(sample) {
    if (images.size() != sample.size() * labels.size())
      throw shape_error("dataset: found " + std::to_string(images.size()) + " values for " +
                        std::to_string(labels.size()) + " labels, expected " + std::to_string(sample.size()) +
                        " values each: the shape " + to_string(sample));
    count_ = labels.size();
    stored_ = std::make_shared<storage const>(storage{std::move(images), std::move(labels)});
  }

  /// Number of samples.
  std::size_t size() const { return count_; }
  /// Height, width and channels of every image.
  shape<3> const& sample_shape() const { return sample_; }
  /// The values of image `i`, `sample_shape().size()` of them.
  std::uint8_t const* image(index i) const { return stored_->images.data() + (first_ + i) * pixels(); }
  std::uint8_t label(index i) const { return stored_->labels[static_cast<std::size_t>(first_ + i)]; }
  /// All labels, in order.
  std::span<std::uint8_t const> labels() const {
    if (!stored_) return {};
    return std::span(stored_->labels).subspan(static_cast<std::size_t>(first_), count_);
  }

  /// The first `n` samples; shares the storage. Throws shape_error when there are fewer.
  dataset first(std::size_t n) const { return slice(0, n); }

  /// The samples from `begin` to before `end`; shares the storage. Throws shape_error when there are fewer.
  dataset slice(std::size_t begin, std::size_t end) const {
    if (begin > end || end > count_)
      throw shape_error("dataset: found the samples " + std::to_string(begin) + " to " + std::to_string(end) +
                        " asked for, expected a range within 0 to " + std::to_string(count_));
    dataset part = *this;
    part.first_ += static_cast<index>(begin);
    part.count_ = end - begin;
    return part;
  }

 private:
  struct storage {
    std::vector<std::uint8_t> images, labels;
  };
  index pixels() const { return static_cast<index>(sample_.size()); }

  shape<3> sample_;
  std::shared_ptr<storage const> stored_;
  index first_ = 0;
  std::size_t count_ = 0;
};

/// What makes a byte a number for a network: value · scale + shift, for each channel.
/// Made from the training set and then used for every other set, so that all are seen alike.
struct standardization {
  std::vector<float> scale, shift;

  /// Makes every channel of `data` have mean 0 and standard deviation 1 (a constant channel becomes 0).
  /// The sums are of integers, so the result does not depend on any order. Throws shape_error for an empty set.
  static standardization of(dataset const& data) {
    if (data.size() == 0) throw shape_error("standardization: found no samples, expected at least 1");
    auto const channels = static_cast<std::size_t>(data.sample_shape()[2]);
    std::vector<std::uint64_t> sums(channels), squares(channels);
    for (index i = 0; i < static_cast<index>(data.size()); ++i) add(data.image(i), data.sample_shape(), sums, squares);
    auto const n = static_cast<double>(data.size() * data.sample_shape().size()) / static_cast<double>(channels);
    standardization result;
    for (std::size_t c = 0; c < channels; ++c) {
      double const mean = static_cast<double>(sums[c]) / n;
      double const variance = static_cast<double>(squares[c]) / n - mean * mean;
      double const scale = variance > 1e-9 ? 1 / std::sqrt(variance) : 1.0;
      result.scale.push_back(static_cast<float>(scale));
      result.shift.push_back(static_cast<float>(-mean * scale));
    }
    return result;
  }

 private:
  static void add(std::uint8_t const* image, shape<3> const& sample, std::vector<std::uint64_t>& sums,
                  std::vector<std::uint64_t>& squares) {
    std::size_t const channels = sums.size();
    for (std::size_t c = 0; c < channels; ++c) {
      std::uint64_t sum = 0, square = 0;
      for (std::size_t i = c; i < sample.size(); i += channels) {
        sum += image[i];
        square += std::uint32_t{image[i]} * image[i];
      }
      sums[c] += sum;
      squares[c] += square;
    }
  }
};

inline namespace LOCKSTEP_COMPILER {

/// Writes the standardized values of `count` samples to `images` and their labels to `labels`;
/// the i-th one is sample `sample_of(i)` of `data`.
template <class Order>
void gather(dataset const& data, standardization const& how, index count, Order const& sample_of, float* images,
            std::uint8_t* labels) {
  auto const pixels = static_cast<index>(data.sample_shape().size());
  auto const channels = static_cast<index>(how.scale.size());
  for (index i = 0; i < count; ++i) {
    index const sample = sample_of(i);
    std::uint8_t const* from = data.image(sample);
    float* to = images + i * pixels;
    labels[i] = data.label(sample);
    for (index c = 0; c < channels; ++c) {
      float const scale = how.scale[static_cast<std::size_t>(c)], shift = how.shift[static_cast<std::size_t>(c)];
      if (channels == 1)
        for (index p = 0; p < pixels; ++p) to[p] = static_cast<float>(from[p]) * scale + shift;
      else
        for (index p = c; p < pixels; p += channels) to[p] = static_cast<float>(from[p]) * scale + shift;
    }
  }
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn::data
