// history: what a training run did, epoch by epoch.
#pragma once

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "../../core/config.hpp"

namespace lockstep::nn {

/// The mean loss per sample and the share of samples whose largest output is their label.
struct evaluation {
  double loss = 0;
  double accuracy = 0;
};

/// One epoch of training.
struct epoch_summary {
  index epoch = 0;                 ///< counted from 1 over the trainer's life, resumed runs included
  index steps = 0;                 ///< batches seen
  double loss = 0;                 ///< mean over the epoch's samples, each seen before the step that it took part in
  double accuracy = 0;             ///< of the same predictions
  std::optional<evaluation> test;  ///< after the epoch, when fit was given a test set
  float learning_rate = 0;         ///< of the last step
  double seconds = 0;              ///< of training; evaluation and checkpoints not counted
  double images_per_second = 0;
  /// Share of the ranks' time spent in anything but communication: reading samples, forward, backward, update.
  double arithmetic_share = 0;
  /// Share of the ranks' time spent in calls of the communicator, waiting for other ranks included: what the backward
  /// pass did not hide. Together with the arithmetic it makes 1.
  double communication_share = 0;
  /// Bytes sent in a step, summed over the ranks, as their communicators count them: 2 (ranks - 1) times the gradient
  /// and the two numbers of a batch (loss and right answers). What ranks load from and store to each other's memory
  /// counts as sent. 0 on one device.
  std::uint64_t bytes_sent_per_step = 0;
};

/// The epochs of one call of fit, in order.
class history {
 public:
  void push_back(epoch_summary const& epoch) { epochs_.push_back(epoch); }
  std::size_t size() const { return epochs_.size(); }
  bool empty() const { return epochs_.empty(); }
  epoch_summary const& operator[](std::size_t i) const { return epochs_[i]; }
  epoch_summary const& front() const { return epochs_.front(); }
  epoch_summary const& back() const { return epochs_.back(); }
  auto begin() const { return epochs_.begin(); }
  auto end() const { return epochs_.end(); }

 private:
  std::vector<epoch_summary> epochs_;
};

/// The column heads that go with `table_row`.
inline std::string table_head() {
  return "epoch     loss  accuracy  test loss  test accuracy  seconds  images/s  arithmetic  communication";
}

/// An epoch as a row of a table.
inline std::string table_row(epoch_summary const& e) {
  char test[64] = "        -              -";
  if (e.test) std::snprintf(test, sizeof test, "%9.4f  %11.2f %%", e.test->loss, 100 * e.test->accuracy);
  char text[240];
  std::snprintf(text, sizeof text, "%5lld  %7.4f  %6.2f %%  %s  %7.1f  %8.0f  %8.1f %%  %11.1f %%",
                static_cast<long long>(e.epoch), e.loss, 100 * e.accuracy, test, e.seconds, e.images_per_second,
                100 * e.arithmetic_share, 100 * e.communication_share);
  return text;
}

/// All epochs as a table, one line each below the column heads.
inline std::string table(history const& epochs) {
  std::string text = table_head() + "\n";
  for (epoch_summary const& epoch : epochs) text += table_row(epoch) + "\n";
  return text;
}

/// All epochs as comma-separated values below a line of column names; empty fields where there was no test set.
inline std::string comma_separated(history const& epochs) {
  std::string text =
      "epoch,steps,loss,accuracy,test_loss,test_accuracy,learning_rate,seconds,images_per_second,arithmetic_share,"
      "communication_share,bytes_sent_per_step\n";
  for (epoch_summary const& e : epochs) {
    char test[64] = ",", line[320];
    if (e.test) std::snprintf(test, sizeof test, "%.9g,%.9g", e.test->loss, e.test->accuracy);
    std::snprintf(line, sizeof line, "%lld,%lld,%.9g,%.9g,%s,%.9g,%.6g,%.6g,%.4f,%.4f,%llu\n",
                  static_cast<long long>(e.epoch), static_cast<long long>(e.steps), e.loss, e.accuracy, test,
                  static_cast<double>(e.learning_rate), e.seconds, e.images_per_second, e.arithmetic_share,
                  e.communication_share, static_cast<unsigned long long>(e.bytes_sent_per_step));
    text += line;
  }
  return text;
}

}  // namespace lockstep::nn
