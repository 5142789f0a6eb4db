// Row kernels on CPU threads: every row is read once into the cache, folded step by step, mapped and written. Rows too
// long for that are read once per step, on all threads. How a row is folded depends on the shape alone.
#pragma once

#include "../../core/owned_array.hpp"
#include "fetch.hpp"
#include "row_panel.hpp"
#include "row_source.hpp"
#include "turn.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// Rows along the last axis up to this length are turned, so that vector lanes belong to different rows.
inline constexpr index short_row = 128;
inline constexpr index turned_elements = 4096;
/// Rows along the last axis up to this length are kept in the cache; panels of rows hold at most so many elements.
inline constexpr index long_row = index{1} << 16;
inline constexpr index panel_elements = index{1} << 17;
inline constexpr index narrowest_panel = 32;
/// Lines of a panel are fetched so far ahead: each lies in a page of its own, which processors don't foresee.
inline constexpr index lines_ahead = 16;

/// One row kernel while it runs. Rows are (outer, inner), the elements of one `inner` apart.
template <class Rule, class T>
class row_kernel {
 public:
  using element = typename Rule::element;
  using results = typename Rule::results;

  row_kernel(device const& where, Rule const& rule, axis_split const& split, row_source<element> const& from, T* target,
             bool past_caches)
      : where_(where), rule_(rule), split_(split), from_(from), target_(target) {
    auto const bytes = static_cast<std::size_t>(split.outer * split.length * split.inner) * sizeof(T);
    bool const whole_lines = split.inner == 1 || static_cast<std::size_t>(split.inner) * sizeof(T) % 64 == 0;
    streams_ = past_caches && is_large_output(bytes) && whole_lines;
  }

  void run() {
    if (split_.inner > 1 && split_.length * narrowest_panel > panel_elements)
      for (index o = 0; o < split_.outer; ++o) run_far_panels(o);
    else if (split_.inner > 1)
      run_panels();
    else if (split_.length <= short_row)
      run_turned();
    else if (split_.length <= long_row)
      run_rows();
    else
      for (index row = 0; row < split_.outer; ++row) run_long_row(row);
  }

 private:
  /// Elements [first, first + count) of the row-major index: where they lie, or read into `space`.
  element const* load(index first, index count, element* space) const {
    if (from_.memory()) return from_.memory() + first;
    from_.read(first, first + count, space);
    return space;
  }
  /// Has elements of the row-major index fetched that are wanted soon.
  [[gnu::always_inline]] void prefetch(index first, index count) const {
    if (element const* const from = from_.memory()) fetch_values(from + first, count);
  }
  template <class F>
  void parallel(index units, index elements_per_unit, F const& f) const {
    parallel_ranges(where_, units, 1, std::max<index>(1, serial_below / elements_per_unit), f);
  }

  // Rows along the last axis, one by one.
  void run_rows() const {
    parallel(split_.outer, split_.length, [&](index begin, index end) {
      owned_array<element> const space(new element[static_cast<std::size_t>(split_.length)]);
      row_output<Rule, T> out(rule_, target_, streams_);
      for (index row = begin; row < end; ++row) run_row(row * split_.length, space.get(), out);
    });
  }
  void run_row(index first, element* space, row_output<Rule, T>& out) const {
    index const length = split_.length;
    element const* in = load(first, length, space);
    results known{};
    for_each_step<Rule>([&](auto k) {
      typename Rule::template accumulator<k> partial[long_row / tile]{};
      index tiles = 0;
      for (index at = 0; at < length; at += tile)
        partial[tiles++] = fold_tile<k>(rule_, in + at, space + at, std::min(tile, length - at), known);
      if constexpr (Rule::template fold<k>::replaces) in = space;
      finish_step<k>(rule_, partial, tiles, length, known);
    });
    out.write(in, first, length, known);
  }

  // One long row: every step reads all of it, and repeats what earlier steps put in place of the elements.
  void run_long_row(index row) const {
    index const first = row * split_.length, tiles = (split_.length + tile - 1) / tile;
    results known{};
    for_each_step<Rule>([&](auto k) {
      using accumulator = typename Rule::template accumulator<k>;
      owned_array<accumulator> const partial(new accumulator[static_cast<std::size_t>(tiles)]);
      for_each_tile_of<k>(first, known, [&](index t, element const* in, index count, element* space) {
        partial[t] = fold_tile<k>(rule_, in, space, count, known);
      });
      finish_step<k>(rule_, partial.get(), tiles, split_.length, known);
    });
    for_each_tile_of<Rule::steps>(first, known, [&](index t, element const* in, index count, element*) {
      row_output<Rule, T>(rule_, target_, streams_).write(in, first + t * tile, count, known);
    });
  }
  /// Calls f(tile, its elements as `Steps` steps left them, their number, room for as many) for the tiles of a row.
  template <std::size_t Steps, class F>
  void for_each_tile_of(index first, results const& known, F const& f) const {
    parallel((split_.length + tile - 1) / tile, tile, [&](index begin, index end) {
      local_values<element, tile> space;
      for (index t = begin; t < end; ++t) {
        index const count = std::min(tile, split_.length - t * tile);
        element const* in = load(first + t * tile, count, space.data());
        for_each_step<Rule>([&](auto k) {
          if constexpr (k < Steps && Rule::template fold<k>::replaces) {
            replace_elements<k>(rule_, in, space.data(), count, known);
            in = space.data();
          }
        });
        f(t, in, count, space.data());
      }
    });
  }

  // Short rows: as many as a panel holds are turned, run side by side, and turned back.
  void run_turned() const {
    index const length = split_.length;
    index const width = std::min(row_panel_width, turned_elements / length / narrowest_panel * narrowest_panel);
    parallel((split_.outer + width - 1) / width, width * length, [&](index begin, index end) {
      local_values<element, turned_elements> values, panel;
      local_values<T, turned_elements> mapped, turned_back;
      panel_results<Rule> known;
      for (index b = begin; b < end; ++b) {
        index const first = b * width * length, rows = std::min(width, split_.outer - b * width);
        turn(load(first, rows * length, values.data()), length, rows, length, panel.data(), width);
        if (b + 1 < end) prefetch(first + rows * length, std::min(width, split_.outer - (b + 1) * width) * length);
        run_steps(rule_, panel.data(), width, length, rows, known);
        map_panel(rule_, panel.data(), width, length, rows, known, mapped.data(), width);
        T* const out = streams_ ? turned_back.data() : target_ + first;
        turn(static_cast<T const*>(mapped.data()), width, length, rows, out, length);
        if (streams_) stream_copy(target_ + first, out, static_cast<std::size_t>(rows * length) * sizeof(T));
      }
      if (streams_) stream_fence();
    });
  }

  // Rows along another axis: panels of neighbors, so that what is read from a line of memory is used.
  void run_panels() const {
    index const fitting = panel_elements / split_.length / narrowest_panel * narrowest_panel;
    index const width = std::min({row_panel_width, fitting, split_.inner});
    index const pieces = (split_.inner + width - 1) / width;
    parallel(split_.outer * pieces, width * split_.length, [&](index begin, index end) {
      owned_array<element> const panel(new element[static_cast<std::size_t>(split_.length * width)]);
      panel_results<Rule> known;
      for (index unit = begin; unit < end; ++unit) {
        index const column = unit % pieces * width, rows = std::min(width, split_.inner - column);
        index const first = unit / pieces * split_.length * split_.inner + column;
        read_panel(first, rows, panel.get(), width, known);
        run_steps<1>(rule_, panel.get(), width, split_.length, rows, known);
        write_lines(first, split_.length, rows, panel.get(), width, width, known);
      }
      if (streams_) stream_fence();
    });
  }
  /// Reads a panel of whole rows, and runs the first step over each block of lines while it is in the L1 cache.
  void read_panel(index first, index rows, element* panel, index width, panel_results<Rule>& known) const {
    index const lines = split_.length;
    if constexpr (Rule::steps == 0) {
      read_lines(first, lines, lines, rows, panel, width);
    } else {
      panel_fold<0, Rule> fold;
      for (index l = 0; l < lines; l += lines_per_block) {
        index const here = std::min(lines_per_block, lines - l);
        read_lines(first + l * split_.inner, here, lines - l, rows, panel + l * width, width);
        fold.add(rule_, panel + l * width, width, here, rows, known);
      }
      fold.finish(rule_, rows, lines, known);
    }
  }
  /// Reads lines; `ahead` of them will be wanted, from the first on.
  void read_lines(index first, index lines, index ahead, index rows, element* panel, index width) const {
    if (width == split_.inner) return from_.read(first, first + lines * width, panel);
    for (index l = 0; l < lines; ++l, first += split_.inner, panel += width) {
      if (element const* const line = from_.memory()) {
        if (l + lines_ahead < ahead) prefetch(first + lines_ahead * split_.inner, rows);
        for_each_strip(rows, [&](index at, auto count) {
          for (index j = 0; j < count; ++j) panel[at + j] = line[first + at + j];
        });
      } else {
        from_.read(first, first + rows, panel);
      }
    }
  }
  /// Maps lines that are `stride` apart, block by block, and writes them.
  void write_lines(index first, index lines, index rows, element const* x, index stride, index width,
                   panel_results<Rule> const& known) const {
    if (!streams_) return map_panel(rule_, x, stride, lines, rows, known, target_ + first, split_.inner);
    local_values<T, row_panel_width * lines_per_block> block;
    for (index l = 0; l < lines; l += lines_per_block) {
      index const here = std::min(lines_per_block, lines - l);
      map_panel(rule_, x + l * stride, stride, here, rows, known, block.data(), width);
      T* const out = target_ + first + l * split_.inner;
      if (width == split_.inner)
        stream_copy(out, block.data(), static_cast<std::size_t>(here * width) * sizeof(T));
      else
        for (index k = 0; k < here; ++k)
          stream_copy(out + k * split_.inner, block.data() + k * width, static_cast<std::size_t>(rows) * sizeof(T));
    }
  }

  // Rows along another axis that are too long for a panel: every step goes over all lines, in blocks.
  void run_far_panels(index outer) const {
    index const inner = split_.inner;
    owned_array<results> const known(new results[static_cast<std::size_t>(inner)]);
    if constexpr (rescales<Rule>)
      run_far_steps_at_once(outer, known.get());
    else
      for_each_step<Rule>([&](auto k) { run_far_step<k>(outer, known.get()); });
    for_each_block<Rule::steps>(outer, known.get(),
                                [&](far_block const& here, element const* x, panel_results<Rule>& columns) {
                                  write_lines(here.first, here.lines, here.rows, x, here.stride, far_width(), columns);
                                  if (streams_) stream_fence();
                                });
  }
  template <std::size_t K>
  void run_far_step(index outer, results* known) const {
    using accumulator = typename Rule::template accumulator<K>;
    index const inner = split_.inner, blocks = far_blocks();
    owned_array<accumulator> const partial(new accumulator[static_cast<std::size_t>(blocks * inner)]);
    for_each_block<K>(outer, known, [&](far_block const& here, element const* x, panel_results<Rule>& columns) {
      panel_fold<K, Rule> fold;
      fold.add(rule_, x, here.stride, here.lines, here.rows, columns);
      std::copy_n(fold.data(), here.rows, &partial[here.number * inner + here.column]);
    });
    parallel(inner, blocks, [&](index begin, index end) {
      auto const& step = std::get<K>(rule_.folds);
      for (index b = 1; b < blocks; ++b)
        for (index j = begin; j < end; ++j)
          partial[j] = static_cast<accumulator>(step.op(partial[j], partial[b * inner + j]));
      for (index j = begin; j < end; ++j) std::get<K>(known[j]) = step.finish(partial[j], split_.length);
    });
  }
  /// Both steps of rules that rescale: every block sums by its own result of the first step.
  void run_far_steps_at_once(index outer, results* known) const requires rescales<Rule> {
    index const inner = split_.inner, blocks = far_blocks();
    using accumulator = typename Rule::template accumulator<0>;
    owned_array<accumulator> const partial(new accumulator[static_cast<std::size_t>(2 * blocks * inner)]);
    for_each_block<0>(outer, known, [&](far_block const& here, element const* x, panel_results<Rule>& columns) {
      panel_fold<0, Rule> peaks;
      peaks.add(rule_, x, here.stride, here.lines, here.rows, columns);
      peaks.finish(rule_, here.rows, here.lines, columns);
      auto* const local = std::get<0>(columns.columns).data();
      for (index j = 0; j < here.rows; ++j) local[j] = rescaling<Rule>::origin(local[j]);
      panel_fold<1, Rule> sums;
      sums.add(rule_, x, here.stride, here.lines, here.rows, columns);
      accumulator* const into = &partial[2 * here.number * inner + here.column];
      std::copy_n(peaks.data(), here.rows, into);
      std::copy_n(sums.data(), here.rows, into + inner);
    });
    index const serial = std::max<index>(1, serial_below / blocks);
    parallel_ranges(where_, inner, row_panel_width, serial, [&](index begin, index end) {
      combine_rescaled(rule_, partial.get(), inner, blocks, begin, end);
      for (index j = begin; j < end; ++j) {
        std::get<0>(known[j]) = std::get<0>(rule_.folds).finish(partial[j], split_.length);
        std::get<1>(known[j]) = std::get<1>(rule_.folds).finish(partial[inner + j], split_.length);
      }
    });
  }
  index far_blocks() const { return (split_.length + lines_per_block - 1) / lines_per_block; }
  index far_width() const { return std::min(split_.inner, row_panel_width); }
  struct far_block {
    index number, first, lines, column, rows, stride;
  };
  far_block block_of(index outer, index unit) const {
    index const pieces = (split_.inner + row_panel_width - 1) / row_panel_width, number = unit / pieces;
    index const line = number * lines_per_block, column = unit % pieces * row_panel_width;
    return {
        number, (outer * split_.length + line) * split_.inner + column, std::min(lines_per_block, split_.length - line),
        column, std::min(row_panel_width, split_.inner - column),       far_width()};
  }
  void prefetch_block(far_block const& next) const {
    if (next.rows == split_.inner) return prefetch(next.first, next.lines * next.rows);
    for (index l = 0; l < next.lines; ++l) prefetch(next.first + l * split_.inner, next.rows);
  }
  /// Calls f(block, its elements as `Steps` steps left them, the results so far) for the blocks of one outer index.
  template <std::size_t Steps, class F>
  void for_each_block(index outer, results const* known, F const& f) const {
    index const inner = split_.inner, pieces = (inner + row_panel_width - 1) / row_panel_width;
    parallel(far_blocks() * pieces, lines_per_block * std::min(inner, row_panel_width), [&](index begin, index end) {
      local_values<element, row_panel_width * lines_per_block> panel;
      panel_results<Rule> columns;
      for (index unit = begin; unit < end; ++unit) {
        far_block here = block_of(outer, unit);
        if (unit + 1 < end) prefetch_block(block_of(outer, unit + 1));
        for_each_step<Rule>([&](auto k) {
          if constexpr (k < Steps)
            for (index j = 0; j < here.rows; ++j)
              std::get<k>(columns.columns).values[j] = std::get<k>(known[here.column + j]);
        });
        element const* x = panel.data();
        if (from_.memory())
          x = from_.memory() + here.first, here.stride = inner;
        else
          read_lines(here.first, here.lines, here.lines, here.rows, panel.data(), far_width());
        for_each_step<Rule>([&](auto k) {
          if constexpr (k < Steps && Rule::template fold<k>::replaces) {
            replace_in_panel<k>(rule_, x, here.stride, here.lines, here.rows, columns, panel.data(), far_width());
            x = panel.data(), here.stride = far_width();
          }
        });
        f(here, x, columns);
      }
    });
  }
  device const& where_;
  Rule const& rule_;
  axis_split split_;
  row_source<element> const& from_;
  T* target_;
  bool streams_;
};

/// Runs a rule over the rows along `axis` of an index space that is not empty, into dense memory in row-major order.
/// `from` reads the index space in its row-major order, in any rank.
template <class Rule, std::size_t R, std::size_t ReadRank, class Evaluator, class T>
void map_rows(device const& where, Rule const& rule, shape<R> const& extents, std::size_t axis,
              shape<ReadRank> const& read_extents, Evaluator const& evaluator, T* target, bool past_caches) {
  reader<Evaluator, ReadRank> const from(evaluator, read_extents);
  row_source<typename Rule::element> const source(from);
  row_kernel<Rule, T>(where, rule, axis_split(extents, axis), source, target, past_caches).run();
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
