// Expressions that the compiler refuses, each with one line that says why.
// case 1: ignoring return
// case 2: ignoring return
// case 3: ignoring return
// case 4: column(v): v must have one axis
// case 5: a scan takes an expression of one axis; use reshape(shape{n}) to flatten
// case 6: a rank-0 expression has no axis to reduce
// case 7: broadcast_to: the new shape must have at least as many axes as the expression
// case 8: T must be trivially copyable and not const
// case 9: ranks of targets and expressions
// case 10: fuse: all expressions must have the same number of axes
// case 11: offsets<2>
// case 12: array<float, 2>
#include <lockstep/lockstep.hpp>
#include <string>

#pragma GCC diagnostic error "-Wunused-result"
#pragma GCC diagnostic error "-Wunused-value"

namespace ls = lockstep;

void must_not_compile(ls::array<float> x, ls::array<float, 2> m, ls::array<float, 0> s) {
  x = x + 1.0f;
  x.slice(0, 1) = 2.0f;
#if CASE == 1
  x + 1.0f;
#endif
#if CASE == 2
  ls::sum(x);
#endif
#if CASE == 3
  ls::inclusive_scan(x);
#endif
#if CASE == 4
  x = ls::column(m);
#endif
#if CASE == 5
  m = ls::inclusive_scan(m);
#endif
#if CASE == 6
  s = ls::sum(s, ls::axis(0));
#endif
#if CASE == 7
  x = m.broadcast_to(ls::shape{3});
#endif
#if CASE == 8
  ls::array<std::string> texts;
#endif
#if CASE == 9
  ls::tie(x, s) = ls::fuse(x + 1.0f, x + 2.0f);
#endif
#if CASE == 10
  ls::tie(x, m) = ls::fuse(x + 1.0f, m + 2.0f);
#endif
#if CASE == 11
  m = ls::neighbor(m, {1, 2, 3});
#endif
#if CASE == 12
  ls::array<float, 2> n = x + x;
#endif
}
