// event: a point in a device's order of work, which the host and other devices can wait for.
#pragma once

#include "../core/counted.hpp"

namespace lockstep {

/// What a kind of device knows of one of its events.
struct event_state : counted {
  virtual bool done() const = 0;
  virtual void wait() const = 0;
};

/// Everything that was queued on a device up to a point (device::record). CPU devices queue nothing: their events are
/// past at once, as is a default-constructed one. Copies are the same event.
class event {
 public:
  event() = default;
  explicit event(counted_pointer<event_state> state) : state_(std::move(state)) {}

  /// Whether all of it has run. Does not wait. Throws device_error when the device has failed.
  bool done() const { return !state_ || state_->done(); }
  /// Makes the calling thread wait for it. Throws device_error when the device has failed.
  void wait() const {
    if (state_) state_->wait();
  }
  event_state const* state() const { return state_.get(); }

 private:
  counted_pointer<event_state> state_;
};

}  // namespace lockstep
