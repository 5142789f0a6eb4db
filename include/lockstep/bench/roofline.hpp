// The roofline picture: each benchmark's point under its device's roof, the highest speed that the device's memory and
// arithmetic allow for so many operations per byte (Williams, Waterman, Patterson: Roofline, 2009). As SVG.
#pragma once

#include <algorithm>
#include <cmath>
#include <set>

#include "measurement.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace bench {

class roofline {
 public:
  /// Measurements that say no bytes or no operations have no place in the picture.
  explicit roofline(std::vector<measurement> const& all) {
    for (measurement const& m : all)
      if (m.bytes > 0 && m.flops > 0) shown_.push_back(m);
    for (measurement const& m : shown_) {
      cover(x_, m.flops / m.bytes);
      cover(y_, m.flops / m.seconds);
      cover(x_, m.most_flops / m.most_bytes);
      cover(y_, m.most_flops);
    }
  }
  std::size_t shown() const { return shown_.size(); }

  std::string svg() const {
    std::string out = formatted(
        "<svg xmlns='http://www.w3.org/2000/svg' width='%.0f' height='%.0f' font-family='sans-serif' font-size='11'>\n"
        "<rect width='100%%' height='100%%' fill='white'/>\n",
        width, height);
    out += text(left, 20, "font-weight='bold'", "Operations per second (up) over operations per byte moved (right)");
    for (double v = x_.low; v <= x_.high * 1.01; v *= 10) {
      out += line(x_of(v), y_of(y_.low), x_of(v), y_of(y_.high), "#dddddd");
      out += text(x_of(v), y_of(y_.low) + 16, "text-anchor='middle'", formatted("%g", v));
    }
    for (double v = y_.low; v <= y_.high * 1.01; v *= 10) {
      out += line(x_of(x_.low), y_of(v), x_of(x_.high), y_of(v), "#dddddd");
      out += text(left - 6, y_of(v) + 4, "text-anchor='end'", formatted("%g G", v * 1e-9));
    }
    std::set<std::string> roofs;
    for (measurement const& m : shown_) {
      if (roofs.insert(m.device + formatted("%g", m.most_bytes)).second) out += roof(m);
      out += point(m);
    }
    return out + "</svg>\n";
  }

 private:
  struct range {
    double low = 0, high = 0;  ///< powers of ten
  };
  static constexpr double width = 900, height = 560, left = 80, right = 230, top = 40, bottom = 40;
  std::vector<measurement> shown_;
  range x_, y_;

  static void cover(range& r, double value) {
    double const low = std::pow(10, std::floor(std::log10(value))), high = std::pow(10, std::ceil(std::log10(value)));
    if (r.low == 0 || low < r.low) r.low = low;
    r.high = std::max({r.high, high, r.low * 10});
  }
  double x_of(double v) const {
    return left + (width - left - right) * std::log(v / x_.low) / std::log(x_.high / x_.low);
  }
  double y_of(double v) const {
    return height - bottom - (height - top - bottom) * std::log(v / y_.low) / std::log(y_.high / y_.low);
  }
  static std::string text(double x, double y, char const* how, std::string const& what) {
    std::string escaped;
    for (char c : what) escaped += c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : std::string(1, c);
    return formatted("<text x='%.1f' y='%.1f' %s>", x, y, how) + escaped + "</text>\n";
  }
  static std::string line(double x0, double y0, double x1, double y1, char const* color) {
    return formatted("<line x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f' stroke='%s'/>\n", x0, y0, x1, y1, color);
  }
  std::string roof(measurement const& m) const {
    double const corner = m.most_flops / m.most_bytes, start = std::max(x_.low, y_.low / m.most_bytes);
    return line(x_of(start), y_of(start * m.most_bytes), x_of(corner), y_of(m.most_flops), "#2b6cb0") +
           line(x_of(corner), y_of(m.most_flops), x_of(x_.high), y_of(m.most_flops), "#2b6cb0") +
           text(x_of(x_.high) + 4, y_of(m.most_flops) + 4, "fill='#2b6cb0'",
                m.device + formatted(": %.1f GB/s", m.most_bytes * 1e-9));
  }
  std::string point(measurement const& m) const {
    double const x = x_of(m.flops / m.bytes), y = y_of(m.flops / m.seconds);
    return formatted("<circle cx='%.1f' cy='%.1f' r='4' fill='#c53030'/>\n", x, y) +
           text(x + 6, y + 4, "", m.name + formatted(", %zu (%.0f %%)", m.n, 100 * m.share()));
  }
};

}  // namespace bench
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
