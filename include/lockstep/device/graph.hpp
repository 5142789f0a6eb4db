// graph: work that is recorded once and queued again and again.
#pragma once

#include <type_traits>
#include <utility>

#include "device.hpp"

namespace lockstep {

/// Work recorded by capture(). Copies are the same graph.
class graph {
 public:
  graph() = default;
  explicit graph(counted_pointer<graph_state> state) : state_(std::move(state)) {}

  /// Queues everything that was recorded, on the device that it was recorded on: on a GPU one call, which does not
  /// wait. Throws device_error for a default-constructed graph and when CUDA refuses.
  void launch() const {
    if (!state_) throw_empty();
    state_->launch();
  }
  explicit operator bool() const { return state_ != nullptr; }

 private:
  [[noreturn, gnu::cold, gnu::noinline]] static void throw_empty() {
    throw device_error("graph::launch: found an empty graph, expected one made by capture(device, function)");
  }
  counted_pointer<graph_state> state_;
};

/// On CPU devices a graph is the function itself.
template <class F>
struct called_graph final : graph_state {
  F function;
  explicit called_graph(F f) : function(std::move(f)) {}
  void launch() override { function(); }
};

/// Records what `work()` queues on `where`, without running it: graph::launch() runs it.
///
/// On a GPU this is a CUDA graph: `work` is called once, now, its kernels and copies are recorded with the memory that
/// they use, and what they read and write must be there at every launch. Memory that `work` takes, for temporaries or
/// for arrays that outlive it, belongs to the graph and to those arrays: it is taken once, and stays where it is until
/// both are gone; the graph must not be running then. Work that makes the host wait (values and sizes on the host)
/// cannot be recorded and throws device_error; sizes that stay on the device can be (select_bounded). Nothing but
/// `work` may use the device meanwhile.
///
/// On a CPU device every launch calls a copy of `work`, so that one program serves both: capture by reference what is
/// to be changed, and let nothing depend on how often it is called.
///
/// Rethrows what `work` throws; the device is then as before. Throws device_error when a graph is being recorded
/// already and when CUDA refuses.
template <class F>
[[nodiscard]] graph capture(device const& where, F&& work) {
  if (where.is_cpu())
    return graph(counted_pointer<graph_state>(new called_graph<std::remove_cvref_t<F>>(std::forward<F>(work))));
  where.state().begin_capture();
  try {
    work();
    return graph(where.state().end_capture());
  } catch (...) {
    where.state().abandon_capture();
    throw;
  }
}

}  // namespace lockstep
