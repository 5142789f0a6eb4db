// communicator_state: any engine behind one interface. What the engine does not offer is composed from its core.
#pragma once

#include <memory>
#include <utility>

#include "../core/clock.hpp"
#include "../device/device.hpp"
#include "composed.hpp"

namespace lockstep {

/// What one rank's communicator has done so far.
struct communication_statistics {
  std::uint64_t collectives = 0;
  std::uint64_t messages = 0;  ///< sent by this rank
  std::uint64_t bytes = 0;     ///< sent by this rank; in shared memory: loaded from and stored to other ranks' memory
  double seconds = 0;          ///< spent in calls, waiting for other ranks included
};

/// Untyped collectives of one rank.
class communicator_state {
 public:
  explicit communicator_state(device d) : where(std::move(d)) {}
  communicator_state(communicator_state const&) = delete;
  communicator_state& operator=(communicator_state const&) = delete;
  virtual ~communicator_state() = default;

  virtual std::size_t rank() const = 0;
  virtual std::size_t size() const = 0;
  virtual void all_reduce(void* data, std::size_t count, rank_reduction const& how) = 0;
  /// Returns a ticket for `finish` or `abandon`, one of which must follow.
  virtual std::uint64_t start_all_reduce(void* data, std::size_t count, rank_reduction const& how) = 0;
  virtual void finish(std::uint64_t ticket) = 0;
  virtual void abandon(std::uint64_t ticket) noexcept = 0;
  virtual void broadcast(void* data, std::size_t count, element_kind const& element, std::size_t root) = 0;
  virtual void all_gather(void const* from, void* to, std::size_t count, element_kind const& element) = 0;
  virtual void reduce_scatter(void const* from, void* to, std::size_t count, rank_reduction const& how) = 0;
  virtual void barrier() = 0;
  virtual std::shared_ptr<communicator_state> split(std::int64_t color) = 0;
  virtual void send(void const* from, std::size_t bytes, std::size_t peer, int tag) = 0;
  virtual void receive(void* to, std::size_t bytes, std::size_t peer, int tag) = 0;

  device const where;
  communication_statistics statistics;

 protected:
  /// Calls f(traffic&), and adds what it sent and how long it took to the statistics.
  template <class F>
  decltype(auto) measured(F&& f) {
    struct measurement {
      communication_statistics& total;
      traffic sent = {};
      double begun = seconds_now();
      ~measurement() {
        total.messages += sent.messages;
        total.bytes += sent.bytes;
        total.seconds += seconds_now() - begun;
      }
    } current{statistics};
    return f(current.sent);
  }
};

template <communication_engine Engine>
class engine_state final : public communicator_state {
 public:
  engine_state(Engine engine, device d) : communicator_state(std::move(d)), engine_(std::move(engine)) {}

  std::size_t rank() const override { return engine_.rank(); }
  std::size_t size() const override { return engine_.size(); }

  void all_reduce(void* data, std::size_t count, rank_reduction const& how) override {
    collective({collective_kind::all_reduce, count, how.element, how.name},
               [&](traffic& sent) { all_reduce(data, count, how, sent); });
  }

  std::uint64_t start_all_reduce(void* data, std::size_t count, rank_reduction const& how) override {
    return collective({collective_kind::all_reduce, count, how.element, how.name}, [&](traffic& sent) -> std::uint64_t {
      if constexpr (has_start_all_reduce<Engine>) return engine_.start_all_reduce(data, count, how, sent);
      all_reduce(data, count, how, sent);
      return 0;
    });
  }
  void finish(std::uint64_t ticket) override {
    if constexpr (has_start_all_reduce<Engine>) measured([&](traffic&) { engine_.finish(ticket); });
  }
  void abandon(std::uint64_t ticket) noexcept override {
    if constexpr (has_start_all_reduce<Engine>) engine_.abandon(ticket);
  }

  void broadcast(void* data, std::size_t count, element_kind const& element, std::size_t root) override {
    collective({collective_kind::broadcast, count, element, "", root}, [&](traffic& sent) {
      if constexpr (has_broadcast<Engine>)
        engine_.broadcast(data, count, element, root, sent);
      else
        composed::broadcast(link(sent), data, count * element.bytes, root);
    });
  }

  void all_gather(void const* from, void* to, std::size_t count, element_kind const& element) override {
    collective({collective_kind::all_gather, count, element}, [&](traffic& sent) {
      if constexpr (has_all_gather<Engine>)
        engine_.all_gather(from, to, count, element, sent);
      else
        composed::all_gather(link(sent), from, to, count * element.bytes);
    });
  }

  void reduce_scatter(void const* from, void* to, std::size_t count, rank_reduction const& how) override {
    collective({collective_kind::reduce_scatter, count, how.element, how.name}, [&](traffic& sent) {
      if constexpr (has_reduce_scatter<Engine>)
        if (engine_.reduce_scatter(from, to, count, how, sent)) return;
      composed::reduce_parts(link(sent), from, to, count * size(), how);
    });
  }

  void barrier() override {
    collective({}, [&](traffic&) { engine_.barrier(); });
  }

  std::shared_ptr<communicator_state> split(std::int64_t color) override {
    return collective({collective_kind::split},
                      [&](traffic&) { return std::make_shared<engine_state>(engine_.split(color), where); });
  }

  void send(void const* from, std::size_t bytes, std::size_t peer, int tag) override {
    measured([&](traffic& sent) {
      engine_.send(from, bytes, peer, tag);
      sent += {1, bytes};
    });
  }
  void receive(void* to, std::size_t bytes, std::size_t peer, int tag) override {
    measured([&](traffic&) { engine_.receive(to, bytes, peer, tag); });
  }

 private:
  composed::link<Engine> link(traffic& sent) { return {engine_, sent}; }

  template <class F>
  decltype(auto) collective(lockstep::collective const& what, F&& f) {
    ++statistics.collectives;
    return measured([&](traffic& sent) -> decltype(auto) {
      if constexpr (has_begin_collective<Engine>) engine_.begin_collective(what);
      return f(sent);
    });
  }

  void all_reduce(void* data, std::size_t count, rank_reduction const& how, traffic& sent) {
    if constexpr (has_all_reduce<Engine>)
      if (engine_.all_reduce(data, count, how, sent)) return;
    composed::all_reduce(link(sent), data, count, how);
  }

  Engine engine_;
};

}  // namespace lockstep
