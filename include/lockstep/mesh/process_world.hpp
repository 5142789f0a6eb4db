// process_world: what the ranks of one machine's processes share: who failed, who has returned or died, how to wait for
// each other, and the channels of their messages.
#pragma once

#include <signal.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "../core/clock.hpp"
#include "process_memory.hpp"
#include "relax.hpp"

namespace lockstep {

/// How a process fares, as the system tells.
enum class process_state : unsigned char { running, stopped, gone };

[[gnu::cold, gnu::noinline]] inline process_state state_of_process(std::int64_t process) {
  std::string const path = text_of({"/proc/", process, "/stat"});
  std::FILE* const file = std::fopen(path.c_str(), "r");
  if (!file) return kill(static_cast<pid_t>(process), 0) == 0 ? process_state::running : process_state::gone;
  char text[512] = {};
  std::size_t const size = std::fread(text, 1, sizeof text - 1, file);
  std::fclose(file);
  std::size_t at = size;
  while (at > 0 && text[at - 1] != ')') --at;  // the name before may have any letters
  char const state = at + 1 < size ? text[at + 1] : 'X';
  if (state == 'Z' || state == 'X' || state == 'x') return process_state::gone;
  return state == 'T' || state == 't' ? process_state::stopped : process_state::running;
}

/// One pair of ranks' bytes on their way: written at `written`, read at `read`, both counted without end.
struct process_channel {
  alignas(64) std::atomic<std::uint64_t> written;
  alignas(64) std::atomic<std::uint64_t> read;
  std::atomic<std::uint64_t> end;  ///< where the run before ended, as its writer says
};

/// Ranks of processes that share a piece of memory. Runs (calls of spmd) are counted from 1.
template <class Compilation>
class process_world {
 public:
  static std::size_t bytes_for(std::size_t ranks) {
    return sizeof(header) + ranks * sizeof(seat) + ranks * ranks * (sizeof(process_channel) + channel_bytes(ranks));
  }
  /// From zeroed memory of bytes_for(ranks).
  process_world(process_memory memory, std::size_t ranks) : memory_(std::move(memory)), ranks_(ranks) {
    spins_ = ranks <= std::thread::hardware_concurrency() ? 300 : 0;
  }
  process_world(process_world const&) = delete;
  process_world& operator=(process_world const&) = delete;

  std::size_t size() const { return ranks_; }
  double timeout() const { return timeout_; }
  std::uint64_t run() const { return run_; }

  /// Rank `rank` lives in this process.
  void sit(std::size_t rank) { at(rank).process.store(getpid()); }

  /// Begins run `run`; waits until everybody has ended the one before.
  void enter(std::uint64_t run, double timeout) {
    run_ = run;
    timeout_ = timeout;
    double const begun = seconds_now();
    for (std::size_t rank = 0; rank < ranks_; ++rank)
      for (backoff looks(spins_); at(rank).closed.load() + 1 < run; looks.pause()) {
        if (!looks.naps()) continue;
        if (state_of(rank) == process_state::gone && at(rank).closed.load() + 1 < run)
          throw communication_error(text_of({"spmd: ", portrait(rank), ": the mesh cannot be used any more"}));
        if (seconds_now() > begun + timeout)
          throw communication_error(
              text_of({"spmd: waited for ", portrait(rank), ", which has not ended the call before"}));
      }
  }
  /// Rank `rank` takes part in nothing any more.
  void leave(std::size_t rank) { at(rank).left.store(run_); }
  bool has_left(std::size_t rank) const { return at(rank).left.load() >= run_; }
  /// Waits for all ranks to return, as long as they live; when one has failed, only shortly. Returns whether all have.
  bool wait_for_all() {
    double const begun = seconds_now();
    double stopped = 0;
    backoff looks(spins_);
    for (std::size_t rank = 0; rank < ranks_;) {
      if (has_left(rank)) {
        ++rank;
        stopped = 0;
        continue;
      }
      looks.pause();
      if (!looks.naps()) continue;
      bool const lost = is_lost(rank, stopped);
      if (has_left(rank)) continue;  // before it ended
      if (lost && !failed()) fail(rank, portrait(rank));
      if (lost || (failed() && seconds_now() > begun + grace)) return false;
    }
    return true;
  }
  /// Whether the run has failed, or would if others looked for ranks that are lost: then it does. For one thread.
  bool look_out() {
    stopped_.resize(ranks_);
    for (std::size_t rank = 0; rank < ranks_ && !failed(); ++rank)
      if (!has_left(rank) && is_lost(rank, stopped_[rank]) && !has_left(rank)) fail(rank, portrait(rank));
    return failed();
  }
  /// Rank `rank` is ready for the next run, and writes nothing more in this one.
  void close(std::size_t rank) {
    for (std::size_t target = 0; target < ranks_; ++target)
      channel(rank, target).end.store(channel(rank, target).written.load());
    at(rank).closed.store(run_);
  }
  /// At the beginning of a run, after enter: what was sent in the run before and not received is gone. Only its writer
  /// knows where that ends: it may have gone on after its reader had given up.
  void skip_old_letters(std::size_t source, std::size_t target) {
    process_channel& c = channel(source, target);
    c.read.store(c.end.load());
  }

  /// Rank `rank` fails: every rank that waits, or will, learns why. Only the first failure is kept.
  void fail(std::size_t rank, std::string const& reason) {
    std::uint64_t before = head().failing.load();
    while (before < run_)
      if (head().failing.compare_exchange_weak(before, run_)) return record_failure(rank, reason);
    double const end = seconds_now() + timeout_;
    for (backoff looks; head().failed.load() < run_ && seconds_now() < end;) looks.pause();
    if (head().failed.load() < run_) record_failure(rank, reason);  // whoever was first has ended before it said why
  }
  bool failed() const { return head().failed.load() >= run_; }
  std::size_t failed_rank() const { return head().failed_rank; }
  std::string reason() const { return head().reason; }

  process_state state_of(std::size_t rank) const {
    std::int64_t const process = at(rank).process.load();
    if (process == 0 || process == getpid()) return process_state::running;
    return state_of_process(process);
  }
  /// "rank 2 (process 1234), which is stopped".
  [[gnu::cold, gnu::noinline]] std::string portrait(std::size_t rank) const {
    process_state const state = state_of(rank);
    return text_of({"rank ", rank, " (process ", at(rank).process.load(), ")",
                    state == process_state::gone      ? ", which has ended: it was killed, or exited within spmd"
                    : state == process_state::stopped ? ", which is stopped"
                                                      : ""});
  }

  /// Waits until ready() is true, and returns true; false when it is not before the time is up, a rank has failed, or
  /// lost() says that it will never be. Calls help() while there is nothing better to do.
  template <class Ready, class Help, class Lost>
  bool wait(Ready const& ready, Help const& help, Lost const& lost) {
    double end = 0, looked = 0;
    for (backoff looks(spins_);; looks.pause()) {
      if (ready()) return true;
      if (looks.spins()) continue;
      if (failed()) return ready();
      help();
      double const now = seconds_now();
      if (end == 0) end = now + timeout_, looked = now;
      if (now > looked + 0.002) {
        looked = now;
        if (lost()) return ready();
      }
      if (now > end) return ready();
    }
  }

  process_channel& channel(std::size_t source, std::size_t target) const {
    return reinterpret_cast<process_channel*>(seats() + ranks_)[source * ranks_ + target];
  }
  unsigned char* channel_data(std::size_t source, std::size_t target) const {
    auto* const data = reinterpret_cast<unsigned char*>(&channel(ranks_, 0));
    return data + (source * ranks_ + target) * channel_bytes();
  }
  std::size_t channel_bytes() const { return channel_bytes(ranks_); }

 private:
  /// Whether the rank's process is gone, or has been stopped for the timeout. `stopped`: since when; 0 if it is not.
  bool is_lost(std::size_t rank, double& stopped) const {
    process_state const state = state_of(rank);
    if (state != process_state::stopped) {
      stopped = 0;
      return state == process_state::gone;
    }
    double const now = seconds_now();
    if (stopped == 0) stopped = now;
    return now > stopped + timeout_;
  }

  void record_failure(std::size_t rank, std::string const& reason) {
    head().failed_rank = rank;
    std::size_t const size = reason.copy(head().reason, sizeof head().reason - 1);
    head().reason[size] = 0;
    head().failed.store(run_);
  }

  /// Seconds that ranks have to notice that another failed.
  static constexpr double grace = 0.5;

  struct alignas(64) header {
    std::atomic<std::uint64_t> failing, failed;
    std::size_t failed_rank;
    char reason[1000];
  };
  struct alignas(64) seat {
    std::atomic<std::int64_t> process;
    std::atomic<std::uint64_t> left, closed;
  };

  static constexpr std::size_t channel_bytes(std::size_t ranks) {
    return ranks <= 16 ? std::size_t{1} << 17 : std::size_t{1} << 13;
  }
  header& head() const { return *reinterpret_cast<header*>(memory_.data()); }
  seat* seats() const { return reinterpret_cast<seat*>(memory_.data() + sizeof(header)); }
  seat& at(std::size_t rank) const { return seats()[rank]; }

  process_memory memory_;
  std::size_t ranks_;
  int spins_ = 0;
  double timeout_ = 0;
  std::uint64_t run_ = 0;
  std::vector<double> stopped_;  ///< since when ranks' processes are, as look_out has seen
};

}  // namespace lockstep
