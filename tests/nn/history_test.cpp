// What training reports: tables, the progress line, and the picture of the curves.
#include <doctest/doctest.h>

#include <lockstep/nn/train/chart.hpp>
#include <lockstep/nn/train/progress.hpp>

#include <cstdio>
#include <thread>

#include "../io/temporary_folder.hpp"

namespace nn = lockstep::nn;
using support::contains;

namespace {

nn::epoch_summary summary(lockstep::index epoch, bool tested) {
  nn::epoch_summary s;
  s.epoch = epoch;
  s.loss = 0.5 / static_cast<double>(epoch);
  s.accuracy = 0.875;
  if (tested) s.test = nn::evaluation{0.75, 0.8125};
  s.seconds = 12.5;
  s.images_per_second = 4800;
  s.arithmetic_share = 0.96;
  s.communication_share = 0.04;
  return s;
}

nn::history example(lockstep::index epochs, bool tested) {
  nn::history result;
  for (lockstep::index e = 1; e <= epochs; ++e) result.push_back(summary(e, tested));
  return result;
}

std::string written(bool enabled, bool terminal) {
  std::FILE* file = std::tmpfile();
  {
    nn::progress shown(enabled, 1, 2, 100, file, terminal);
    for (lockstep::index epoch = 1; epoch <= 2; ++epoch) {
      std::this_thread::sleep_for(std::chrono::milliseconds(150));
      shown.step(epoch, 50, 0.25, 0.9);
      shown.epoch(summary(epoch, true));
    }
  }
  std::rewind(file);
  std::string text;
  for (int c; (c = std::fgetc(file)) != EOF;) text += static_cast<char>(c);
  std::fclose(file);
  return text;
}

std::size_t count(std::string const& text, std::string const& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("history: a table with one row per epoch, all as wide as the head") {
  for (bool tested : {true, false}) {
    nn::history const epochs = example(3, tested);
    CHECK(epochs.size() == 3);
    CHECK(epochs.front().loss == 0.5);
    CHECK(epochs.back().epoch == 3);
    CHECK(epochs[1].loss == 0.25);
    CHECK(count(nn::table(epochs), "\n") == 4);
    CHECK(nn::table_row(epochs[0]).size() == nn::table_head().size());
    CHECK(contains(nn::table_row(epochs[0]), "81.25 %") == tested);
  }
}

TEST_CASE("history: comma-separated values") {
  std::string const text = nn::comma_separated(example(2, true));
  CHECK(count(text, "\n") == 3);
  CHECK(contains(text, "\n2,0,0.25,0.875,0.75,0.8125,0,12.5,4800,0.9600,0.0400,0\n"));
  CHECK(contains(nn::comma_separated(example(1, false)), "\n1,0,0.5,0.875,,,0,12.5,"));
}

TEST_CASE("history: times and the progress line") {
  CHECK(nn::clock_text(0) == "0:00");
  CHECK(nn::clock_text(41.4) == "0:41");
  CHECK(nn::clock_text(725) == "12:05");
  CHECK(nn::clock_text(10809) == "3:00:09");
  nn::progress_state const state{3, 2, 5, 500, 1000, 0.25, 0.9, 10};  // 1500 of 4000 samples in 10 seconds
  std::string const line = nn::progress_line(state);
  CHECK(contains(line, "epoch 3/5 [============            ]  50 %"));
  CHECK(contains(line, "loss 0.2500  accuracy 90.00 %  150 images/s  0:17 left"));
  CHECK(contains(nn::progress_line({1, 1, 1, 0, 1000, 0, 0, 0}), "0 images/s"));
}

TEST_CASE("history: a terminal's line is redrawn, a file gets one line per epoch, and silence is silent") {
  std::string const terminal = written(true, true), file = written(true, false);
  CHECK(contains(terminal, "\r\033[Kepoch 1/2 ["));
  CHECK(contains(terminal, "\r\033[Kepoch 2/2 ["));
  CHECK(count(terminal, "\n") == 3);
  CHECK(count(file, "\r") == 0);
  CHECK(count(file, "\n") == 3);
  CHECK(contains(file, nn::table_head() + "\n" + nn::table_row(summary(1, true)) + "\n"));
  CHECK(written(false, false).empty());
}

TEST_CASE("chart: one point per value, ticks at round numbers, text that XML allows") {
  support::temporary_folder folder;
  nn::write_chart(folder / "curves.svg", "Loss < 1 & falling", example(4, true));
  support::bytes const file = support::read_file(folder / "curves.svg");
  std::string const svg(file.begin(), file.end());
  CHECK(count(svg, "<circle") == 16);
  CHECK(count(svg, "<polyline") == 4);
  CHECK(contains(svg, "Loss &lt; 1 &amp; falling"));
  CHECK(contains(svg, ">0.2</text>"));
  CHECK(contains(svg, "</svg>"));
  CHECK(!contains(svg, "nan"));
  nn::write_chart(folder / "curves.svg", "", example(1, false));
  nn::write_chart(folder / "empty.svg", "", nn::history());
  support::bytes const empty = support::read_file(folder / "empty.svg");
  CHECK(!contains(std::string(empty.begin(), empty.end()), "nan"));
  CHECK(folder.files() == 2);
  CHECK_THROWS_AS(nn::write_chart(folder / "no/curves.svg", "", example(1, false)), lockstep::error);
}

TEST_CASE("chart: axes have at most ten ticks at 1, 2 or 5 times a power of ten, and enclose the values") {
  for (double low : {-3.0, 0.0, 0.1234, 17.0, 4e5})
    for (double span : {0.0, 1e-3, 0.37, 1.0, 6.1, 999.0}) {
      auto const axis = nn::detail::make_axis(low, low + span, false);
      CHECK(axis.low <= low + 1e-9);
      CHECK(axis.high >= low + span - 1e-9);
      CHECK((axis.high - axis.low) / axis.step < 10);
      double const mantissa = axis.step / std::pow(10.0, std::floor(std::log10(axis.step) + 1e-9));
      CHECK((std::abs(mantissa - 1) < 1e-6 || std::abs(mantissa - 2) < 1e-6 || std::abs(mantissa - 5) < 1e-6));
    }
}
