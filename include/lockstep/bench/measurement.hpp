// What a benchmark measured at one size on one device, and how that is written: as a line of a table and as JSON.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace bench {

struct rival {
  std::string name;
  double seconds;
};

struct measurement {
  std::string name, device;
  std::size_t n = 0;
  double seconds = 0;     ///< median of one call
  double bytes = 0;       ///< the fewest that have to be moved; 0: not said
  double flops = 0;       ///< floating-point operations; 0: not said
  double most_bytes = 0;  ///< per second, measured on this device for so many bytes
  double most_flops = 0;  ///< per second, measured on this device
  std::vector<rival> baselines;

  /// The least time that this device needs, by its memory and by its arithmetic; 0 where nothing was said.
  double limit_seconds() const {
    double const memory = most_bytes > 0 ? bytes / most_bytes : 0, arithmetic = most_flops > 0 ? flops / most_flops : 0;
    return memory > arithmetic ? memory : arithmetic;
  }
  /// The part of the device's limit that is reached: 1 is all of it.
  double share() const { return limit_seconds() / seconds; }
};

template <class... Values>
std::string formatted(char const* format, Values... values) {
  char text[256];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

inline std::string table_header() {
  return formatted("%-28s %-8s %12s %12s %9s %10s %7s  %s\n", "benchmark", "device", "n", "median us", "GB/s",
                   "GFLOP/s", "limit", "time of baselines / ours");
}
inline std::string table_line(measurement const& m) {
  std::string const dash = "-";
  std::string text =
      formatted("%-28s %-8s %12zu %12.3f %9s %10s %7s ", m.name.c_str(), m.device.c_str(), m.n, m.seconds * 1e6,
                (m.bytes > 0 ? formatted("%.2f", m.bytes / m.seconds * 1e-9) : dash).c_str(),
                (m.flops > 0 ? formatted("%.2f", m.flops / m.seconds * 1e-9) : dash).c_str(),
                (m.limit_seconds() > 0 ? formatted("%.0f %%", 100 * m.share()) : dash).c_str());
  for (rival const& r : m.baselines) text += " " + r.name + formatted(" %.2f", r.seconds / m.seconds);
  return text + "\n";
}

/// A string of JSON, in quotes.
inline std::string json_text(std::string const& text) {
  std::string all = "\"";
  for (char c : text)
    if (c == '"' || c == '\\')
      all += {'\\', c};
    else if (static_cast<unsigned char>(c) < 0x20)
      all += formatted("\\u%04x", static_cast<unsigned>(static_cast<unsigned char>(c)));
    else
      all += c;
  return all + "\"";
}
/// An array of objects, one per measurement; times in seconds, rates per second.
inline std::string json(std::vector<measurement> const& all) {
  std::string text = "[";
  for (measurement const& m : all) {
    text += std::string(text.size() > 1 ? "," : "") + "\n  {\"name\": " + json_text(m.name) +
            ", \"device\": " + json_text(m.device) + formatted(", \"n\": %zu, \"seconds\": %.9g", m.n, m.seconds) +
            formatted(", \"bytes\": %.17g, \"flops\": %.17g", m.bytes, m.flops) +
            formatted(", \"device_bytes_per_second\": %.6g, \"device_flops_per_second\": %.6g", m.most_bytes,
                      m.most_flops) +
            formatted(", \"limit_seconds\": %.9g, \"baselines\": {", m.limit_seconds());
    for (std::size_t i = 0; i < m.baselines.size(); ++i)
      text += (i ? ", " : "") + json_text(m.baselines[i].name) + formatted(": %.9g", m.baselines[i].seconds);
    text += "}}";
  }
  return text + "\n]\n";
}

}  // namespace bench
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
