// Monte Carlo prices written by hand with OpenMP: what option_pricing.cpp is timed beside with --compare. The random
// numbers are the same, Box and Muller's normal ones of Philox's words, so that the prices can be compared.
#pragma once

#include <lockstep/core/philox.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace openmp {

/// Normal numbers 4 * i to 4 * i + 3 of the stream that `key` chooses.
inline void draw_normal(std::uint64_t i, std::uint64_t key, float (&normal)[4]) {
  lockstep::philox_words const w = lockstep::philox4x32(i, key);
  for (std::size_t k = 0; k < 4; k += 2) {
    float const radius = std::sqrt(-2 * std::log((float(w[k]) + 0.5f) * 0x1p-32f));
    float const angle = 6.28318530717958648f * float(w[k + 1] >> 8) * 0x1p-24f;
    normal[k] = radius * std::cos(angle);
    normal[k + 1] = radius * std::sin(angle);
  }
}

struct market {
  double spot, strike, rate, volatility, years;
};

/// The price of a European call, from so many paths (a multiple of 4).
inline double european_call(market const& m, long paths, std::uint64_t key) {
  auto const drift = float((m.rate - m.volatility * m.volatility / 2) * m.years);
  auto const deviation = float(m.volatility * std::sqrt(m.years)), spot = float(m.spot), strike = float(m.strike);
  double sum = 0;
#pragma omp parallel for reduction(+ : sum)
  for (long i = 0; i < paths / 4; ++i) {
    float normal[4];
    draw_normal(static_cast<std::uint64_t>(i), key, normal);
    for (float z : normal) sum += std::max(spot * std::exp(drift + deviation * z) - strike, 0.0f);
  }
  return std::exp(-m.rate * m.years) * sum / double(paths);
}

/// The price of an Asian call (arithmetic mean of the days). Day d draws from the stream of key + d.
inline double asian_call(market const& m, long paths, int days, std::uint64_t key) {
  auto const drift = float((m.rate - m.volatility * m.volatility / 2) * m.years / days);
  auto const deviation = float(m.volatility * std::sqrt(m.years / days)), strike = float(m.strike);
  double total = 0;
#pragma omp parallel for reduction(+ : total)
  for (long i = 0; i < paths / 4; ++i) {
    float log_price[4], sum[4] = {}, normal[4];
    for (float& p : log_price) p = std::log(float(m.spot));
    for (int d = 0; d < days; ++d) {
      draw_normal(static_cast<std::uint64_t>(i), key + static_cast<std::uint64_t>(d), normal);
      for (int k = 0; k < 4; ++k) {
        log_price[k] += drift + deviation * normal[k];
        sum[k] += std::exp(log_price[k]);
      }
    }
    for (float s : sum) total += std::max(s / float(days) - strike, 0.0f);
  }
  return std::exp(-m.rate * m.years) * total / double(paths);
}

}  // namespace openmp
