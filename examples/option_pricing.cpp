// Prices options by Monte Carlo: random numbers, payoffs, mean and variance in one pass, and none of them is ever
// stored. Checked against the formula of Black and Scholes and, for options on an average, against that of Kemna and
// Vorst.
#include "openmp/option_pricing.hpp"
#include "example.hpp"

namespace ls = lockstep;

namespace {

constexpr double spot = 100, strike = 105, rate = 0.03, volatility = 0.25, years = 1;
constexpr int days = 52;  // on which the averages of Asian options are taken

struct estimate {
  double price, error;  // the error: one standard deviation of the price
};

/// The mean of the payoffs, discounted, and how sure it is: one pass for both.
template <class Payoffs>
estimate price_of(Payoffs const& payoffs) {
  auto const [mean, variance] = ls::evaluate(ls::mean(payoffs), ls::variance(payoffs, 1));
  double const discount = std::exp(-rate * years), n = static_cast<double>(payoffs.size());
  return {discount * double(mean), discount * std::sqrt(double(variance) / n)};
}

/// The right to buy at the end: the price of the stock then has a log-normal distribution.
estimate european_call(ls::device const& dev, std::size_t paths) {
  double const drift = (rate - volatility * volatility / 2) * years, deviation = volatility * std::sqrt(years);
  auto const growth = ls::random::normal<float>(dev, paths, ls::seed(1), drift, deviation);
  return price_of(ls::max(float(spot) * ls::exp(growth) - float(strike), 0.0f));
}

/// The right to buy at the mean price of all days: all paths take a day's step together.
std::pair<estimate, estimate> asian_calls(ls::device const& dev, std::size_t paths) {
  double const day = years / days, drift = (rate - volatility * volatility / 2) * day;
  ls::array<float> log_price = ls::full<float>(dev, paths, std::log(float(spot)));
  ls::array<float> sum = ls::zeros<float>(dev, paths), log_sum = ls::zeros<float>(dev, paths);
  for (int d = 0; d < days; ++d) {
    ls::seed const today(100 + static_cast<std::uint64_t>(d));
    log_price = log_price + ls::random::normal<float>(dev, paths, today, drift, volatility * std::sqrt(day));
    ls::tie(sum, log_sum) = ls::fuse(sum + ls::exp(log_price), log_sum + log_price);
  }
  return {price_of(ls::max(sum / float(days) - float(strike), 0.0f)),
          price_of(ls::max(ls::exp(log_sum / float(days)) - float(strike), 0.0f))};
}

/// Discounted mean of max(S - strike, 0) where log S is normally distributed.
double log_normal_call(double mean, double deviation) {
  auto const below = [](double z) { return std::erfc(-z / std::sqrt(2.0)) / 2; };
  double const z = (mean - std::log(strike)) / deviation;
  return std::exp(-rate * years) *
         (std::exp(mean + deviation * deviation / 2) * below(z + deviation) - strike * below(z));
}
double black_scholes() {
  return log_normal_call(std::log(spot) + (rate - volatility * volatility / 2) * years, volatility * std::sqrt(years));
}
/// Kemna and Vorst 1990: the logarithm of a geometric mean is normally distributed, too.
double geometric_average() {
  double const drift = (rate - volatility * volatility / 2) * years, n = days;
  double const variance = volatility * volatility * years * (n + 1) * (2 * n + 1) / (6 * n * n);
  return log_normal_call(std::log(spot) + drift * (n + 1) / (2 * n), std::sqrt(variance));
}

/// With --compare: both kinds of options, from the same random numbers.
void compare(example::options const& o, std::size_t paths, std::size_t walks) {
  openmp::market const market{spot, strike, rate, volatility, years};
  auto const ends = static_cast<long>(paths), steps = static_cast<long>(walks);
  estimate european{}, asian{};
  double european_by_hand = 0, asian_by_hand = 0;
  example::compare(
      o, "European", [&] { european = european_call(o.device, paths); },
      [&] { european_by_hand = openmp::european_call(market, ends, 1); });
  example::compare(
      o, "Asian", [&] { asian = asian_calls(o.device, walks).first; },
      [&] { asian_by_hand = openmp::asian_call(market, steps, days, 100); });
  example::require_close("OpenMP's European call", european_by_hand, european.price, 1e-4 * european.price);
  example::require_close("OpenMP's Asian call", asian_by_hand, asian.price, 1e-4 * asian.price);
}

void show(char const* what, estimate const& e) { std::printf("  %s: %.4f +- %.4f\n", what, e.price, e.error); }

void price(example::options const& o) {
  auto const paths = static_cast<std::size_t>(o.size(1 << 26, 1 << 18));
  auto const walks = static_cast<std::size_t>(o.size(1 << 21, 1 << 15));
  estimate european{};
  std::pair<estimate, estimate> asian;
  double const ends = example::seconds_of(o.device, [&] { european = european_call(o.device, paths); });
  double const steps = example::seconds_of(o.device, [&] { asian = asian_calls(o.device, walks); });
  auto const [arithmetic, geometric] = asian;

  std::printf("calls at %g on a stock at %g (%s)\n", strike, spot, o.device.name().c_str());
  show("European", european);
  std::printf("    Black-Scholes: %.4f\n", black_scholes());
  show("Asian, arithmetic mean", arithmetic);
  show("Asian, geometric mean", geometric);
  std::printf("    Kemna-Vorst: %.4f\n", geometric_average());
  example::report("European", ends, double(paths), "paths");
  example::report("Asian", steps, double(walks) * days, "steps");

  example::require_close("European call", european.price, black_scholes(), 4 * european.error);
  example::require_close("geometric Asian call", geometric.price, geometric_average(), 4 * geometric.error);
  example::require(arithmetic.price > geometric.price && arithmetic.price < european.price,
                   "an arithmetic mean lies above the geometric one and varies less than the last price");
  if (o.compare) compare(o, paths / 8, walks / 8);
}

}  // namespace

int main(int argc, char** argv) { return example::run(argc, argv, {}, price); }
