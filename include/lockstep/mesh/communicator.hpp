// communicator: what one rank of a mesh holds while it runs SPMD code: rank, size, device, and the collectives.
#pragma once

#include <exception>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "../array/array.hpp"
#include "../core/function_objects.hpp"
#include "communicator_state.hpp"

namespace lockstep {

/// A collective under way. Ends when waited for, at the latest by the destructor. The data must stay where they are and
/// not be touched until then; the storage of an array is kept alive.
class pending {
 public:
  pending() = default;
  pending(std::shared_ptr<communicator_state> state, std::uint64_t ticket, counted_pointer<storage> kept)
      : state_(std::move(state)), kept_(std::move(kept)), ticket_(ticket), exceptions_(std::uncaught_exceptions()) {}
  pending(pending&&) noexcept = default;
  /// Waits for what was pending here before, as the destructor does.
  pending& operator=(pending&& other) noexcept {
    if (this == &other) return *this;
    end();
    state_ = std::move(other.state_);
    kept_ = std::move(other.kept_);
    ticket_ = other.ticket_;
    exceptions_ = other.exceptions_;
    return *this;
  }
  /// Waits; what went wrong is thrown by the rank's next collective instead. When an exception is on its way through
  /// this scope, the collective ends at once, and with it every collective of this rank: a rank that fails keeps
  /// nobody waiting.
  ~pending() { end(); }

  /// Waits for the result; helps with the work meanwhile. Throws communication_error. Does nothing when called again.
  void wait() {
    if (!state_) return;
    auto const state = std::exchange(state_, nullptr);
    auto const kept = std::exchange(kept_, nullptr);
    state->finish(ticket_);
  }

 private:
  void end() noexcept {
    if (!state_) return;
    if (std::uncaught_exceptions() > exceptions_) {
      state_->abandon(ticket_);
      state_ = nullptr;
      return;
    }
    try {
      wait();
    } catch (...) {  // recorded by the engine: this rank's next collective throws it
    }
  }

  std::shared_ptr<communicator_state> state_;
  counted_pointer<storage> kept_;
  std::uint64_t ticket_ = 0;
  int exceptions_ = 0;
};

/// A value over any communication_engine; copies stand for the same rank. All ranks call the same collectives in the
/// same order with the same counts; a rank's calls may come from any of its threads, one at a time. Reductions follow
/// the fixed tree over ranks that `rank_reduction` describes, so every rank gets the same bits, always.
/// Collectives throw communication_error when another rank failed, left, disagrees, or does not come in time. They have
/// then changed nothing, except when an operator threw: its exception comes out and the data are undefined.
class communicator {
 public:
  template <communication_engine Engine>
  communicator(Engine engine, lockstep::device where)
      : communicator(std::make_shared<engine_state<Engine>>(std::move(engine), std::move(where))) {}

  std::size_t rank() const { return state_->rank(); }
  std::size_t size() const { return state_->size(); }
  lockstep::device const& device() const { return state_->where; }
  communication_statistics const& statistics() const { return state_->statistics; }

  /// Every element becomes op over all ranks' elements.
  template <communicable T, std::size_t Rank, reduces<T> Op, class Compilation = compilation>
  void all_reduce(array<T, Rank>& values, Op op) {
    check_device(values);
    state_->all_reduce(values.data(), values.size(), make_reduction<T>(op));
  }
  template <communicable T, std::size_t N, reduces<T> Op, class Compilation = compilation>
  void all_reduce(std::span<T, N> values, Op op) {
    state_->all_reduce(values.data(), values.size(), make_reduction<T>(op));
  }
  /// One value in host memory.
  template <communicable T, reduces<T> Op, class Compilation = compilation>
  void all_reduce(T& value, Op op) {
    state_->all_reduce(&value, 1, make_reduction<T>(op));
  }

  /// As all_reduce, but returns at once. Ranks that wait do the work. A rank has at most 64 under way: starting one
  /// more waits for the oldest.
  template <communicable T, std::size_t Rank, reduces<T> Op, class Compilation = compilation>
  [[nodiscard]] pending start_all_reduce(array<T, Rank>& values, Op op) {
    check_device(values);
    auto const ticket = state_->start_all_reduce(values.data(), values.size(), make_reduction<T>(op));
    return pending(state_, ticket, values.shared_storage());
  }
  template <communicable T, std::size_t N, reduces<T> Op, class Compilation = compilation>
  [[nodiscard]] pending start_all_reduce(std::span<T, N> values, Op op) {
    return pending(state_, state_->start_all_reduce(values.data(), values.size(), make_reduction<T>(op)), nullptr);
  }

  /// Every rank gets the values of rank `root`; all have the same number of them.
  template <communicable T, std::size_t Rank, class Compilation = compilation>
  void broadcast(array<T, Rank>& values, std::size_t root) {
    check_device(values);
    broadcast(std::span<T>(values.data(), values.size()), root);
  }
  template <communicable T, std::size_t N, class Compilation = compilation>
  void broadcast(std::span<T, N> values, std::size_t root) {
    check_rank("broadcast", root);
    state_->broadcast(values.data(), values.size(), element_of<T>, root);
  }
  template <communicable T, class Compilation = compilation>
  void broadcast(T& value, std::size_t root) {
    broadcast(std::span<T>(&value, 1), root);
  }

  /// All ranks' arrays one after another along axis 0, on this rank's device. All have the same shape.
  template <communicable T, std::size_t Rank, class Compilation = compilation>
  [[nodiscard]] array<T, Rank> all_gather(array<T, Rank> const& values) {
    static_assert(Rank > 0, "all_gather: an array of rank 0 has no axis to gather along; gather a span instead");
    check_device(values);
    shape<Rank> extents = values.shape();
    extents[0] *= static_cast<index>(size());
    array<T, Rank> all(device(), extents);
    state_->all_gather(values.data(), all.data(), values.size(), element_of<T>);
    return all;
  }
  /// Throws shape_error unless `all` has room for exactly size() times the values.
  template <communicable T, class Compilation = compilation>
  void all_gather(std::span<T const> values, std::span<T> all) {
    if (all.size() != values.size() * size())
      throw shape_error(text_of({"all_gather: found room for ", all.size(), " elements, expected ",
                                 values.size() * size(), ": ", values.size(), " from each of ", size(), " ranks"}));
    state_->all_gather(values.data(), all.data(), values.size(), element_of<T>);
  }

  /// Reduces as all_reduce does and returns this rank's part, of extent(0) / size() along axis 0. Throws shape_error
  /// when that is not a whole number.
  template <communicable T, std::size_t Rank, reduces<T> Op, class Compilation = compilation>
  [[nodiscard]] array<T, Rank> reduce_scatter(array<T, Rank> const& values, Op op) {
    static_assert(Rank > 0, "reduce_scatter: an array of rank 0 has no axis to be cut along");
    check_device(values);
    shape<Rank> extents = values.shape();
    extents[0] = share_of(values.extent(0));
    array<T, Rank> mine(device(), extents);
    state_->reduce_scatter(values.data(), mine.data(), mine.size(), make_reduction<T>(op));
    return mine;
  }

  /// Returns when every rank has called it.
  void barrier() { state_->barrier(); }

  /// A communicator among the ranks that gave the same color, in their order here.
  [[nodiscard]] communicator split(std::int64_t color) { return communicator(state_->split(color)); }

  /// Sends the values to rank `peer`, which receives them with the same tag (at least 0) and count. May wait for it.
  template <class T, std::size_t N, class Compilation = compilation>
  requires communicable<std::remove_const_t<T>>
  void send(std::span<T, N> values, std::size_t peer, int tag = 0) {
    check_message("send", peer, tag);
    state_->send(values.data(), values.size_bytes(), peer, tag);
  }
  template <communicable T, std::size_t N, class Compilation = compilation>
  void receive(std::span<T, N> values, std::size_t peer, int tag = 0) {
    check_message("receive", peer, tag);
    state_->receive(values.data(), values.size_bytes(), peer, tag);
  }

 private:
  explicit communicator(std::shared_ptr<communicator_state> state) : state_(std::move(state)) {}

  template <class T, std::size_t Rank>
  void check_device(array<T, Rank> const& values) const {
    if (values.device().is_cpu() != device().is_cpu() || (device().is_gpu() && values.device() != device()))
      throw device_error(
          text_of({"communicator: found an array on ", values.device().name(), ", expected one on this rank's ",
                   device().name(), "; move it with .to(comm.device())"}));
  }
  void check_rank(char const* what, std::size_t other) const {
    if (other >= size())
      throw communication_error(text_of({what, ": found rank ", other, ", expected less than ", size()}));
  }
  void check_message(char const* what, std::size_t peer, int tag) const {
    check_rank(what, peer);
    if (tag < 0) throw communication_error(text_of({what, ": found tag ", tag, ", expected at least 0"}));
  }
  index share_of(index extent) const {
    auto const ranks = static_cast<index>(size());
    if (extent % ranks != 0)
      throw shape_error(
          text_of({"reduce_scatter: found ", extent, " elements along axis 0, expected a multiple of the ", ranks,
                   " ranks; pad the array"}));
    return extent / ranks;
  }

  std::shared_ptr<communicator_state> state_;
};

}  // namespace lockstep
