// The benchmark harness: users register expressions or kernels of their own and see, per device and size, the median
// time, the rates, the share of the device's measured limit, and how they compare with baselines.
//
//   int main(int argc, char** argv) {
//     lockstep::bench::suite all(argc, argv);
//     all.add("scale", [](lockstep::bench::run& r) {
//       lockstep::array<float> x = lockstep::ones<float>(r.where(), r.size()), y(r.where(),
//       lockstep::shape<1>(r.size())); r.assign(y, x * 2.0f);
//     });
//     return all.run_all();
//   }
#pragma once

#include <cstdlib>

#include "bench/device_limits.hpp"
#include "bench/roofline.hpp"
#include "lockstep.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace bench {

/// One benchmark at one size on one device, while it runs.
class run {
 public:
  run(device const& where, std::size_t n, timing_options const& how) : where_(where), how_(how) { found_.n = n; }

  device const& where() const { return where_; }
  std::size_t size() const { return found_.n; }

  /// The fewest bytes that one call has to read and write.
  run& bytes(double count) { return found_.bytes = count, *this; }
  /// Floating-point operations of one call.
  run& flops(double count) { return found_.flops = count, *this; }
  /// Before each timing, memory that is larger than the caches is written: what is measured finds them cold.
  run& cold() {
    constexpr std::size_t larger_than_caches = std::size_t{16} << 20;  // doubles
    auto const ballast = std::make_shared<array<double>>(where_, shape<1>(larger_than_caches));
    how_.between = [ballast, device = where_] {
      *ballast = 1.0;
      device.synchronize();
    };
    return *this;
  }

  /// Times f, which must leave everything ready for the next call. Called once per run.
  void time(std::function<void()> f) {
    if (ours_) throw error("bench::run: found a second time() or assign(), expected one; use baseline(name, f)");
    ours_ = std::move(f);
    found_.seconds = medians_in_turn(where_, {ours_}, how_)[0];
  }
  /// Times `target = e`. The bytes are those that e reads and that are written, and are filled in.
  template <class T, std::size_t Rank, expression E>
  void assign(array<T, Rank>& target, E const& e) {
    if (found_.bytes == 0) found_.bytes = static_cast<double>(explain(e).bytes_fewest);
    time([&target, e] { target = e; });
  }
  /// Times something that does the same, in turn with what time() was given, which comes first.
  void baseline(std::string name, std::function<void()> f) {
    if (!ours_) throw error("bench::run: found baseline() before time() or assign(), expected it after");
    auto const both = medians_in_turn(where_, {ours_, std::move(f)}, how_);
    found_.baselines.push_back({std::move(name), both[1] / both[0] * found_.seconds});
  }

  measurement const& found() const { return found_; }
  bool timed() const { return static_cast<bool>(ours_); }

 private:
  device where_;
  timing_options how_;
  std::function<void()> ours_;
  measurement found_;
};

/// Benchmarks, and what the command line says of how to run them.
class suite {
 public:
  /// Options: see usage(). Throws error for options that do not exist and for values that make no sense.
  explicit suite(int argc = 0, char const* const* argv = nullptr) {
    for (int i = 1; i < argc; ++i) {
      std::string const option = argv[i];
      if (option == "--help") {
        help_ = true;
      } else if (i + 1 == argc) {
        throw error(option + ": found nothing behind it, expected a value\n" + usage());
      } else {
        set(option, argv[++i]);
      }
    }
  }

  static std::string usage() {
    return "  --devices LIST   such as cpu:1,cpu or gpu (cpu:1,cpu)\n"
           "  --sizes LIST     elements, such as 1000,1e6 (1e3,1e5,1e7)\n"
           "  --only TEXT      benchmarks whose names contain it\n"
           "  --seconds X      for each timing (0.3)\n"
           "  --json FILE      writes what was measured as JSON\n"
           "  --svg FILE       draws the roofline\n"
           "  --help           this text\n";
  }

  /// A benchmark runs for every device and every size: those of the command line, else `sizes`, else 1e3, 1e5 and 1e7.
  void add(std::string name, std::function<void(run&)> body, std::vector<std::size_t> sizes = {}) {
    benchmarks_.push_back({std::move(name), std::move(body), std::move(sizes)});
  }

  /// Runs them all, prints a table line for each, and writes what the command line asks for. Gives the exit status:
  /// 0, or 1 when a benchmark failed, whose message is printed and the others run on.
  int run_all() {
    if (help_) return std::fputs(usage().c_str(), stdout), 0;
    int status = 0;
    std::fputs(table_header().c_str(), stdout);
    for (benchmark const& b : benchmarks_) {
      if (b.name.find(only_) == std::string::npos) continue;
      for (device const& where : devices_)
        for (std::size_t n : !sizes_.empty() ? sizes_ : !b.sizes.empty() ? b.sizes : default_sizes())
          if (!run_one(b, where, n)) status = 1;
    }
    if (!json_file_.empty()) write(json_file_, json(found_));
    if (!svg_file_.empty()) {
      roofline const picture(found_);
      write(svg_file_, picture.svg());
      std::printf("%s shows the %zu of %zu measurements that say bytes and flops\n", svg_file_.c_str(), picture.shown(),
                  found_.size());
    }
    return status;
  }

  std::vector<measurement> const& measurements() const { return found_; }

 private:
  struct benchmark {
    std::string name;
    std::function<void(run&)> body;
    std::vector<std::size_t> sizes;
  };

  static std::vector<std::size_t> const& default_sizes() {
    static std::vector<std::size_t> const sizes{1000, 100000, 10000000};
    return sizes;
  }

  static double number(std::string const& option, std::string const& text) {
    char* end = nullptr;
    double const value = std::strtod(text.c_str(), &end);
    if (text.empty() || *end || !(value > 0) || !(value < 1e15))
      throw error(option + ": found \"" + text + "\", expected a number above 0\n" + usage());
    return value;
  }
  static std::vector<std::string> parts(std::string const& list) {
    std::vector<std::string> found;
    for (std::size_t begin = 0; begin <= list.size();) {
      std::size_t const end = std::min(list.find(',', begin), list.size());
      found.push_back(list.substr(begin, end - begin));
      begin = end + 1;
    }
    return found;
  }
  void set(std::string const& option, std::string const& value) {
    if (option == "--devices") {
      devices_.clear();
      for (std::string const& part : parts(value)) devices_.push_back(device::parse(part));
    } else if (option == "--sizes") {
      for (std::string const& part : parts(value)) sizes_.push_back(static_cast<std::size_t>(number(option, part)));
    } else if (option == "--only") {
      only_ = value;
    } else if (option == "--seconds") {
      how_.seconds = number(option, value);
    } else if (option == "--json") {
      json_file_ = value;
    } else if (option == "--svg") {
      svg_file_ = value;
    } else {
      throw error("found the option " + option + ", expected one of\n" + usage());
    }
  }

  bool run_one(benchmark const& b, device const& where, std::size_t n) {
    try {
      run one(where, n, how_);
      b.body(one);
      if (!one.timed()) throw error("found no call of time() or assign(), expected one");
      measurement m = one.found();
      m.name = b.name;
      m.device = where.name();
      if (m.bytes > 0) m.most_bytes = peak_bytes(where, m.bytes);
      if (m.flops > 0) m.most_flops = peak_flops(where);
      std::fputs(table_line(m).c_str(), stdout);
      std::fflush(stdout);
      found_.push_back(std::move(m));
      return true;
    } catch (std::exception const& problem) {
      std::fflush(stdout);
      std::fprintf(stderr, "%s, %s, n = %zu: %s\n", b.name.c_str(), where.name().c_str(), n, problem.what());
      return false;
    }
  }
  static void write(std::string const& path, std::string const& text) {
    std::FILE* const file = std::fopen(path.c_str(), "wb");
    bool good = file && std::fwrite(text.data(), 1, text.size(), file) == text.size();
    if (file) good = std::fclose(file) == 0 && good;
    if (!good) throw error(path + ": could not be written; give a file in a folder that exists and has room");
  }

  std::vector<benchmark> benchmarks_;
  std::vector<device> devices_{device::cpu(1), device::cpu()};
  std::vector<std::size_t> sizes_;
  std::string only_, json_file_, svg_file_;
  timing_options how_;
  bool help_ = false;
  std::vector<measurement> found_;
};

}  // namespace bench
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
