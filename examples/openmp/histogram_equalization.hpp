// Equalization of a picture written by hand with OpenMP: what histogram_equalization.cpp is checked against and, with
// --compare, timed beside.
#pragma once

#include <algorithm>
#include <vector>

namespace openmp {

using byte = unsigned char;

/// What equalization adds to the channels of a pixel of each brightness, from how often each occurs.
inline std::vector<int> levels_to_add(long const (&counts)[256], long pixels) {
  std::vector<int> more(256);
  long below = 0, darkest = 0;
  for (int level = 0; level < 256; ++level) {
    if (below == 0) darkest = counts[level];
    below += counts[level];
    double const part = pixels == darkest ? 0 : double(std::max(0L, below - darkest)) / double(pixels - darkest);
    more[static_cast<std::size_t>(level)] = static_cast<int>(part * 255 + 0.5) - level;
  }
  return more;
}

/// A histogram of the brightness, then one pass that changes the pixels. They have 1 or 3 channels.
template <int Channels>
void equalize(std::vector<byte> const& pixels, std::vector<byte>& result) {
  long const n = static_cast<long>(pixels.size()) / Channels;
  std::vector<byte> gray(static_cast<std::size_t>(n));
  long counts[256] = {};
#pragma omp parallel for reduction(+ : counts)
  for (long i = 0; i < n; ++i) {
    byte const* const p = &pixels[static_cast<std::size_t>(i * Channels)];
    int const level = Channels == 3 ? (77 * p[0] + 150 * p[1] + 29 * p[2]) / 256 : p[0];
    gray[static_cast<std::size_t>(i)] = static_cast<byte>(level);
    ++counts[level];
  }
  std::vector<int> const more = levels_to_add(counts, n);
#pragma omp parallel for
  for (long i = 0; i < n; ++i) {
    int const add = more[gray[static_cast<std::size_t>(i)]];
    for (int c = 0; c < Channels; ++c) {
      auto const at = static_cast<std::size_t>(i * Channels + c);
      result[at] = static_cast<byte>(std::clamp(pixels[at] + add, 0, 255));
    }
  }
}

}  // namespace openmp
