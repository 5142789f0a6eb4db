// communication_engine: what a way of communicating must offer to carry a communicator, and what it may offer.
#pragma once

#include <concepts>
#include <cstdint>

#include "../core/error.hpp"
#include "../core/memory.hpp"
#include "collective.hpp"
#include "message_memory.hpp"
#include "rank_reduction.hpp"

namespace lockstep {

/// What a rank has sent.
struct traffic {
  std::uint64_t messages = 0, bytes = 0;

  traffic& operator+=(traffic const& other) {
    messages += other.messages;
    bytes += other.bytes;
    return *this;
  }
};

/// Tags from 0 are the users'; collectives that are composed of messages use this one.
inline constexpr int collective_tag = -1;

/// The required core: what one rank needs so that every collective can be composed (see composed.hpp). All ranks call
/// barrier and split in the same order. Messages between two ranks with one tag arrive in the order they were sent; a
/// send may wait for its receive. All may throw communication_error. Messages whose tags are not negative may be sent
/// and received by one thread while another is in a collective.
template <class Engine>
concept communication_engine = std::movable<Engine> &&
    requires(Engine& engine, Engine const& fixed, void const* from, void* to, std::size_t bytes, std::size_t peer,
             int tag, std::int64_t color) {
  { fixed.rank() } -> std::convertible_to<std::size_t>;
  { fixed.size() } -> std::convertible_to<std::size_t>;
  engine.send(from, bytes, peer, tag);
  engine.receive(to, bytes, peer, tag);
  engine.barrier();
  { engine.split(color) } -> std::same_as<Engine>;  // ranks that give the same color, in their order here
};

/// Wants to know of every collective before its messages: to name it in errors, and to notice ranks that disagree.
template <class Engine>
concept has_begin_collective = requires(Engine& engine, collective const& what) {
  engine.begin_collective(what);
};

/// Sends to a rank and receives from it at the same time, for collectives. Both ranks call it; what has no bytes is not
/// sent.
template <class Engine>
concept has_exchange = requires(Engine& engine, void const* from, void* to, std::size_t bytes, std::size_t peer) {
  engine.exchange(from, bytes, to, bytes, peer);
};

// What an engine may offer besides. Each takes effect when the call returns, and counts into `sent`. The reductions
// return false, having done nothing, when they lack the element type or the operator, or would not keep the order of
// the tree; then they are composed.

template <class Engine>
concept has_all_reduce = requires(Engine& engine, void* data, std::size_t count, rank_reduction const& how,
                                  traffic& sent) {
  { engine.all_reduce(data, count, how, sent) } -> std::same_as<bool>;
};

/// `from` holds `count` elements for each rank, `to` gets this rank's.
template <class Engine>
concept has_reduce_scatter = requires(Engine& engine, void const* from, void* to, std::size_t count,
                                      rank_reduction const& how, traffic& sent) {
  { engine.reduce_scatter(from, to, count, how, sent) } -> std::same_as<bool>;
};

/// `from` holds `count` elements, `to` gets those of every rank.
template <class Engine>
concept has_all_gather = requires(Engine& engine, void const* from, void* to, std::size_t count,
                                  element_kind const& element, traffic& sent) {
  engine.all_gather(from, to, count, element, sent);
};

template <class Engine>
concept has_broadcast = requires(Engine& engine, void* data, std::size_t count, element_kind const& element,
                                 std::size_t root, traffic& sent) {
  engine.broadcast(data, count, element, root, sent);
};

/// `to` gets the result on rank `root`; it may be `from`, and is left alone on the others.
template <class Engine>
concept has_reduce = requires(Engine& engine, void const* from, void* to, std::size_t count, rank_reduction const& how,
                              std::size_t root, traffic& sent) {
  { engine.reduce(from, to, count, how, root, sent) } -> std::same_as<bool>;
};

/// Moves what each rank has for each other. The blocks of two ranks for each other have the same sizes on both.
template <class Engine>
concept has_transfer = requires(Engine& engine, transfer_blocks const& blocks, traffic& sent) {
  engine.transfer(blocks, sent);
};

/// Collectives of every kind that go on while their caller does something else; `finish` and `abandon` as below.
template <class Engine>
concept has_start = requires(Engine& engine, collective_call const& call, traffic& sent, std::uint64_t ticket) {
  { engine.start(call, sent) } -> std::same_as<std::uint64_t>;
  engine.finish(ticket);
  { engine.abandon(ticket) }
  noexcept;
};

/// Ends what all ranks wait for with communication_error, since this one fails; `why` follows "rank 1 failed".
template <class Engine>
concept has_interrupt = requires(Engine& engine, char const* why) {
  { engine.interrupt(why) }
  noexcept;
};

/// Sends from and receives to memory of a device as it lies there, in a run in which use_device has said so. The device
/// has done what is queued that writes what is sent or reads what is overwritten.
template <class Engine>
concept has_device_messages = requires(Engine& engine, std::shared_ptr<message_memory> const& device, void const* from,
                                       void* to, std::size_t bytes, std::size_t peer, int tag) {
  { engine.use_device(device) } -> std::same_as<bool>;
  engine.send_from(device, from, bytes, peer, tag);
  engine.receive_to(device, to, bytes, peer, tag);
};

/// Tells why the run has failed as soon as it has, or an empty text when it does not within some seconds.
template <class Engine>
concept has_failure_within = requires(Engine& engine, double seconds) {
  { engine.failure_within(seconds) } -> std::same_as<std::string>;
};

/// An all_reduce that goes on while its caller does something else. `finish` waits and throws what went wrong;
/// `abandon` ends it without waiting for other ranks, after which nobody touches the data any more.
template <class Engine>
concept has_start_all_reduce = requires(Engine& engine, void* data, std::size_t count, rank_reduction const& how,
                                        traffic& sent, std::uint64_t ticket) {
  { engine.start_all_reduce(data, count, how, sent) } -> std::same_as<std::uint64_t>;
  engine.finish(ticket);
  { engine.abandon(ticket) }
  noexcept;
};

}  // namespace lockstep
