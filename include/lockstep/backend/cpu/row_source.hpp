// row_source: the elements that a row kernel reads, behind one type.
#pragma once

#include "reduce.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// Where rows come from, whatever expression they are of: the kernels are compiled once for all of them.
template <class X>
class row_source {
 public:
  template <class Evaluator, std::size_t R>
  explicit row_source(reader<Evaluator, R> const& from)
      : from_(&from), read_([](void const* r, index first, index last, X* out) {
          static_cast<reader<Evaluator, R> const*>(r)->read(first, last, out);
        }) {
    if constexpr (reads_memory<R, Evaluator, X>)
      if (from.one_fast_row()) memory_ = from.fast_row().data;
  }
  /// The elements in row-major order, where they lie so in memory.
  X const* memory() const { return memory_; }
  void read(index first, index last, X* out) const { read_(from_, first, last, out); }

 private:
  void const* from_;
  void (*read_)(void const*, index, index, X*);
  X const* memory_ = nullptr;
};

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
