// mpi_transport: messages between ranks of different processes, and the news that ranks have failed or returned.
//
// Every message begins with an envelope, which names both ranks; matching is done here and not by MPI, so that threads
// of one process can be ranks, messages can come before anybody asks for them, and news reach whoever waits for
// something else. All calls of MPI are non-blocking, under one mutex.
#pragma once

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "../core/clock.hpp"
#include "mpi_inbox.hpp"
#include "mpi_outbox.hpp"

namespace lockstep {

template <class Compilation>
class mpi_transport {
 public:
  struct failure {
    bool failed = false;
    std::size_t rank = 0;
    std::string reason;
  };
  using letter = typename mpi_inbox<Compilation>::letter;
  using segment = typename mpi_inbox<Compilation>::segment;
  using outgoing = typename mpi_outbox<Compilation>::message;

  /// `machines` says for each process on which machine it is.
  mpi_transport(MPI_Comm processes, std::size_t ranks_per_process, std::vector<int> machines)
      : out_(processes), in_(processes), machines_(std::move(machines)), ranks_per_process_(ranks_per_process) {
    int rank = 0, size = 0;
    MPI_Comm_rank(processes, &rank);
    MPI_Comm_size(processes, &size);
    me_ = static_cast<std::size_t>(rank);
    size_ = static_cast<std::size_t>(size);
    heard_.resize(size_);
    auto const here = static_cast<std::size_t>(std::count(machines_.begin(), machines_.end(), machines_[me_]));
    spins_ = here * ranks_per_process_ <= std::thread::hardware_concurrency() ? 300 : 0;
  }
  mpi_transport(mpi_transport const&) = delete;
  mpi_transport& operator=(mpi_transport const&) = delete;

  std::size_t process() const { return me_; }
  std::size_t processes() const { return size_; }
  std::size_t ranks() const { return size_ * ranks_per_process_; }
  std::size_t process_of(std::size_t rank) const { return rank / ranks_per_process_; }
  bool one_rank_per_process() const { return ranks_per_process_ == 1; }
  /// How often a rank that waits looks before others may have its core.
  int spins() const { return spins_; }
  /// On how many machines these ranks are, if each has as many of them, one machine's after another's; otherwise 1.
  std::size_t machines_of(std::vector<std::size_t> const& members) const {
    auto const machine = [&](std::size_t i) { return machines_[process_of(members[i])]; };
    std::size_t each = 1;
    while (each < members.size() && machine(each) == machine(0)) ++each;
    if (members.size() % each != 0) return 1;
    std::vector<int> seen;
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (i % each == 0 && std::find(seen.begin(), seen.end(), machine(i)) != seen.end()) return 1;
      if (i % each == 0) seen.push_back(machine(i));
      if (machine(i) != seen.back()) return 1;
    }
    return seen.size();
  }

  /// Begins to send. The bytes must stay until `sent`, or until the message has been abandoned. Null when all is done.
  /// `device` is where they lie, if not in the host's memory.
  std::shared_ptr<outgoing> send(mpi_envelope const& head, void const* data,
                                 std::shared_ptr<message_memory> device = nullptr) {
    std::lock_guard lock(mutex());
    if (process_of(head.target) != me_) return out_.send(head, data, process_of(head.target), std::move(device));
    in_.put(head, data, device.get());
    return nullptr;
  }
  /// The same to another process in pieces of whole elements of `unit` bytes, of which `ready` bytes may be read by
  /// now; `allow` says when more may. For more than mpi_inline_bytes.
  std::shared_ptr<outgoing> send_pieces(mpi_envelope const& head, void const* data, std::size_t ready,
                                        std::size_t unit) {
    std::lock_guard lock(mutex());
    return out_.send_pieces(head, data, ready, unit, process_of(head.target));
  }
  void allow(outgoing& m, std::size_t bytes) {
    std::lock_guard lock(mutex());
    out_.allow(m, bytes);
  }
  /// Where messages go, until forget_before, that come from memory of devices.
  void receive_on(std::shared_ptr<message_memory> device) {
    std::lock_guard lock(mutex());
    in_.receive_on(std::move(device));
  }
  /// What a rank that waits for rank `peer` of the mesh finds. Whoever has left has sent nothing that has not come.
  struct found {
    bool ready, failed, left;
    std::uint64_t pieces;  ///< of long messages that have come so far
  };
  /// Takes in and sends on what it can, and calls ready() under the lock.
  template <class Ready>
  found look(std::uint64_t run, std::size_t peer, Ready const& ready) {
    std::lock_guard lock(mutex());
    advance(1);
    run_state const& now = state_of(run);
    return {ready(), now.first.failed, now.left[peer], in_.pieces()};
  }
  /// Whether rank `peer` of the mesh, or another, is known to have failed; without looking for news.
  bool has_failed(std::uint64_t run) {
    std::lock_guard lock(mutex());
    return state_of(run).first.failed;
  }
  void abandon(outgoing& m) {
    std::lock_guard lock(mutex());
    out_.abandon(m);
  }

  /// The oldest message of `run`, `group`, `source`, `target` and `tag`, once it has come whole or, with `head_alone`,
  /// as soon as its head has; null before. To be called by what `look` calls. `recycle` must follow.
  letter* take(mpi_envelope const& wanted, bool head_alone) {
    auto const same = [&](mpi_envelope const& head) {
      return head.run == wanted.run && head.group == wanted.group && head.source == wanted.source &&
             head.target == wanted.target && head.tag == wanted.tag;
    };
    return head_alone ? in_.take_head(same) : in_.take(same);
  }
  /// The next bytes of it, none before they have come. To be called by what `look` calls.
  segment next_segment(letter& l) { return in_.next_segment(l); }
  void drop_segment(letter& l) {
    std::lock_guard lock(mutex());
    in_.drop_segment(l);
  }
  void recycle(letter& used) {
    std::lock_guard lock(mutex());
    in_.recycle(used);
  }

  /// Rank `rank` fails: everybody will know. Only the first failure is kept.
  void fail(std::uint64_t run, std::size_t rank, std::string const& reason) {
    std::lock_guard lock(mutex());
    if (note_failure(run, rank, reason)) tell_all(run, mpi_message::failure, rank, reason);
  }
  failure failed(std::uint64_t run) {
    std::lock_guard lock(mutex());
    advance();
    return runs_[run].first;
  }
  void leave(std::uint64_t run, std::size_t rank) {
    std::lock_guard lock(mutex());
    left_at(run)[rank] = true;
    tell_all(run, mpi_message::departure, rank, "");
  }
  /// Whether rank `rank` has returned, and everything that it has sent has come.
  bool has_left(std::uint64_t run, std::size_t rank) {
    std::lock_guard lock(mutex());
    advance();
    return left_at(run)[rank];
  }
  /// Tells those processes that have returned, and so wait for this one, that it still works.
  void tell_alive(std::uint64_t run) {
    std::lock_guard lock(mutex());
    advance();
    auto const& left = left_at(run);
    for (std::size_t p = 0; p < size_; ++p) {
      bool waits = p != me_;
      for (std::size_t i = 0; i < ranks_per_process_; ++i) waits = waits && left[p * ranks_per_process_ + i];
      if (waits) tell(p, run, mpi_message::alive, me_ * ranks_per_process_, "");
    }
  }
  /// When something has come from rank `rank`'s process last.
  double last_heard(std::size_t rank) {
    std::lock_guard lock(mutex());
    return heard_[process_of(rank)];
  }
  /// Forgets runs and messages before `run`.
  void forget_before(std::uint64_t run) {
    std::lock_guard lock(mutex());
    runs_.erase(runs_.begin(), runs_.lower_bound(run));
    in_.forget_before(run);
    in_.leave_devices();
    out_.leave_devices();
  }

 private:
  struct run_state {
    failure first;
    std::vector<bool> left;
  };

  std::mutex& mutex() { return mpi_library::get().calls(); }
  run_state& state_of(std::uint64_t run) {
    run_state& found = runs_[run];
    found.left.resize(ranks());
    return found;
  }
  std::vector<bool>& left_at(std::uint64_t run) { return state_of(run).left; }

  /// Takes in what has come, at most `most` messages of MPI's, and lets go of what has gone.
  void advance(std::size_t most = std::numeric_limits<std::size_t>::max()) {
    in_.advance([&](letter const& l) { return read(l); }, most);
    out_.advance();
  }
  /// News. A departure is one only when everything sent before has come.
  bool read(letter const& l) {
    mpi_envelope const& head = l.head;
    if (head.what == mpi_message::departure && in_.still_coming(head.run, head.source)) return false;
    heard_[process_of(head.source)] = seconds_now();
    if (head.what == mpi_message::departure) left_at(head.run)[head.source] = true;
    if (head.what == mpi_message::failure) note_failure(head.run, head.source, l.text());
    if (head.what == mpi_message::abandoned) in_.drop_stream(static_cast<int>(process_of(head.source)), head.number);
    return true;
  }

  bool note_failure(std::uint64_t run, std::size_t rank, std::string const& reason) {
    failure& first = runs_[run].first;
    if (first.failed) return false;
    first = {true, rank, reason};
    return true;
  }
  void tell_all(std::uint64_t run, mpi_message what, std::size_t rank, std::string const& text) {
    for (std::size_t p = 0; p < size_; ++p)
      if (p != me_) tell(p, run, what, rank, text);
  }
  void tell(std::size_t process, std::uint64_t run, mpi_message what, std::size_t rank, std::string const& text) {
    mpi_envelope head = {};
    head.what = what;
    head.source = static_cast<std::uint32_t>(rank);
    head.run = run;
    head.bytes = std::min(text.size(), mpi_inline_bytes);
    out_.send(head, text.data(), process);
  }

  mpi_outbox<Compilation> out_;
  mpi_inbox<Compilation> in_;
  std::vector<int> machines_;
  std::size_t ranks_per_process_, me_ = 0, size_ = 0;
  std::map<std::uint64_t, run_state> runs_;
  std::vector<double> heard_;  // by process
  int spins_ = 0;
};

}  // namespace lockstep
