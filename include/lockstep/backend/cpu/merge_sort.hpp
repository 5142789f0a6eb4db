// Merging on CPU threads, and the stable sort that is made of it: for any order and any trivially copyable type.
#pragma once

#include <cstring>

#include "parallel_sort.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// Uninitialized memory of a device for `count` values.
template <class T>
class scratch {
 public:
  scratch(device const& where, index count)
      : where_(where), bytes_(static_cast<std::size_t>(count) * sizeof(T)), data_(where.state().allocate(bytes_)) {
    if (!data_) throw out_of_memory(text_of({where.name(), ": found no room for ", bytes_, " bytes to sort in"}));
  }
  scratch(scratch const&) = delete;
  scratch& operator=(scratch const&) = delete;
  ~scratch() { where_.state().deallocate(data_, bytes_); }
  T* data() { return static_cast<T*>(data_); }

 private:
  device where_;
  std::size_t bytes_;
  void* data_;
};

template <class T>
void copy_values(T* to, T const* from, index count) {
  if (count > 0) std::memcpy(static_cast<void*>(to), from, static_cast<std::size_t>(count) * sizeof(T));
}

/// How many of the first `rank` values of the stable merge of a and b come from a.
template <class T, class Less>
index merge_cut(T const* a, index a_size, T const* b, index b_size, index rank, Less const& before) {
  index low = std::max<index>(0, rank - b_size), high = std::min(rank, a_size);
  while (low < high) {
    index const middle = (low + high) / 2;  // of a; the others are b's
    if (before(b[rank - middle - 1], a[middle]))
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

/// Merges a and b, stably: of equal values those of a come first.
template <class T, class Less>
void merge_values(T const* a, index a_size, T const* b, index b_size, T* out, Less const& before) {
  T const *const a_end = a + a_size, *const b_end = b + b_size;
  while (a < a_end && b < b_end) {
    bool const take_b = before(*b, *a);
    std::memcpy(static_cast<void*>(out++), take_b ? b : a, sizeof(T));
    b += take_b;
    a += !take_b;
  }
  copy_values(out, a, a_end - a);
  copy_values(out + (a_end - a), b, b_end - b);
}

/// Merges the halves [0, n / 2) and [n / 2, n) of `in`, from both ends at once, which keeps two comparisons in flight.
template <class T, class Less>
void merge_halves(T const* in, index n, T* out, Less const& before) {
  index const half = n / 2;
  T const *a = in, *b = in + half, *a_last = b - 1, *b_last = in + n - 1;
  if (!before(*b, *a_last)) return copy_values(out, in, n);
  T* back = out + n - 1;
  for (index i = 0; i < half; ++i) {
    bool const take_b = before(*b, *a), take_a = before(*b_last, *a_last);
    std::memcpy(static_cast<void*>(out++), take_b ? b : a, sizeof(T));
    std::memcpy(static_cast<void*>(back--), take_a ? a_last : b_last, sizeof(T));
    b += take_b;
    a += !take_b;
    a_last -= take_a;
    b_last -= !take_a;
  }
  if (n % 2) std::memcpy(static_cast<void*>(out), a <= a_last ? a : b, sizeof(T));
}

template <class T, class Less>
void insertion_sort(T* values, index n, Less const& before) {
  for (index i = 1; i < n; ++i) {
    T const value = values[i];
    index at = i;
    for (; at > 0 && before(value, values[at - 1]); --at) values[at] = values[at - 1];
    values[at] = value;
  }
}

/// Sorts n values of `here`, with as much room at `there`; leaves them there if `to_there`, otherwise here.
template <class T, class Less>
void sort_by_merging(T* here, T* there, index n, bool to_there, Less const& before) {
  if (n <= 16) {
    insertion_sort(here, n, before);
    if (to_there) copy_values(there, here, n);
    return;
  }
  index const half = n / 2;
  sort_by_merging(here, there, half, !to_there, before);
  sort_by_merging(here + half, there + half, n - half, !to_there, before);
  merge_halves(to_there ? here : there, n, to_there ? there : here, before);
}

/// One merge in parallel: cuts it into about `parts` parts of equal length.
template <class T>
struct merge_part {
  T const* a;
  index a_size;
  T const* b;
  index b_size;
  T* out;
};
template <class T, class Less>
void add_merge_parts(merge_part<T> const& whole, index parts, Less const& before, std::vector<merge_part<T>>& into) {
  index const n = whole.a_size + whole.b_size;
  index a_from = 0, from = 0;
  for (index p = 1; p <= parts; ++p) {
    index const to = n * p / parts, a_to = merge_cut(whole.a, whole.a_size, whole.b, whole.b_size, to, before);
    into.push_back(
        {whole.a + a_from, a_to - a_from, whole.b + (from - a_from), (to - a_to) - (from - a_from), whole.out + from});
    a_from = a_to, from = to;
  }
}
template <class T, class Less>
void run_merges(device const& where, std::vector<merge_part<T>> const& parts, Less const& before) {
  run_tasks(where, static_cast<index>(parts.size()), [&](index i) {
    merge_part<T> const& p = parts[static_cast<std::size_t>(i)];
    merge_values(p.a, p.a_size, p.b, p.b_size, p.out, before);
  });
}

/// Merges two sorted runs on the threads of a device.
template <class T, class Less>
void merge(device const& where, merge_part<T> const& whole, Less const& before) {
  index const n = whole.a_size + whole.b_size, threads = static_cast<index>(where.threads());
  std::vector<merge_part<T>> parts;
  add_merge_parts(whole, n < serial_below || threads == 1 ? 1 : threads * pieces_per_thread, before, parts);
  run_merges(where, parts, before);
}

/// Sorts values stably by an order. When the order throws, they are as they were.
template <class T, class Less>
void stable_sort(device const& where, T* values, index n, Less const& before) {
  if (n < 2) return;
  scratch<T> first(where, n), second(where, n);
  T *from = first.data(), *to = second.data();
  index pieces = 1;
  if (n >= serial_below && where.threads() > 1)
    while (pieces < 2 * static_cast<index>(where.threads())) pieces *= 2;
  run_tasks(where, pieces, [&](index p) {
    index const begin = n * p / pieces, end = n * (p + 1) / pieces;
    copy_values(from + begin, values + begin, end - begin);
    sort_by_merging(from + begin, to + begin, end - begin, false, before);
  });
  for (index width = 1; width < pieces; width *= 2, std::swap(from, to)) {
    std::vector<merge_part<T>> parts;
    for (index p = 0; p < pieces; p += 2 * width) {
      index const begin = n * p / pieces, middle = n * (p + width) / pieces, end = n * (p + 2 * width) / pieces;
      add_merge_parts({from + begin, middle - begin, from + middle, end - middle, to + begin}, 2 * width, before,
                      parts);
    }
    run_merges(where, parts, before);
  }
  parallel_ranges(where, n, 4096, serial_below,
                  [&](index begin, index end) { copy_values(values + begin, from + begin, end - begin); });
}

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
