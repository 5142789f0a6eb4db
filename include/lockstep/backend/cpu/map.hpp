// map on CPU threads: writes an evaluator's values into memory, or several evaluators' in one pass.
#pragma once

#include "../../array/view.hpp"
#include "light_evaluator.hpp"
#include "local_values.hpp"
#include "rows.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// One output of a pass: where to, which must outlive it (short loops would wait for a copy), and from what. `Dense`
/// says that the target is known to have no gaps.
template <class T, std::size_t R, class Evaluator, bool Dense = false>
struct output {
  view<T, R> const& target;
  Evaluator evaluator;
};
template <class T, std::size_t R, class Evaluator>
output(view<T, R>, Evaluator) -> output<T, R, Evaluator>;  // clang 14 deduces no aggregates

/// Writes one output by ranges of the row-major index.
template <class T, std::size_t R, class Evaluator, bool Dense>
class writer {
 public:
  writer(output<T, R, Evaluator, Dense> const& out, bool past_caches)
      : target_(out.target),
        reader_(out.evaluator, out.target.extents),
        dense_(Dense || target_.strides == row_major_strides(target_.extents)),
        streams_(past_caches && may_stream && dense_ && is_large_output(target_.size() * sizeof(T))) {}

  void write(index first, index last) const {
    if (streams_)
      write_past_caches(first, last);
    else if (dense_)
      reader_.read(first, last, target_.data + first);
    else if constexpr (!Dense)
      write_rows(first, last);
  }
  bool streams() const { return streams_; }

 private:
  /// Stencils of several axes wait for what they read along several lines; the buffer costs them more than is saved.
  static constexpr bool may_stream = R < 2 || !is_stencil<Evaluator>;

  void write_past_caches(index first, index last) const {
    // In one row, short parts: while one is written, the processor already reads the next.
    constexpr index length = R == 1 && !is_staged<Evaluator> && sizeof(T) <= 8 ? stream_length : buffer_length;
    local_values<T, length> buffer;
    for (index at = first; at < last; at += length) {
      index const end = std::min(last, at + length);
      reader_.read(at, end, buffer.data());
      stream_copy(target_.data + at, buffer.data(), static_cast<std::size_t>(end - at) * sizeof(T));
    }
    stream_fence();
  }
  void write_rows(index first, index last) const {
    if constexpr (R == 0) {
      reader_.read(first, last, target_.data);
    } else {
      if (target_.strides[R - 1] != 1) return write_strided(first, last);
      if constexpr (R == 1)
        reader_.read(first, last, target_.data + first);
      else
        reader_.read_rows(first, last, target_.data, target_.strides);
    }
  }
  void write_strided(index first, index last) const {
    local_values<T, buffer_length> buffer;
    for (index at = first; at < last; at += buffer_length) {
      index const stop = std::min(last, at + buffer_length);
      reader_.read(at, stop, buffer.data());
      T const* from = buffer.data();
      for_each_row_part(target_.extents, at, stop, [&](coordinates<R> c, index begin, index end) {
        T* row = target_.data;
        for (std::size_t axis = 0; axis + 1 < R; ++axis) row += c[axis] * target_.strides[axis];
        index const stride = target_.strides[R - 1];
        for (index j = begin; j < end; ++j) row[j * stride] = *from++;
      });
    }
  }

  view<T, R> const& target_;
  reader<Evaluator, R> reader_;
  bool dense_, streams_;
};

/// Evaluates every output, all of one shape, in one parallel pass: block by block, so that what they share is read from
/// memory once. `past_caches` allows large outputs to bypass the caches; not when an input is overwritten in place.
template <class... Ts, std::size_t... Rs, class... Evaluators, bool... Dense>
void store(device const& where, bool past_caches, output<Ts, Rs, Evaluators, Dense> const&... outputs) {
  auto const pass = [&](auto const&... writers) {
    index const total = static_cast<index>(std::max({outputs.target.size()...}));
    auto const part = [&](index first, index last) {
      if constexpr (sizeof...(writers) == 1) {
        (writers.write(first, last), ...);
      } else {
        for (index at = first; at < last; at += buffer_length)
          (writers.write(at, std::min(last, at + buffer_length)), ...);
      }
    };
    constexpr bool light = (is_light_evaluator<Evaluators> && ...);
    constexpr index few = 256;  // whose time would be that of reading the clock
    if (light || total < few)
      parallel_ranges(where, total, buffer_length, serial_below, part);
    else
      timed_ranges(where, total, part);
  };
  pass(writer<Ts, Rs, Evaluators, Dense>(outputs, past_caches)...);
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
