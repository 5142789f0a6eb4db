// A comparison as a picture: one line per task, type and size, one bar per number of threads, on a logarithmic axis of
// the best peer's time over ours. As SVG, in columns, grouped by family.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "comparison_row.hpp"

namespace bench {

/// 1000 as 1e3, 262144 as it is.
inline std::string size_text(double n) {
  char text[32];
  double const power = std::round(std::log10(n)), head = n / std::pow(10, power - 1);
  if (n >= 1000 && std::abs(head - 10) < 1e-9)
    std::snprintf(text, sizeof text, "1e%.0f", power);
  else if (std::snprintf(text, sizeof text, "%.0f", n); std::string(text).ends_with("00000"))
    std::snprintf(text, sizeof text, "%.3ge%.0f", n / std::pow(10, std::floor(std::log10(n))),
                  std::floor(std::log10(n)));
  return text;
}

class chart {
 public:
  /// Rows come sorted, those of one line one after another; rows without a peer are left out.
  explicit chart(std::vector<row> const& rows) {
    for (row const& each : rows)
      if (!each.best_peer.empty()) add(each);
    double height = 0;
    for (group const& each : groups) height += height_of(each);
    double const most = std::max(height / columns, 200.0);
    double y = 0;
    for (group& each : groups) {
      if (y > 0 && y + height_of(each) / 2 > most && column_count < columns) y = 0, ++column_count;
      each.column = column_count - 1, each.top = y;
      y += height_of(each);
      tallest = std::max(tallest, y);
    }
  }

  std::string svg() {
    double const width = column_count * column_width + 10, height = top + tallest + 40;
    out.clear();
    print(
        "<svg xmlns='http://www.w3.org/2000/svg' width='%.0f' height='%.0f' font-family='sans-serif' "
        "font-size='10'>\n<rect width='100%%' height='100%%' fill='white'/>\n",
        width, height);
    text(10, 24, "font-size='18' font-weight='bold'", "lockstep beside the best peer of each task");
    text(10, 42, "font-size='12'",
         "Bars: time of the best peer / time of lockstep, logarithmic. Right of 1: lockstep is faster; left (red): "
         "a peer is.");
    print(
        "<rect x='10' y='50' width='12' height='6' fill='%s'/><rect x='110' y='50' width='12' height='6' "
        "fill='%s'/>\n",
        color(1, true), color(2, true));
    text(26, 57, "", "1 thread");
    text(126, 57, "", "2 threads (the name is the fastest peer's)");
    for (group const& each : groups) draw(each);
    out += "</svg>\n";
    return out;
  }

 private:
  struct line {
    std::string label;
    std::vector<row> bars;
  };
  struct group {
    std::string family;
    std::vector<line> lines;
    int column = 0;
    double top = 0;
  };
  static constexpr int columns = 3;
  static constexpr double column_width = 700, label_width = 230, bar_width = 280, line_height = 17, top = 70;
  static constexpr double reach = 32;  ///< the axis goes from 1 / reach to reach
  std::vector<group> groups;
  int column_count = 1;
  double tallest = 0;
  std::string out;

  static double height_of(group const& g) { return 50 + line_height * static_cast<double>(g.lines.size()); }
  static char const* color(double threads, bool ahead) {
    return threads < 2 ? (ahead ? "#8db8e0" : "#f0a8a0") : (ahead ? "#2b6cb0" : "#c53030");
  }

  void add(row const& each) {
    if (groups.empty() || groups.back().family != each.family) groups.push_back({each.family, {}});
    auto& lines = groups.back().lines;
    std::string const label = each.task + ", " + each.type + ", " + size_text(each.n);
    if (lines.empty() || lines.back().label != label) lines.push_back({label, {}});
    lines.back().bars.push_back(each);
  }

  template <class... Values>
  void print(char const* format, Values... values) {
    char buffer[1024];
    std::snprintf(buffer, sizeof buffer, format, values...);
    out += buffer;
  }
  void text(double x, double y, std::string const& how, std::string const& what) {
    print("<text x='%.1f' y='%.1f' %s>", x, y, how.c_str());
    for (char c : what) out += c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : std::string(1, c);
    out += "</text>\n";
  }
  /// Where a speed-up lies, from the left end of the axis.
  static double place(double speed_up) {
    double const part = std::log(speed_up) / std::log(reach);
    return bar_width * (0.5 + 0.5 * std::clamp(part, -1.0, 1.0));
  }

  void draw(group const& g) {
    double const left = 10 + g.column * column_width, axis = left + label_width, y = top + g.top;
    double const bottom = y + 34 + line_height * static_cast<double>(g.lines.size());
    text(left, y + 14, "font-size='14' font-weight='bold'", g.family);
    for (double tick : {1 / 32., 1 / 8., 1 / 2., 1., 2., 8., 32.}) {
      double const x = axis + place(tick);
      print("<line x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f' stroke='%s'/>\n", x, y + 30, x, bottom,
            tick == 1 ? "black" : "#dddddd");
      char name[16];
      std::snprintf(name, sizeof name, tick < 1 ? "1/%.0f" : "%.0f", tick < 1 ? 1 / tick : tick);
      text(x, y + 26, "text-anchor='middle' fill='#555555'", name);
    }
    for (std::size_t i = 0; i < g.lines.size(); ++i)
      draw(g.lines[i], left, y + 32 + line_height * static_cast<double>(i));
  }

  void draw(line const& l, double left, double y) {
    double const axis = left + label_width;
    text(axis - 6, y + 11, "text-anchor='end'", l.label);
    for (std::size_t i = 0; i < l.bars.size() && i < 2; ++i) {
      row const& bar = l.bars[i];
      double const end = place(1 / bar.ratio()), middle = place(1);
      print("<rect x='%.1f' y='%.1f' width='%.1f' height='6' fill='%s'/>\n", axis + std::min(end, middle),
            y + 2 + 7 * static_cast<double>(i), std::max(1.0, std::abs(end - middle)),
            color(bar.threads, bar.ratio() <= 1));
    }
    std::string note;
    for (row const& bar : l.bars) {
      char number[32];
      std::snprintf(number, sizeof number, "%s%.2f ", note.empty() ? "" : "| ", 1 / bar.ratio());
      note += number + bar.best_peer;
      if (&bar != &l.bars.back()) note += ' ';
    }
    text(axis + bar_width + 4, y + 11, "font-size='8' fill='#555555'", note);
  }
};

}  // namespace bench
