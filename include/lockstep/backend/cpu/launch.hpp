// Custom kernels on CPU threads: elements in vectorized loops along the last axis, teams one after the other on each
// thread.
#pragma once

#include "../../array/view.hpp"
#include "../../expression/elementwise.hpp"
#include "../../kernel/space.hpp"
#include "rows.hpp"
#include "team.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// A view whose last axis has stride 1, told to the compiler, which can then vectorize loops along it.
template <class A>
LOCKSTEP_INLINE A with_unit_stride(A a) {
  return a;
}
template <class T, std::size_t R>
requires(R > 0) LOCKSTEP_INLINE view<T, R> with_unit_stride(view<T, R> a) {
  a.strides[R - 1] = 1;
  return a;
}
template <class A>
bool has_unit_stride(A const&) {
  return true;
}
template <class T, std::size_t R>
requires(R > 0) bool has_unit_stride(view<T, R> const& a) { return a.strides[R - 1] == 1; }

template <class... As>
bool have_unit_strides(slots<As...> const& arguments) {
  return unpack([](As const&... as) { return (has_unit_stride(as) && ...); }, arguments);
}

/// Calls the kernel for [begin, end) of the row that holds c. Everything is inlined (flatten), so that the loop is
/// vectorized and what the views know of their strides is used.
template <class Kernel, std::size_t R, class... As>
[[gnu::flatten]] void run_row(Kernel const& kernel, shape<R> c, index begin, index end, As... as) {
  LOCKSTEP_INDEPENDENT
  for (index j = begin; j < end; ++j) {
    if constexpr (R == 1)
      kernel(j, as...);
    else if constexpr (R == 2)
      kernel(c[0], j, as...);
    else
      kernel(c[0], c[1], j, as...);
  }
}
template <class Kernel, class Team, class... As>
[[gnu::flatten]] void run_team(Kernel const& kernel, Team& team, As... as) {
  kernel(team, as...);
}

template <std::size_t R, class Kernel, class... As>
void launch(device const& where, element_space<R> const& space, Kernel const& kernel, char const* name,
            slots<As...> const& arguments) {
  bool const unit_strides = have_unit_strides(arguments);
  auto const total = static_cast<index>(space.extents.size());
  timed_ranges(where, total, [&](index first, index last) {
    debug::running_kernel const running(name);
    for_each_row_part(space.extents, first, last, [&](shape<R> const& c, index begin, index end) {
      unpack(
          [&](As const&... as) {
            if (unit_strides)
              run_row(kernel, c, begin, end, with_unit_stride(as)...);
            else
              run_row(kernel, c, begin, end, as...);
          },
          arguments);
    });
  });
}

template <class... Shared, class Kernel, class... As>
void launch(device const& where, team_space<Shared...> const& space, Kernel const& kernel, char const* name,
            slots<As...> const& arguments) {
  bool const unit_strides = have_unit_strides(arguments);
  require_teams(where, name, space);
  shared_layout<Shared...> const layout(space);
  parallel_ranges(where, space.count, index{1}, index{1}, [&](index first, index last) {
    debug::running_kernel const running(name);
    shared_memory const memory(where, layout.offsets[sizeof...(Shared)]);
    bool past_caches = false;
    for (index number = first; number < last; ++number) {
      team<Shared...> one(number, space.count, memory.data(), layout, past_caches);
      unpack(
          [&](As const&... as) {
            if (unit_strides)
              run_team(kernel, one, with_unit_stride(as)...);
            else
              run_team(kernel, one, as...);
          },
          arguments);
    }
    if (past_caches) stream_fence();
  });
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
