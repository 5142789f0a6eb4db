// mpi_engine: one rank's side of the communication among processes, by messages of MPI alone.
#pragma once

#include <cstdio>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "../core/clock.hpp"
#include "mpi_transport.hpp"
#include "relax.hpp"
#include "two_level.hpp"

namespace lockstep {

/// One call of spmd over processes: which one, and how long its ranks wait.
template <class Compilation>
struct mpi_run {
  std::shared_ptr<mpi_transport<Compilation>> transport;
  std::uint64_t number;
  double timeout;
};

/// A communication_engine that offers the required core, and collectives in two levels where ranks are spread evenly
/// over several machines; every wait has an end.
template <class Compilation>
class mpi_engine {
 public:
  mpi_engine(mpi_run<Compilation> run, std::size_t rank) : run_(std::move(run)), rank_(rank) {
    members_.resize(run_.transport->ranks());
    std::iota(members_.begin(), members_.end(), std::size_t{0});
    machines_ = run_.transport->machines_of(members_);
  }

  std::size_t rank() const { return rank_; }
  std::size_t size() const { return members_.size(); }

  /// Says which collective the messages that follow belong to.
  void begin_collective(collective const& what) {
    call_ = to_string(what);
    ++number_;
    check_failure(where());
  }

  /// This rank fails while others may wait for it.
  void interrupt(char const* why) noexcept {
    try {
      run_.transport->fail(run_.number, members_[rank_], text_of({"rank ", rank_, " failed", why}));
    } catch (...) {  // then they wait until their time is up
    }
  }

  std::string failure_within(double seconds) {
    auto const failed = [this] { return run_.transport->failed(run_.number).failed; };
    return holds_within(seconds, failed) ? run_.transport->failed(run_.number).reason : "";
  }

  void send(void const* from, std::size_t bytes, std::size_t peer, int tag) { send(nullptr, from, bytes, peer, tag); }
  void receive(void* to, std::size_t bytes, std::size_t peer, int tag) { receive(nullptr, to, bytes, peer, tag); }

  /// What the messages of this rank's device lie in, from now on.
  bool use_device(std::shared_ptr<message_memory> const& device) {
    if (!mpi_library::takes_device_memory()) return false;
    run_.transport->receive_on(device);
    return true;
  }
  void send_from(std::shared_ptr<message_memory> const& device, void const* from, std::size_t bytes, std::size_t peer,
                 int tag) {
    device->settle();
    send(device, from, bytes, peer, tag);
  }
  void receive_to(std::shared_ptr<message_memory> const& device, void* to, std::size_t bytes, std::size_t peer,
                  int tag) {
    device->settle();
    receive(device.get(), to, bytes, peer, tag);
  }

  /// Where there are no two levels, everybody hears from everybody through ever more distant neighbors.
  void barrier() {
    traffic ignored;
    if (auto const all = levels(ignored); all.has_levels()) return two_level::barrier(all);
    unsigned char token = 0;
    for (std::size_t step = 1; step < size(); step *= 2) {
      send(&token, 1, (rank_ + step) % size(), collective_tag);
      receive(&token, 1, (rank_ + size() - step) % size(), collective_tag);
    }
  }

  bool all_reduce(void* data, std::size_t count, rank_reduction const& how, traffic& sent) {
    return two_level::all_reduce(levels(sent), data, count, how);
  }
  bool reduce(void const* from, void* to, std::size_t count, rank_reduction const& how, std::size_t root,
              traffic& sent) {
    return two_level::reduce(levels(sent), from, to, count, how, root);
  }
  bool reduce_scatter(void const* from, void* to, std::size_t count, rank_reduction const& how, traffic& sent) {
    return two_level::reduce_scatter(levels(sent), from, to, count, how);
  }
  void broadcast(void* data, std::size_t count, element_kind const& element, std::size_t root, traffic& sent) {
    two_level::broadcast(levels(sent), data, count * element.bytes, root);
  }
  void all_gather(void const* from, void* to, std::size_t count, element_kind const& element, traffic& sent) {
    two_level::all_gather(levels(sent), from, to, count * element.bytes);
  }

  mpi_engine split(std::int64_t color) {
    std::vector<std::int64_t> colors(size());
    traffic ignored;
    composed::all_gather(composed::link<mpi_engine>{*this, ignored}, &color, colors.data(), sizeof color);
    mpi_engine part(*this);
    part.members_.clear();
    for (std::size_t r = 0; r < size(); ++r) {
      if (colors[r] != color) continue;
      if (r == rank_) part.rank_ = part.members_.size();
      part.members_.push_back(members_[r]);
    }
    part.group_ = (group_ * 31 + number_) * 0x9e3779b97f4a7c15u + static_cast<std::uint64_t>(color) + 1;
    part.number_ = 0;
    part.machines_ = run_.transport->machines_of(part.members_);
    return part;
  }

 private:
  /// Whoever gives up leaves nothing behind that points to its memory.
  struct unsent {
    mpi_transport<Compilation>& transport;
    std::shared_ptr<typename mpi_transport<Compilation>::outgoing> message;
    ~unsent() {
      if (message) transport.abandon(*message);
    }
  };

  /// `device` is where the data lie; null for the host's memory.
  void send(std::shared_ptr<message_memory> const& device, void const* from, std::size_t bytes, std::size_t peer,
            int tag) {
    std::string const what = tag == collective_tag ? where() : text_of({"send to rank ", peer});
    check_failure(what);
    unsent const out{*run_.transport, run_.transport->send(envelope(rank_, peer, tag, bytes), from, device)};
    if (!out.message) return;
    wait(
        what, peer, [&] { return run_.transport->sent(*out.message); }, out.message.get());
  }
  void receive(message_memory* device, void* to, std::size_t bytes, std::size_t peer, int tag) {
    std::string const what =
        tag == collective_tag ? where() : text_of({"receive of ", bytes, " bytes from rank ", peer, " with tag ", tag});
    auto const wanted = envelope(peer, rank_, tag, bytes);
    std::unique_ptr<typename mpi_transport<Compilation>::letter> found;
    wait(
        what, peer, [&] { return (found = run_.transport->take(wanted)) != nullptr; }, nullptr);
    if (tag == collective_tag) check_call(found->head, peer);
    if (found->head.bytes != bytes) fail(what, text_of({"rank ", peer, " sent ", found->head.bytes, " bytes"}));
    found->copy_to(to, device);
    run_.transport->recycle(*found);
  }

  two_level::grid<mpi_engine> levels(traffic& sent) { return {composed::link<mpi_engine>{*this, sent}, machines_}; }

  mpi_envelope envelope(std::size_t source, std::size_t target, int tag, std::size_t bytes) const {
    mpi_envelope head = {};
    head.what = mpi_message::data;
    head.source = static_cast<std::uint32_t>(members_[source]);
    head.target = static_cast<std::uint32_t>(members_[target]);
    head.tag = tag;
    head.run = run_.number;
    head.group = group_;
    head.bytes = bytes;
    if (tag != collective_tag) return head;  // the collective may be another thread's
    head.number = number_;
    call_.copy(head.call, sizeof head.call - 1);
    return head;
  }

  std::string where() const { return text_of({call_, " (collective ", number_ - 1, ")"}); }

  void check_call(mpi_envelope const& head, std::size_t peer) {
    if (head.number == number_ && call_.compare(0, sizeof head.call - 1, head.call) == 0) return;
    fail(where(), text_of({"in collective ", number_ - 1, ", rank ", peer, " called ", head.call, " (its collective ",
                           head.number - 1, "), but rank ", rank_, " called ", call_,
                           "; all ranks must call the same collectives in the same order"}));
  }

  void check_failure(std::string const& what) {
    auto const found = run_.transport->failed(run_.number);
    if (found.failed) throw_failure(what, found.reason);
  }
  [[noreturn]] void throw_failure(std::string const& what, std::string const& reason) const {
    throw communication_error(text_of({what, " on rank ", rank_, " of ", size(), ": ", reason}));
  }
  [[noreturn]] void fail(std::string const& what, std::string const& reason) {
    run_.transport->fail(run_.number, members_[rank_], text_of({"rank ", rank_, ", ", what, ": ", reason}));
    throw_failure(what, run_.transport->failed(run_.number).reason);
  }

  /// Until ready(). Patience begins anew whenever pieces go out of `sending` or, where that is null, come in.
  template <class Ready>
  void wait(std::string const& what, std::size_t peer, Ready const& ready,
            typename mpi_transport<Compilation>::outgoing const* sending) {
    double end = seconds_now() + run_.timeout;
    std::uint64_t progress = 0;
    for (backoff looks;; looks.pause()) {
      bool const left = !sending && run_.transport->has_left(run_.number, members_[peer]);
      if (ready()) return;
      check_failure(what);
      if (left) fail(what, text_of({"rank ", peer, " has returned without ", calling(what)}));
      if (!looks.naps()) continue;
      double const now = seconds_now();
      std::uint64_t const before = std::exchange(progress, run_.transport->progress(sending));
      if (progress != before) end = now + run_.timeout;
      if (now > end) fail(what, waited(what, peer));
    }
  }
  std::string calling(std::string const& what) const {
    return text_of({what.compare(0, 7, "receive") == 0 ? "sending it" : "calling ",
                    what.compare(0, 7, "receive") == 0 ? "" : what.c_str()});
  }
  std::string waited(std::string const& what, std::size_t peer) const {
    char seconds[32];
    std::snprintf(seconds, sizeof seconds, "%g", run_.timeout);
    return text_of({"rank ", rank_, " waited ", seconds, " s in ", what, " for rank ", peer,
                    ", which did not answer; longer work needs a longer mesh::set_timeout"});
  }

  mpi_run<Compilation> run_;
  std::vector<std::size_t> members_;  // ranks in the mesh
  std::size_t rank_;
  std::size_t machines_ = 1;  // over which the members are spread evenly
  std::uint64_t group_ = 0;
  std::uint64_t number_ = 0;  // of collectives begun
  std::string call_;
};

}  // namespace lockstep
