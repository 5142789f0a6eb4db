// local_slot: one collective among threads: what every rank brings to it, and the work on it, cut into chunks.
#pragma once

#include <atomic>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "../core/algorithm.hpp"
#include "../core/owned_array.hpp"
#include "collective.hpp"
#include "composed.hpp"

namespace lockstep {

/// The work is in slices, one for each rank, whose own threads take chunks from it first. The public atomics belong to
/// the protocol of local_group.
template <class Compilation>
class local_slot {
 public:
  /// A rank in this collective.
  struct alignas(64) place {
    collective_call brought = {};
    std::atomic<std::uint64_t> number{UINT64_MAX};  ///< of the collective that this is for
    alignas(64) std::atomic<std::size_t> next_chunk{0};
    std::size_t length = 0;  ///< of this rank's slice: ranks that are through may have let go of what tells it
  };

  alignas(64) std::atomic<std::uint64_t> state{0};
  std::atomic<std::uint64_t> arrivals{0};
  alignas(64) std::atomic<std::size_t> chunks_left{0};

  void set_ranks(std::size_t ranks) {
    ranks_ = ranks;
    places_.reset(new place[ranks]());
  }
  place& at(std::size_t rank) { return places_[rank]; }
  place const& at(std::size_t rank) const { return places_[rank]; }

  /// Everything has been brought: cuts the work into chunks. Nobody else may look before that.
  void prepare(collective_call const& what) {
    what_ = what;
    threw_ = false;
    thrown_ = nullptr;
    bytes_ = total_bytes();
    slices_ = small() && shares_elements() ? 1 : ranks_;
    chunk_ = std::max<std::size_t>(1, chunk_bytes / (is_reduction(what.kind) ? what.element.bytes : 1));
    std::size_t chunks = 0;
    for (std::size_t q = 0; q < slices_; ++q) {
      at(q).length = length(q);
      at(q).next_chunk.store(small() ? none_left : 0, std::memory_order_relaxed);
      chunks += (at(q).length + chunk_ - 1) / chunk_;
    }
    chunks_left.store(chunks, std::memory_order_relaxed);
  }
  /// Lets go of what rank `rank` has brought, when all is done.
  void forget(std::size_t rank) { at(rank).brought.blocks = nullptr; }

  /// Bytes that all ranks together have to write.
  std::size_t bytes() const { return bytes_; }
  /// So little that one rank does it all, instead of waking others.
  bool small() const { return bytes_ <= small_bytes; }

  /// All the work, by one thread.
  void run_all() {
    attempt([&] {
      for (std::size_t q = 0; q < slices_; ++q) run(q, 0, at(q).length);
    });
  }

  /// Takes chunks until none is left, beginning in slice `rank`. Returns how many.
  std::size_t run_chunks(std::size_t rank) {
    std::size_t taken = 0;
    for (std::size_t i = 0; i < slices_; ++i) {
      std::size_t const q = (rank + i) % slices_, all = at(q).length, chunks = (all + chunk_ - 1) / chunk_;
      std::atomic<std::size_t>& next = at(q).next_chunk;
      while (next.load(std::memory_order_relaxed) < chunks) {
        std::size_t const c = next.fetch_add(1, std::memory_order_relaxed);
        if (c >= chunks) break;
        ++taken;
        attempt([&] { run(q, c * chunk_, std::min(all, (c + 1) * chunk_)); });
      }
    }
    return taken;
  }

  /// What the operator threw first, once all is done.
  std::exception_ptr thrown() const { return thrown_; }

 private:
  static constexpr std::size_t chunk_bytes = std::size_t{1} << 15;  // two or four of them fit the nearest caches
  static constexpr std::size_t small_bytes = std::size_t{1} << 13;
  static constexpr std::size_t none_left = SIZE_MAX / 2;

  /// One pointer per rank, on the stack for usual numbers of ranks.
  template <class P>
  struct pointers {
    explicit pointers(std::size_t count) : more(count > 32 ? count : 0), data(count > 32 ? more.data() : few) {}
    pointers(pointers const&) = delete;
    pointers& operator=(pointers const&) = delete;
    P few[32];
    std::vector<P> more;
    P* data;
  };

  /// Whether slices are parts of the elements that all ranks have, instead of what each of them gets.
  bool shares_elements() const {
    return what_.kind == collective_kind::all_reduce || what_.kind == collective_kind::reduce;
  }
  bool gathers() const { return what_.kind == collective_kind::all_gather || what_.kind == collective_kind::split; }

  std::size_t total_bytes() const {
    std::size_t const each = what_.count * what_.element.bytes;
    if (what_.kind == collective_kind::barrier) return 0;
    if (what_.kind == collective_kind::reduce) return each;
    if (gathers()) return each * ranks_ * ranks_;
    if (!has_blocks()) return each * ranks_;
    std::size_t all = 0;
    for (std::size_t q = 0; q < ranks_; ++q) all += length(q);
    return all;
  }
  bool has_blocks() const { return what_.kind >= collective_kind::gather; }

  /// Elements (bytes, for those that copy) that slice `q` is long.
  std::size_t length(std::size_t q) const {
    std::size_t const all = what_.count * what_.element.bytes;
    if (what_.kind == collective_kind::barrier) return 0;
    if (shares_elements()) return slice(q).size();
    if (what_.kind == collective_kind::reduce_scatter) return what_.count;
    if (gathers()) return all * ranks_;
    if (what_.kind == collective_kind::broadcast) return q == what_.root ? 0 : all;
    std::size_t bytes = 0;
    for (auto const& block : at(q).brought.blocks->in) bytes += block.bytes;
    return bytes;
  }

  /// The part of the elements that is slice `q`; cut between cache lines, so that no two ranks write to the same one.
  composed::part slice(std::size_t q) const {
    std::size_t const line = std::max<std::size_t>(1, 64 / what_.element.bytes);
    auto const lines = composed::part_of((what_.count + line - 1) / line, q, slices_);
    return {std::min(what_.count, lines.begin * line), std::min(what_.count, lines.end * line)};
  }

  template <class F>
  void attempt(F const& f) {
    try {
      f();
    } catch (...) {
      if (!threw_.exchange(true)) thrown_ = std::current_exception();
    }
  }

  /// [begin, end) of slice `q`.
  void run(std::size_t q, std::size_t begin, std::size_t end) {
    if (shares_elements()) {
      std::size_t const at_element = slice(q).begin + begin;
      bool const everywhere = what_.kind == collective_kind::all_reduce;
      reduce(at_element, everywhere ? 0 : what_.root, everywhere ? ranks_ : 1, at_element, end - begin);
    } else if (what_.kind == collective_kind::reduce_scatter) {
      reduce(q * what_.count + begin, q, 1, begin, end - begin);
    } else if (gathers()) {
      gather(q, begin, end);
    } else if (what_.kind == collective_kind::broadcast) {
      std::memcpy(output(q) + begin, input(what_.root) + begin, end - begin);
    } else {
      move_blocks(q, begin, end);
    }
  }

  /// Bytes [begin, end) of all that rank `q` gets, counted through its blocks.
  void move_blocks(std::size_t q, std::size_t begin, std::size_t end) {
    auto const& in = at(q).brought.blocks->in;
    for (std::size_t r = 0, start = 0; r < ranks_ && start < end; start += in[r++].bytes) {
      std::size_t const first = std::max(begin, start), last = std::min(end, start + in[r].bytes);
      if (first >= last) continue;
      auto* const to = static_cast<unsigned char*>(in[r].data) + (first - start);
      auto const* const from = static_cast<unsigned char const*>(at(r).brought.blocks->out[q].data) + (first - start);
      if (to != from) std::memmove(to, from, last - first);
    }
  }

  unsigned char const* input(std::size_t rank) const {
    return static_cast<unsigned char const*>(at(rank).brought.from);
  }
  unsigned char* output(std::size_t rank) const { return static_cast<unsigned char*>(at(rank).brought.to); }

  /// `count` elements from element `from_at` of all inputs to element `to_at` of the outputs of ranks from `first` on.
  void reduce(std::size_t from_at, std::size_t first, std::size_t outputs, std::size_t to_at, std::size_t count) {
    std::size_t const width = what_.element.bytes;
    pointers<void const*> from(ranks_);
    pointers<void*> to(outputs);
    for (std::size_t r = 0; r < ranks_; ++r) from.data[r] = input(r) + from_at * width;
    for (std::size_t o = 0; o < outputs; ++o) to.data[o] = output(first + o) + to_at * width;
    what_.how(from.data, ranks_, to.data, outputs, count);
  }

  /// Bytes [begin, end) of what rank `q` gets.
  void gather(std::size_t q, std::size_t begin, std::size_t end) {
    std::size_t const each = what_.count * what_.element.bytes;
    while (begin < end) {
      std::size_t const within = begin % each, size = std::min(end - begin, each - within);
      unsigned char const* const from = input(begin / each) + within;
      if (output(q) + begin != from) std::memcpy(output(q) + begin, from, size);
      begin += size;
    }
  }

  std::size_t ranks_ = 0, slices_ = 0, chunk_ = 1;
  std::size_t bytes_ = 0;
  collective_call what_;
  owned_array<place> places_;
  std::atomic<bool> threw_{false};
  std::exception_ptr thrown_;
};

}  // namespace lockstep
