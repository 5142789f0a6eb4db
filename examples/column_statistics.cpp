// Statistics of one column of a CSV file: minimum, maximum, mean and standard deviation in one pass, and quantiles.
// Usage: column_statistics [FILE [COLUMN]], a column by its name or by its number from 1. Without a file it makes one.
#include "openmp/column_statistics.hpp"
#include "example.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <string_view>

#include <lockstep/io/output.hpp>

namespace ls = lockstep;

namespace {

/// The `number`-th field of a line, counted from 0, without the quotes that it may have; false when there are fewer.
bool field_of(std::string_view line, std::size_t number, std::string_view& field) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  for (std::size_t at = 0;; ++at, --number) {
    std::size_t end = at;
    for (bool quoted = false; end < line.size() && (quoted || line[end] != ','); ++end) quoted ^= line[end] == '"';
    if (number == 0) {
      field = line.substr(at, end - at);
      if (field.size() > 1 && field.front() == '"' && field.back() == '"') field = field.substr(1, field.size() - 2);
      return true;
    }
    if (end == line.size()) return false;
    at = end;
  }
}

[[noreturn]] void fail(std::string const& file, std::size_t line, std::string const& problem) {
  throw std::runtime_error(file + ", line " + std::to_string(line) + ": " + problem);
}

/// Which field of the header has this name, or else this number.
std::size_t find_column(std::string const& file, std::string const& header, std::string const& column) {
  std::string_view field;
  std::size_t columns = 0, number = 0;
  for (; field_of(header, columns, field); ++columns)
    if (field == column) return columns;
  auto const [end, problem] = std::from_chars(column.data(), column.data() + column.size(), number);
  if (problem != std::errc() || *end != 0 || number < 1 || number > columns)
    fail(file, 1,
         "found no column \"" + column + "\", expected a name from \"" + header + "\" or a number from 1 to " +
             std::to_string(columns));
  return number - 1;
}

/// The numbers of one column. The first line names the columns.
std::vector<double> read_column(std::string const& file, std::string const& column) {
  std::ifstream in(file);
  std::string line;
  if (!in) throw std::runtime_error("cannot open " + file);
  if (!std::getline(in, line)) fail(file, 1, "found no header, expected the names of the columns");
  std::size_t const number = find_column(file, line, column);
  std::vector<double> values;
  for (std::size_t row = 2; std::getline(in, line); ++row) {
    std::string_view field;
    double value = 0;
    if (!field_of(line, number, field))
      fail(file, row, "found fewer than " + std::to_string(number + 1) + " fields: \"" + line + "\"");
    auto const [end, problem] = std::from_chars(field.data(), field.data() + field.size(), value);
    if (problem != std::errc() || end != field.data() + field.size())
      fail(file, row, "found \"" + std::string(field) + "\", expected a number");
    values.push_back(value);
  }
  if (values.empty()) fail(file, 2, "found no rows, expected at least one");
  return values;
}

/// A file of people: numbers, names, and heights in centimeters.
void write_people(std::string const& file, ls::device const& dev, std::size_t n) {
  std::string text = "number,name,height\n";
  std::vector<double> const heights = ls::random::normal<double>(dev, n, ls::seed(3), 170.0, 9.5).to_host();
  for (std::size_t i = 0; i < n; ++i) {
    char row[80];
    std::snprintf(row, sizeof row, "%zu,\"Doe, J. %zu\",%.3f\n", i + 1, i % 1000, heights[i]);
    text += row;
  }
  ls::io::write_text(file, text);
}

struct statistics {
  double low, high, mean, deviation, quartile, median, rare;
};

auto moments_of(ls::array<double> const& x) {
  return ls::evaluate(ls::min(x), ls::max(x), ls::mean(x), ls::stddev(x, 1));  // one pass over memory for all four
}
auto quantiles_of(ls::array<double> const& x) {
  return std::tuple(double(ls::quantile(x, 0.25)), double(ls::median(x)), double(ls::quantile(x, 0.99)));
}
statistics compute(ls::array<double> const& x) {
  auto const [low, high, mean, deviation] = moments_of(x);
  auto const [quartile, median, rare] = quantiles_of(x);
  return {low, high, mean, deviation, quartile, median, rare};
}

/// The same by plain loops over sorted values.
void check(statistics const& found, std::vector<double> x) {
  std::sort(x.begin(), x.end());
  long double sum = 0, squares = 0;
  auto const n = static_cast<long double>(x.size());
  for (double v : x) sum += v;
  for (double v : x) squares += (v - sum / n) * (v - sum / n);
  auto const quantile = [&](double q) {
    double const place = q * static_cast<double>(x.size() - 1), whole = std::floor(place);
    double const below = x[static_cast<std::size_t>(whole)], above = x[static_cast<std::size_t>(std::ceil(place))];
    return below + (place - whole) * (above - below);
  };
  double const close = 1e-12 * std::max(std::abs(x.front()), std::abs(x.back()));
  example::require(found.low == x.front() && found.high == x.back(), "the minimum or the maximum");
  example::require_close("mean", found.mean, double(sum / n), close);
  if (x.size() > 1) example::require_close("deviation", found.deviation, double(std::sqrt(squares / (n - 1))), close);
  example::require_close("25 % quantile", found.quartile, quantile(0.25), close);
  example::require_close("median", found.median, quantile(0.5), close);
  example::require_close("99 % quantile", found.rare, quantile(0.99), close);
}

/// With --compare: the pass for four of them, and the quantiles.
void compare(example::options const& o, ls::array<double> const& x, std::vector<double> const& values) {
  statistics found{};
  openmp::moments by_hand{};
  std::vector<double> quantiles;
  example::compare(
      o, "moments", [&] { std::tie(found.low, found.high, found.mean, found.deviation) = moments_of(x); },
      [&] { by_hand = openmp::moments_of(values); });
  example::compare(
      o, "quantiles", [&] { std::tie(found.quartile, found.median, found.rare) = quantiles_of(x); },
      [&] {
        quantiles = openmp::quantiles_of(values, {0.25, 0.5, 0.99});
      });
  double const close = 1e-12 * std::max(std::abs(found.low), std::abs(found.high));
  example::require(by_hand.low == found.low && by_hand.high == found.high, "OpenMP's minimum or maximum");
  example::require_close("OpenMP's mean", by_hand.mean, found.mean, close);
  if (values.size() > 1) example::require_close("OpenMP's deviation", by_hand.deviation, found.deviation, 10 * close);
  example::require_close("OpenMP's 25 % quantile", quantiles[0], found.quartile, close);
  example::require_close("OpenMP's median", quantiles[1], found.median, close);
  example::require_close("OpenMP's 99 % quantile", quantiles[2], found.rare, close);
}

void describe(example::options const& o) {
  bool const given = !o.rest.empty();
  auto const temporary = std::filesystem::temp_directory_path() / ("people-" + std::to_string(::getpid()) + ".csv");
  std::string const file = given ? o.rest[0] : temporary.string();
  std::string const column = o.rest.size() > 1 ? o.rest[1] : given ? "1" : "height";
  if (!given) write_people(file, o.device, static_cast<std::size_t>(o.size(2'000'000, 20'000)));
  std::vector<double> values;
  double const reading = example::seconds_of(o.device, [&] { values = read_column(file, column); });
  if (!given) std::filesystem::remove(file);

  ls::array<double> const x(o.device, values);
  statistics s{};
  double const computing = example::seconds_of(o.device, [&] { s = compute(x); });
  std::printf("column %s of %s: %zu values (%s)\n", column.c_str(), file.c_str(), values.size(),
              o.device.name().c_str());
  std::printf("  mean %g, standard deviation %g\n  min %g, 25 %% %g, median %g, 99 %% %g, max %g\n", s.mean,
              s.deviation, s.low, s.quartile, s.median, s.rare, s.high);
  example::report("reading", reading, double(values.size()), "rows");
  example::report("statistics", computing, double(values.size()), "values");
  check(s, values);
  if (o.compare) compare(o, x, values);
}

}  // namespace

int main(int argc, char** argv) { return example::run(argc, argv, {"FILE", "COLUMN"}, describe); }
