// Rows along any axis of an index space, for plain loops over them.
#pragma once

#include <cstddef>
#include <vector>

namespace lockstep::test {

/// An index space of three axes seen as rows along one.
struct row_space {
  std::size_t outer, length, inner;
  std::size_t size() const { return outer * length * inner; }
};

/// Calls f(the row's values) for every row, which f overwrites.
template <class F>
std::vector<double> by_rows(std::vector<double> values, row_space const& s, F&& f) {
  std::vector<double> row(s.length);
  for (std::size_t o = 0; o < s.outer; ++o)
    for (std::size_t i = 0; i < s.inner; ++i) {
      double* const first = values.data() + o * s.length * s.inner + i;
      for (std::size_t l = 0; l < s.length; ++l) row[l] = first[l * s.inner];
      f(row);
      for (std::size_t l = 0; l < s.length; ++l) first[l * s.inner] = row[l];
    }
  return values;
}

}  // namespace lockstep::test
