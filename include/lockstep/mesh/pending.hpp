// pending: a collective under way.
#pragma once

#include <exception>
#include <utility>

#include "../array/array.hpp"
#include "../core/memory.hpp"
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
    auto const state = state_;
    try {
      wait();
    } catch (...) {
      state->remember(std::current_exception());
    }
  }

  std::shared_ptr<communicator_state> state_;
  counted_pointer<storage> kept_;
  std::uint64_t ticket_ = 0;
  int exceptions_ = 0;
};

}  // namespace lockstep
