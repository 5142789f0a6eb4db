// communicator_state: any engine behind one interface. What the engine does not offer is composed from its core.
#pragma once

#include <exception>
#include <utility>

#include "../core/clock.hpp"
#include "../core/memory.hpp"
#include "../device/device.hpp"
#include "collective_queue.hpp"
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
  virtual void run(collective_call const& call) = 0;
  /// Returns a ticket for `finish` or `abandon`, one of which must follow.
  virtual std::uint64_t start(collective_call const& call) = 0;
  virtual void finish(std::uint64_t ticket) = 0;
  virtual void abandon(std::uint64_t ticket) noexcept = 0;
  virtual std::shared_ptr<communicator_state> split(std::int64_t color) = 0;
  virtual void send(void const* from, std::size_t bytes, std::size_t peer, int tag) = 0;
  virtual void receive(void* to, std::size_t bytes, std::size_t peer, int tag) = 0;
  /// Where the engine can, from and to memory of a device; otherwise they return false, having done nothing.
  virtual bool send_from(std::shared_ptr<message_memory> const& device, void const* from, std::size_t bytes,
                         std::size_t peer, int tag) = 0;
  virtual bool receive_to(std::shared_ptr<message_memory> const& device, void* to, std::size_t bytes, std::size_t peer,
                          int tag) = 0;
  /// Where the engine can, ends what the others wait for, since this rank fails; `why` follows "rank 1 failed".
  virtual void interrupt(char const* why) noexcept = 0;
  /// Why the run has failed, as soon as the engine knows that it has; empty when it does not within some seconds.
  virtual std::string failure_within(double seconds) = 0;

  /// What a started collective threw when nobody waited for it: the next call throws it.
  void remember(std::exception_ptr const& thrown) noexcept {
    if (!unheard_) unheard_ = thrown;
  }

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
  void throw_unheard() {
    if (unheard_) std::rethrow_exception(std::exchange(unheard_, nullptr));
  }

 private:
  std::exception_ptr unheard_;
};

template <communication_engine Engine>
class engine_state final : public communicator_state {
 public:
  engine_state(Engine engine, device d) : communicator_state(std::move(d)), engine_(std::move(engine)) {}

  std::size_t rank() const override { return engine_.rank(); }
  std::size_t size() const override { return engine_.size(); }

  void run(collective_call const& call) override {
    throw_unheard();
    ++statistics.collectives;
    measured([&](traffic& sent) {
      drain();
      perform(call, sent);
    });
  }

  std::uint64_t start(collective_call const& call) override {
    throw_unheard();
    ++statistics.collectives;
    return measured([&](traffic& sent) -> std::uint64_t {
      if constexpr (has_start<Engine>) {
        return engine_.start(call, sent);
      } else {
        if constexpr (has_start_all_reduce<Engine>)
          if (call.kind == collective_kind::all_reduce) {
            drain();
            begin(call);
            return engine_.start_all_reduce(call.to, call.count, call.how, sent);
          }
        return queue().push(call) | queued;
      }
    });
  }
  void finish(std::uint64_t ticket) override {
    measured([&](traffic& sent) {
      if (ticket & queued) return queue().finish(ticket & ~queued, sent);
      if constexpr (has_start<Engine> || has_start_all_reduce<Engine>) engine_.finish(ticket);
    });
  }
  void abandon(std::uint64_t ticket) noexcept override {
    if ((ticket & queued) == 0) {
      if constexpr (has_start<Engine> || has_start_all_reduce<Engine>) engine_.abandon(ticket);
      return;
    }
    interrupt("");
    try {
      finish(ticket);
    } catch (...) {  // it need not have worked
    }
  }

  std::shared_ptr<communicator_state> split(std::int64_t color) override {
    throw_unheard();
    ++statistics.collectives;
    return measured([&](traffic&) {
      drain();
      begin({collective_kind::split});
      return std::make_shared<engine_state>(engine_.split(color), where);
    });
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
  bool send_from([[maybe_unused]] std::shared_ptr<message_memory> const& device, [[maybe_unused]] void const* from,
                 [[maybe_unused]] std::size_t bytes, [[maybe_unused]] std::size_t peer,
                 [[maybe_unused]] int tag) override {
    if constexpr (!has_device_messages<Engine>) {
      return false;
    } else {
      measured([&](traffic& sent) {
        engine_.send_from(device, from, bytes, peer, tag);
        sent += {1, bytes};
      });
      return true;
    }
  }
  bool receive_to([[maybe_unused]] std::shared_ptr<message_memory> const& device, [[maybe_unused]] void* to,
                  [[maybe_unused]] std::size_t bytes, [[maybe_unused]] std::size_t peer,
                  [[maybe_unused]] int tag) override {
    if constexpr (!has_device_messages<Engine>) {
      return false;
    } else {
      measured([&](traffic&) { engine_.receive_to(device, to, bytes, peer, tag); });
      return true;
    }
  }
  void interrupt([[maybe_unused]] char const* why) noexcept override {
    if constexpr (has_interrupt<Engine>) engine_.interrupt(why);
  }
  std::string failure_within([[maybe_unused]] double seconds) override {
    if constexpr (has_failure_within<Engine>) return engine_.failure_within(seconds);
    return "";
  }

 private:
  /// Marks the tickets of what the queue carries out.
  static constexpr std::uint64_t queued = std::uint64_t{1} << 63;

  composed::link<Engine> link(traffic& sent) { return {engine_, sent}; }

  collective_queue<Engine>& queue() {
    if (!queue_)
      queue_ = std::make_unique<collective_queue<Engine>>(
          [](void* self, collective_call const& call, traffic& sent) {
            static_cast<engine_state*>(self)->perform_queued(call, sent);
          },
          this);
    return *queue_;
  }
  /// What an operator throws may be heard late, or never: the others must not wait for that.
  void perform_queued(collective_call const& call, traffic& sent) try {
    perform(call, sent);
  } catch (communication_error const&) {
    throw;
  } catch (std::exception const& e) {
    interrupt(text_of({": ", e.what()}).c_str());
    throw;
  } catch (...) {
    interrupt(" with an exception that is not a std::exception");
    throw;
  }
  /// Collectives begin in the order in which they are called.
  void drain() {
    if (queue_) queue_->drain();
  }
  void begin(collective const& what) {
    if constexpr (has_begin_collective<Engine>) engine_.begin_collective(what);
  }

  void perform(collective_call const& call, traffic& sent) {
    if constexpr (has_start<Engine>) return engine_.finish(engine_.start(call, sent));
    begin(call);
    std::size_t const bytes = call.count * call.element.bytes;
    using enum collective_kind;
    if (call.kind == barrier) return engine_.barrier();
    if (call.kind == all_reduce) return perform_all_reduce(call, sent);
    if (call.kind == reduce) {
      if constexpr (has_reduce<Engine>)
        if (engine_.reduce(call.from, call.to, call.count, call.how, call.root, sent)) return;
      return composed::reduce(link(sent), call.from, call.to, call.count, call.root, call.how);
    }
    if (call.kind == reduce_scatter) {
      if constexpr (has_reduce_scatter<Engine>)
        if (engine_.reduce_scatter(call.from, call.to, call.count, call.how, sent)) return;
      return composed::reduce_parts(link(sent), call.from, call.to, call.count * size(), call.how);
    }
    if (call.kind == broadcast) {
      if constexpr (has_broadcast<Engine>) return engine_.broadcast(call.to, call.count, call.element, call.root, sent);
      return composed::broadcast(link(sent), call.to, bytes, call.root);
    }
    if (call.kind == all_gather) {
      if constexpr (has_all_gather<Engine>)
        return engine_.all_gather(call.from, call.to, call.count, call.element, sent);
      return composed::all_gather(link(sent), call.from, call.to, bytes);
    }
    if constexpr (has_transfer<Engine>) return engine_.transfer(*call.blocks, sent);
    composed::transfer(link(sent), *call.blocks);
  }

  void perform_all_reduce(collective_call const& call, traffic& sent) {
    if (call.from != call.to && call.count != 0) std::memcpy(call.to, call.from, call.count * call.element.bytes);
    if constexpr (has_all_reduce<Engine>)
      if (engine_.all_reduce(call.to, call.count, call.how, sent)) return;
    composed::all_reduce(link(sent), call.to, call.count, call.how);
  }

  Engine engine_;
  std::unique_ptr<collective_queue<Engine>> queue_;  // ends before the engine does
};

}  // namespace lockstep
