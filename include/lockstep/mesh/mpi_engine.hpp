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
    if (*what.name || *last_.name || !same(what, last_)) call_ = to_string(what);
    last_ = what;
    if (*what.name) last_.name = "?";  // which may go away
    ++number_;
    if (run_.transport->has_failed(run_.number)) throw_failure(where(), run_.transport->failed(run_.number).reason);
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
  /// Both at once, for collectives. What has no bytes is not sent.
  void exchange(void const* from, std::size_t from_bytes, void* to, std::size_t to_bytes, std::size_t peer) {
    unsent out{*run_.transport};
    if (from_bytes != 0) out.message = run_.transport->send(envelope(rank_, peer, collective_tag, from_bytes), from);
    auto* const all = static_cast<unsigned char*>(to);
    if (to_bytes != 0)
      read({peer, collective_tag, false, to_bytes},
           [&](segment const& part, std::size_t at) { std::memcpy(all + at, part.begin, part.size); });
    wait_until_sent(out, {peer, collective_tag, true, from_bytes});
  }

  /// What the messages of this rank's device lie in, from now on.
  bool use_device(std::shared_ptr<message_memory> const& device) {
    if (!mpi_library::takes_device_memory()) return false;
    run_.transport->receive_on(device);
    return true;
  }
  void send_from(std::shared_ptr<message_memory> const& device, void const* from, std::size_t bytes, std::size_t peer,
                 int tag) {
    send(device, from, bytes, peer, tag);
  }
  void receive_to(std::shared_ptr<message_memory> const& device, void* to, std::size_t bytes, std::size_t peer,
                  int tag) {
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
    auto const all = levels(sent);
    if (all.has_levels()) return two_level::all_reduce(all, data, count, how);
    std::size_t const width = how.element.bytes, bytes = count * width;
    // Pieces are aligned to 64 bytes, and types that want more have a width that 128 divides.
    bool const in_pieces = width <= most_width && width % 128 != 0;
    if (count == 0 || !in_pieces || !run_.transport->one_rank_per_process()) return false;
    if (size() == 2)
      reduce_pair(static_cast<unsigned char*>(data), count, how, sent);
    else if (size() > 2 && bytes >= composed::direct_bytes)
      reduce_parts(static_cast<unsigned char*>(data), count, how, sent);
    else
      return false;
    return true;
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
  using transport = mpi_transport<Compilation>;
  using letter = typename transport::letter;
  using segment = typename transport::segment;

  static constexpr std::size_t most_width = 4096;  // of elements that are reduced piece by piece

  /// What a rank waits for.
  struct operation {
    std::size_t peer;
    int tag;
    bool sends;
    std::size_t bytes;
  };

  /// Whoever gives up leaves nothing behind that points to its memory.
  struct unsent {
    mpi_transport<Compilation>& all;
    std::shared_ptr<typename transport::outgoing> message = nullptr;

    explicit unsent(transport& t) : all(t) {}
    unsent(unsent&& other) noexcept : all(other.all), message(std::exchange(other.message, nullptr)) {}
    unsent(unsent const&) = delete;
    unsent& operator=(unsent const&) = delete;
    ~unsent() {
      if (message) all.abandon(*message);
    }
  };
  /// A message that is read, or will be.
  struct incoming {
    transport& all;
    letter* message = nullptr;
    segment next = {};     // what has come of it and has not been read
    std::size_t read = 0;  // bytes

    explicit incoming(transport& t) : all(t) {}
    incoming(incoming&& other) noexcept
        : all(other.all), message(std::exchange(other.message, nullptr)), next(other.next), read(other.read) {}
    incoming(incoming const&) = delete;
    incoming& operator=(incoming const&) = delete;
    ~incoming() {
      if (message) all.recycle(*message);
    }
    void skip(std::size_t bytes) {
      next.begin += bytes;
      next.size -= bytes;
      read += bytes;
      if (next.size == 0) all.drop_segment(*message);
    }
  };

  /// `device` is where the data lie; null for the host's memory.
  void send(std::shared_ptr<message_memory> const& device, void const* from, std::size_t bytes, std::size_t peer,
            int tag) {
    operation const what{peer, tag, true, bytes};
    auto const failed = run_.transport->failed(run_.number);
    if (failed.failed) throw_failure(name_of(what), failed.reason);
    unsent out(*run_.transport);
    out.message = run_.transport->send(envelope(rank_, peer, tag, bytes), from, device);
    wait_until_sent(out, what);
  }
  void wait_until_sent(unsent const& out, operation const& what) {
    if (out.message)
      wait(
          what, [&] { return out.message->gone(); }, out.message.get());
  }
  void receive(message_memory* device, void* to, std::size_t bytes, std::size_t peer, int tag) {
    operation const what{peer, tag, false, bytes};
    incoming in(*run_.transport);
    auto const wanted = envelope(peer, rank_, tag, bytes);
    wait(what, [&] { return (in.message = run_.transport->take(wanted, false)) != nullptr; });
    check_head(what, in.message->head);
    in.message->copy_to(to, device);
  }
  /// A message of a collective: f(segment, begin) for one part after the other, as they come.
  template <class F>
  void read(operation const& what, F const& f) {
    incoming in(*run_.transport);
    auto const wanted = envelope(what.peer, rank_, what.tag, what.bytes);
    while (in.read < what.bytes) {
      wait(what, [&] { return has_come(in, wanted); });
      check_head(what, in.message->head);
      f(in.next, in.read);
      in.skip(in.next.size);
    }
  }
  /// Whether bytes of a message have come that have not been read. For what a look calls.
  bool has_come(incoming& in, mpi_envelope const& wanted) {
    if (!in.message) in.message = run_.transport->take(wanted, true);
    if (in.message && in.next.size == 0) in.next = run_.transport->next_segment(*in.message);
    return in.next.size != 0 || (in.message && in.message->head.bytes != wanted.bytes);
  }
  bool is_expected(mpi_envelope const& head, std::size_t bytes) const {
    return head.number == number_ && head.bytes == bytes;
  }
  void check_head(operation const& what, mpi_envelope const& head) {
    if (what.tag == collective_tag) check_call(head, what.peer);
    if (head.bytes != what.bytes) fail(name_of(what), text_of({"rank ", what.peer, " sent ", head.bytes, " bytes"}));
  }

  /// Two ranks: each sends the other all it has, and combines what comes with its own. One message of `data` per rank.
  void reduce_pair(unsigned char* data, std::size_t count, rank_reduction const& how, traffic& sent) {
    std::size_t const peer = 1 - rank_, width = how.element.bytes, bytes = count * width;
    operation const sending{peer, collective_tag, true, bytes};
    unsent out(*run_.transport);
    out.message = begin_message(peer, data, bytes, bytes, width);
    sent += {1, bytes};
    read({peer, collective_tag, false, bytes}, [&](segment const& part, std::size_t at) {
      if (out.message)  // what is overwritten has been sent
        wait(
            sending, [&] { return out.message->copied() >= at + part.size; }, out.message.get());
      void const* const inputs[] = {rank_ == 0 ? data + at : part.begin, rank_ == 0 ? part.begin : data + at};
      void* const to = data + at;
      how(inputs, 2, &to, 1, part.size / width);
    });
    wait_until_sent(out, sending);
  }
  /// Sends `bytes` bytes of elements of `unit` bytes; `ready` of them can be read by now, all of few bytes.
  std::shared_ptr<typename transport::outgoing> begin_message(std::size_t peer, void const* from, std::size_t bytes,
                                                              std::size_t ready, std::size_t unit) {
    auto const head = envelope(rank_, peer, collective_tag, bytes);
    if (bytes <= mpi_inline_bytes) return run_.transport->send(head, from);
    return run_.transport->send_pieces(head, from, ready, unit);
  }

  /// Many bytes among more ranks: each reduces a part, and sends what has been reduced of it while more comes. At most
  /// 2 (size() - 1) messages per rank; in all 2 (size() - 1) times the bytes of `data`.
  void reduce_parts(unsigned char* data, std::size_t count, rank_reduction const& how, traffic& sent) {
    parts_reduction(*this, data, count, how, sent).run();
  }
  class parts_reduction;

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

  [[noreturn]] void throw_failure(std::string const& what, std::string const& reason) const {
    throw communication_error(text_of({what, " on rank ", rank_, " of ", size(), ": ", reason}));
  }
  [[noreturn]] void fail(std::string const& what, std::string const& reason) {
    run_.transport->fail(run_.number, members_[rank_], text_of({"rank ", rank_, ", ", what, ": ", reason}));
    throw_failure(what, run_.transport->failed(run_.number).reason);
  }

  /// Until ready(), which is called under the transport's lock. Patience begins anew whenever pieces go out of
  /// `sending` or, where that is null, come in.
  template <class Ready>
  void wait(operation const& what, Ready const& ready, typename transport::outgoing const* sending = nullptr) {
    double end = seconds_now() + run_.timeout;
    std::uint64_t progress = 0, gone = 0;
    for (backoff looks(run_.transport->spins());; looks.pause()) {
      auto const found = run_.transport->look(run_.number, members_[what.peer], [&] {
        if (sending) gone = sending->copied();
        return ready();
      });
      if (found.ready) return;
      if (found.failed) throw_failure(name_of(what), run_.transport->failed(run_.number).reason);
      if (found.left && !sending)
        fail(name_of(what), text_of({"rank ", what.peer, " has returned without ", calling(what)}));
      if (!looks.naps()) continue;
      double const now = seconds_now();
      std::uint64_t const before = std::exchange(progress, sending ? gone : found.pieces);
      if (progress != before) end = now + run_.timeout;
      if (now > end) fail(name_of(what), waited(name_of(what), what.peer));
    }
  }
  std::string name_of(operation const& what) const {
    if (what.tag == collective_tag) return where();
    if (what.sends) return text_of({"send to rank ", what.peer});
    return text_of({"receive of ", what.bytes, " bytes from rank ", what.peer, " with tag ", what.tag});
  }
  std::string calling(operation const& what) const {
    return what.tag == collective_tag ? text_of({"calling ", where()}) : "sending it";
  }
  static bool same(collective const& a, collective const& b) {
    return a.kind == b.kind && a.count == b.count && a.element.name == b.element.name &&
           a.operator_name == b.operator_name && a.root == b.root;
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
  collective last_ = {.kind = collective_kind::all_to_all_v, .root = std::size_t(-1)};  // whose words those are
};

/// An all_reduce in which every rank reduces a part.
template <class Compilation>
class mpi_engine<Compilation>::parts_reduction {
 public:
  parts_reduction(mpi_engine& engine, unsigned char* data, std::size_t count, rank_reduction const& how, traffic& sent)
      : engine_(engine), data_(data), count_(count), how_(how), sent_(sent), width_(how.element.bytes) {
    mine_ = bytes_of(engine.rank());
    for (std::size_t r = 0; r < engine.size(); ++r) {
      peers_.emplace_back(*engine.run_.transport);
      peers_.back().theirs = bytes_of(r);
    }
    inputs_.resize(engine.size());
  }

  void run() {
    for_others([&](std::size_t r) {
      range const theirs = peers_[r].theirs;
      if (theirs.size == 0) return;
      peers_[r].values.message = engine_.begin_message(r, data_ + theirs.begin, theirs.size, theirs.size, width_);
      sent_ += {1, theirs.size};
    });
    for (std::size_t next; (next = missing()) < engine_.size();) {
      engine_.wait({next, collective_tag, false, 0}, [&] { return find_segments() || missing() != next; });
      for_others([&](std::size_t r) { check(r); });
      reduce();
      for_others([&](std::size_t r) { take(r); });
    }
    for_others([&](std::size_t r) {
      engine_.wait_until_sent(peers_[r].values, {r, collective_tag, true, 0});
      engine_.wait_until_sent(peers_[r].result, {r, collective_tag, true, 0});
    });
  }

 private:
  struct range {
    std::size_t begin, size;  // in bytes
  };
  struct peer {
    explicit peer(transport& t) : values(t), result(t), values_in(t), result_in(t) {}
    range theirs = {};
    unsent values, result;          // of its part; of this rank's
    incoming values_in, result_in;  // of this rank's part; of its
  };

  range bytes_of(std::size_t r) const {
    auto const part = composed::part_of(count_, r, engine_.size());
    return {part.begin * width_, part.size() * width_};
  }
  template <class F>
  void for_others(F const& f) {
    for (std::size_t i = 1; i < engine_.size(); ++i) f((engine_.rank() + i) % engine_.size());
  }
  mpi_envelope wanted(std::size_t r, std::size_t bytes) const {
    return engine_.envelope(r, engine_.rank(), collective_tag, bytes);
  }

  /// A rank of which something has not come; size() when there is none. Those whose values are missing come first: the
  /// others' results wait for them, too.
  std::size_t missing() const {
    std::size_t found = engine_.size();
    for (std::size_t i = engine_.size(); i-- > 1;) {
      std::size_t const r = (engine_.rank() + i) % engine_.size();
      if (peers_[r].result_in.read < peers_[r].theirs.size) found = r;
    }
    for (std::size_t i = engine_.size(); i-- > 1;) {
      std::size_t const r = (engine_.rank() + i) % engine_.size();
      if (peers_[r].values_in.read < mine_.size && peers_[r].values_in.next.size == 0) found = r;
    }
    return found;
  }
  /// Whether there is anything to do. A rank's result follows its values.
  bool find_segments() {
    bool all = reduced_ < mine_.size, any = false;
    for_others([&](std::size_t r) {
      peer& p = peers_[r];
      if (reduced_ < mine_.size) {
        all = engine_.has_come(p.values_in, wanted(r, mine_.size)) && all;
        any = any || (p.values_in.message && !engine_.is_expected(p.values_in.message->head, mine_.size));
      }
      if ((mine_.size == 0 || p.values_in.message) && p.result_in.read < p.theirs.size)
        any = engine_.has_come(p.result_in, wanted(r, p.theirs.size)) || any;
    });
    return all || any;
  }
  void check(std::size_t r) {
    peer const& p = peers_[r];
    if (p.values_in.message) engine_.check_head({r, collective_tag, false, mine_.size}, p.values_in.message->head);
    if (p.result_in.message) engine_.check_head({r, collective_tag, false, p.theirs.size}, p.result_in.message->head);
  }

  void reduce() {
    std::size_t ready = mine_.size - reduced_;
    for_others([&](std::size_t r) { ready = std::min(ready, peers_[r].values_in.next.size); });
    if (ready == 0) return;
    unsigned char* const to = data_ + mine_.begin + reduced_;
    for (std::size_t r = 0; r < engine_.size(); ++r)
      inputs_[r] = r == engine_.rank() ? to : peers_[r].values_in.next.begin;
    void* const out = to;
    how_(inputs_.data(), engine_.size(), &out, 1, ready / width_);
    reduced_ += ready;
    for_others([&](std::size_t r) {
      peers_[r].values_in.skip(ready);
      send_result(peers_[r], r);
    });
  }
  void send_result(peer& p, std::size_t r) {
    if (p.result.message) return engine_.run_.transport->allow(*p.result.message, reduced_);
    if (mine_.size <= mpi_inline_bytes && reduced_ < mine_.size) return;
    p.result.message = engine_.begin_message(r, data_ + mine_.begin, mine_.size, reduced_, width_);
    sent_ += {1, mine_.size};
  }
  /// That part of data has been sent: rank r needed it for its result.
  void take(std::size_t r) {
    incoming& in = peers_[r].result_in;
    if (in.next.size == 0) return;
    std::memcpy(data_ + peers_[r].theirs.begin + in.read, in.next.begin, in.next.size);
    in.skip(in.next.size);
  }

  mpi_engine& engine_;
  unsigned char* data_;
  std::size_t count_;
  rank_reduction const& how_;
  traffic& sent_;
  std::size_t width_, reduced_ = 0;  // bytes of this rank's part
  range mine_ = {};
  std::vector<peer> peers_;  // by rank
  std::vector<void const*> inputs_;
};

}  // namespace lockstep
