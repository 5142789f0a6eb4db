// Shows how training goes: on a terminal one line that is redrawn, elsewhere one line per epoch.
#pragma once

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <string>

#include "history.hpp"

namespace lockstep::nn {

/// "0:41", "12:05" or "3:00:09" for a number of seconds.
inline std::string clock_text(double seconds) {
  auto const whole = static_cast<long long>(seconds + 0.5);
  char text[48];
  if (whole < 3600)
    std::snprintf(text, sizeof text, "%lld:%02lld", whole / 60, whole % 60);
  else
    std::snprintf(text, sizeof text, "%lld:%02lld:%02lld", whole / 3600, whole / 60 % 60, whole % 60);
  return text;
}

/// Where a run stands: what its line on the terminal says.
struct progress_state {
  index epoch = 0, first_epoch = 0, last_epoch = 0;  ///< counted from 1
  index samples = 0, samples_per_epoch = 0;          ///< of this epoch
  double loss = 0, accuracy = 0;                     ///< so far in this epoch
  double seconds = 0;                                ///< since the run began
};

/// The line for a state: epoch, bar, loss, accuracy, throughput and the time that the whole run still takes.
inline std::string progress_line(progress_state const& s) {
  constexpr int width = 24;
  double const part =
      s.samples_per_epoch ? static_cast<double>(s.samples) / static_cast<double>(s.samples_per_epoch) : 1;
  auto const done = static_cast<double>((s.epoch - s.first_epoch) * s.samples_per_epoch + s.samples);
  auto const total = static_cast<double>((s.last_epoch - s.first_epoch + 1) * s.samples_per_epoch);
  double const rate = s.seconds > 0 ? done / s.seconds : 0;
  auto const filled = static_cast<std::size_t>(part * width);
  std::string const bar = std::string(filled, '=') + std::string(width - filled, ' ');
  std::string const left = rate > 0 ? clock_text((total - done) / rate) + " left" : "";
  char text[200];
  std::snprintf(text, sizeof text, "epoch %lld/%lld [%s] %3.0f %%  loss %.4f  accuracy %5.2f %%  %.0f images/s  %s",
                static_cast<long long>(s.epoch), static_cast<long long>(s.last_epoch), bar.c_str(), 100 * part, s.loss,
                100 * s.accuracy, rate, left.c_str());
  return text;
}

/// Writes progress to a file or terminal, no oftener than it can be read.
class progress {
 public:
  using clock = std::chrono::steady_clock;

  /// A run of the epochs `first` to `last`; `enabled` false writes nothing.
  progress(bool enabled, index first, index last, index samples_per_epoch, std::FILE* to = stdout)
      : progress(enabled, first, last, samples_per_epoch, to, enabled && ::isatty(::fileno(to)) == 1) {}
  progress(bool enabled, index first, index last, index samples_per_epoch, std::FILE* to, bool terminal)
      : enabled_(enabled), terminal_(terminal), to_(to) {
    state_.first_epoch = first;
    state_.last_epoch = last;
    state_.samples_per_epoch = samples_per_epoch;
  }

  /// After a step: `samples` of this epoch are done, with this mean loss and accuracy.
  void step(index epoch, index samples, double loss, double accuracy) {
    if (!terminal_) return;
    auto const now = clock::now();
    if (now - drawn_ < std::chrono::milliseconds(100)) return;
    drawn_ = now;
    state_.epoch = epoch;
    state_.samples = samples;
    state_.loss = loss;
    state_.accuracy = accuracy;
    state_.seconds = std::chrono::duration<double>(now - begun_).count();
    std::fprintf(to_, "\r\033[K%s", progress_line(state_).c_str());
    std::fflush(to_);
  }

  /// After an epoch: its row takes the place of the redrawn line.
  void epoch(epoch_summary const& summary) {
    if (!enabled_) return;
    if (terminal_) std::fputs("\r\033[K", to_);
    if (!headed_) std::fprintf(to_, "%s\n", table_head().c_str());
    headed_ = true;
    std::fprintf(to_, "%s\n", table_row(summary).c_str());
    std::fflush(to_);
  }

 private:
  bool enabled_, terminal_, headed_ = false;
  std::FILE* to_;
  progress_state state_;
  clock::time_point begun_ = clock::now(), drawn_ = begun_;
};

}  // namespace lockstep::nn
