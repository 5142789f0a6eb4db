// What a host thread is doing on a GPU: named by errors, and shown by tools that read NVTX ranges.
#pragma once

#include <nvtx3/nvToolsExt.h>

#include <string>

#include "../../core/debug.hpp"
#include "../../core/error.hpp"
#include "../../core/shape.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

/// The domain "lockstep" of NVTX; nullptr where no tool listens.
inline nvtxDomainHandle_t nvtx_domain() {
  static nvtxDomainHandle_t const domain = nvtxDomainCreateA("lockstep");
  return domain;
}

/// The calling thread runs the algorithm `name` over an index space, until the end of the scope. Of operations within
/// operations errors name the innermost; in a profiler they are ranges within ranges.
class operation {
 public:
  template <std::size_t R>
  operation(char const* name, shape<R> const& extents) : name_(name), rank_(R), outer_(current()) {
    for (std::size_t axis = 0; axis < R && axis < most_axes; ++axis) extents_[axis] = extents[axis];
    current() = this;
    if (nvtx_domain()) push_range(name);
  }
  operation(operation const&) = delete;
  operation& operator=(operation const&) = delete;
  ~operation() {
    if (nvtx_domain()) nvtxDomainRangePop(nvtx_domain());
    current() = outer_;
  }

  /// ", in sort over the shape (1000)" for messages; empty outside of operations.
  [[gnu::cold, gnu::noinline]] static std::string text() {
    operation const* const o = current();
    if (!o) return {};
    return text_of({", in ", o->name_, " over the shape ", to_string(o->extents_, o->rank_)});
  }

 private:
  static constexpr std::size_t most_axes = 8;
  static operation const*& current() {
    thread_local operation const* innermost = nullptr;
    return innermost;
  }
  [[gnu::cold, gnu::noinline]] static void push_range(char const* name) {
    nvtxEventAttributes_t range = {};
    range.version = NVTX_VERSION;
    range.size = NVTX_EVENT_ATTRIB_STRUCT_SIZE;
    range.messageType = NVTX_MESSAGE_TYPE_ASCII;
    range.message.ascii = name;
    nvtxDomainRangePushEx(nvtx_domain(), &range);
  }

  char const* name_;
  index extents_[most_axes] = {};
  std::size_t rank_;
  operation const* outer_;
};

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
