// Draws curves over epochs as an SVG picture: axes with round numbers, a legend, one panel beside the other.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

#include "../../io/output.hpp"
#include "history.hpp"

namespace lockstep::nn {

/// A line of a panel: one value for each of the numbers in `at`.
struct curve {
  std::string name;
  std::vector<double> at, values;
};

/// Curves that share their axes.
struct panel {
  std::string title, horizontal, vertical;
  std::vector<curve> curves;
};

namespace detail {

/// Limits of an axis and the distance of its ticks: 1, 2 or 5 times a power of ten.
struct chart_axis {
  double low = 0, high = 1, step = 1;
  int decimals = 0;
};

inline chart_axis make_axis(double low, double high, bool whole_numbers) {
  if (!(high > low)) {  // a single value comes to lie in the middle
    double const margin = whole_numbers ? 1 : std::max(1e-6, 0.1 * std::abs(low));
    low -= margin;
    high += margin;
  }
  double const rough = (high - low) / 6, power = std::pow(10.0, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (double multiple : {5.0, 2.0, 1.0})
    if (multiple * power >= rough) step = multiple * power;
  if (whole_numbers) step = std::max(1.0, std::round(step));
  int const decimals = std::max(0, static_cast<int>(std::ceil(-std::log10(step) - 1e-9)));
  if (whole_numbers) return {low, high, step, 0};
  return {std::floor(low / step + 1e-9) * step, std::ceil(high / step - 1e-9) * step, step, decimals};
}

inline std::string formatted(char const* format, auto... values) {
  char text[400];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

inline std::string xml_text(std::string const& text) {
  std::string safe;
  for (char c : text) safe += c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : std::string(1, c);
  return safe;
}

/// One panel's drawing area and how values map into it.
class plot {
 public:
  static constexpr double width = 380, height = 250;

  plot(panel const& what, double left, double top) : what_(what), left_(left), top_(top) {
    double const none = std::numeric_limits<double>::infinity();
    double x0 = none, x1 = -none, y0 = none, y1 = -none;
    for (curve const& line : what.curves)
      for (std::size_t i = 0; i < line.values.size(); ++i) {
        x0 = std::min(x0, line.at[i]);
        x1 = std::max(x1, line.at[i]);
        y0 = std::min(y0, line.values[i]);
        y1 = std::max(y1, line.values[i]);
      }
    if (x0 > x1) x0 = 0, x1 = 1, y0 = 0, y1 = 1;
    across_ = make_axis(x0, x1, true);
    up_ = make_axis(y0, y1, false);
  }

  std::string draw() const { return heading() + horizontal_ticks() + vertical_ticks() + frame() + curves() + legend(); }

 private:
  static constexpr char const* colors[] = {"#1f77b4", "#d62728", "#2ca02c", "#9467bd"};

  double x(double value) const { return left_ + width * (value - across_.low) / (across_.high - across_.low); }
  double y(double value) const { return top_ + height * (up_.high - value) / (up_.high - up_.low); }

  std::string heading() const {
    return formatted("<text x=\"%.1f\" y=\"%.1f\" class=\"panel\">%s</text>\n", left_ + width / 2, top_ - 14,
                     xml_text(what_.title).c_str()) +
           formatted("<text x=\"%.1f\" y=\"%.1f\" class=\"label\">%s</text>\n", left_ + width / 2, top_ + height + 42,
                     xml_text(what_.horizontal).c_str()) +
           formatted("<text transform=\"translate(%.1f %.1f) rotate(-90)\" class=\"label\">%s</text>\n", left_ - 50,
                     top_ + height / 2, xml_text(what_.vertical).c_str());
  }

  std::string horizontal_ticks() const {
    std::string text;
    for (double v = std::ceil(across_.low / across_.step) * across_.step; v <= across_.high + 1e-9; v += across_.step)
      text +=
          formatted("<path d=\"M%.1f %.1fv5\" class=\"axis\"/><text x=\"%.1f\" y=\"%.1f\" class=\"tick\">%.0f</text>\n",
                    x(v), top_ + height, x(v), top_ + height + 20, v);
    return text;
  }

  std::string vertical_ticks() const {
    std::string text;
    for (int i = 0; up_.low + i * up_.step <= up_.high + up_.step / 2; ++i) {
      double const v = up_.low + i * up_.step;
      text += formatted("<path d=\"M%.1f %.1fh%.1f\" class=\"grid\"/>", left_, y(v), width) +
              formatted("<text x=\"%.1f\" y=\"%.1f\" class=\"tick side\">%.*f</text>\n", left_ - 8, y(v) + 4,
                        up_.decimals, v);
    }
    return text;
  }

  std::string frame() const {
    return formatted("<path d=\"M%.1f %.1fv%.1fh%.1f\" class=\"axis\"/>\n", left_, top_, height, width);
  }

  std::string curves() const {
    std::string text;
    for (std::size_t c = 0; c < what_.curves.size(); ++c) {
      curve const& line = what_.curves[c];
      char const* color = colors[c % std::size(colors)];
      std::string points, dots;
      for (std::size_t i = 0; i < line.values.size(); ++i) {
        points += formatted("%.1f,%.1f ", x(line.at[i]), y(line.values[i]));
        dots += formatted("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\" fill=\"%s\"/>", x(line.at[i]), y(line.values[i]),
                          color);
      }
      text += "<polyline points=\"" + points + "\" class=\"curve\" stroke=\"" + color + "\"/>" + dots + "\n";
    }
    return text;
  }

  // Below the frame, where no curve can run beneath it.
  std::string legend() const {
    std::string text;
    double at = left_ + 4;
    for (std::size_t c = 0; c < what_.curves.size(); ++c) {
      std::string const name = xml_text(what_.curves[c].name);
      text += formatted("<path d=\"M%.1f %.1fh18\" class=\"curve\" stroke=\"%s\"/>", at, top_ + height + 58,
                        colors[c % std::size(colors)]) +
              formatted("<text x=\"%.1f\" y=\"%.1f\" class=\"name\">%s</text>\n", at + 24, top_ + height + 62,
                        name.c_str());
      at += 44 + 7.0 * static_cast<double>(what_.curves[c].name.size());
    }
    return text;
  }

  panel const& what_;
  double left_, top_;
  chart_axis across_, up_;
};

}  // namespace detail

/// An SVG picture of `panels` side by side below `title`.
inline std::string chart(std::string const& title, std::vector<panel> const& panels) {
  constexpr double left = 76, top = 84, between = 96, below = 84;
  double const width = left + static_cast<double>(panels.size()) * (detail::plot::width + between) - between + 28;
  double const height = top + detail::plot::height + below;
  std::string text = detail::formatted(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" height=\"%.0f\" "
      "font-family=\"Helvetica, Arial, DejaVu Sans, sans-serif\">\n",
      width, height, width, height);
  text +=
      "<style>.title{font-size:18px;font-weight:bold}.panel{font-size:15px}.label{font-size:13px}.tick{font-size:12px}"
      ".title,.panel,.label,.tick{text-anchor:middle}.side{text-anchor:end}.name{font-size:13px}.axis{stroke:#333;"
      "fill:none}.grid{stroke:#ddd}.curve{fill:none;stroke-width:2;stroke-linejoin:round}</style>\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n";
  text += detail::formatted("<text x=\"%.1f\" y=\"32\" class=\"title\">%s</text>\n", width / 2,
                            detail::xml_text(title).c_str());
  for (std::size_t i = 0; i < panels.size(); ++i)
    text += detail::plot(panels[i], left + static_cast<double>(i) * (detail::plot::width + between), top).draw();
  return text + "</svg>\n";
}

/// Writes the loss and accuracy of `epochs`, for training and test set, as an SVG picture. Throws lockstep::error when
/// the file cannot be written.
inline void write_chart(std::string const& path, std::string const& title, history const& epochs) {
  panel loss{"Loss", "epoch", "mean loss per sample", {{"training", {}, {}}, {"test", {}, {}}}};
  panel accuracy{"Accuracy", "epoch", "right answers, %", {{"training", {}, {}}, {"test", {}, {}}}};
  auto const add = [](curve& line, epoch_summary const& epoch, double value) {
    line.at.push_back(static_cast<double>(epoch.epoch));
    line.values.push_back(value);
  };
  for (epoch_summary const& epoch : epochs) {
    add(loss.curves[0], epoch, epoch.loss);
    add(accuracy.curves[0], epoch, 100 * epoch.accuracy);
    if (epoch.test) add(loss.curves[1], epoch, epoch.test->loss);
    if (epoch.test) add(accuracy.curves[1], epoch, 100 * epoch.test->accuracy);
  }
  for (panel* each : {&loss, &accuracy})
    if (each->curves[1].values.empty()) each->curves.pop_back();
  io::write_text(path, chart(title, {loss, accuracy}));
}

}  // namespace lockstep::nn
