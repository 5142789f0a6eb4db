// Which elements of an array are shown, how they get to the host, and how their words are set in brackets and lines.
#pragma once

#include <string>
#include <vector>

#include "../core/algorithm.hpp"
#include "../core/owned_array.hpp"
#include "../core/shape.hpp"
#include "../device/device.hpp"
#include "print_options.hpp"

namespace lockstep::printing {

/// The elements that are shown: along an axis all of them or, where `edge` is not 0 and the axis longer than twice
/// that, the first and the last `edge` ones.
struct shown_elements {
  std::size_t rank;
  index const* extents;
  index edge;

  template <std::size_t Rank>
  shown_elements(shape<Rank> const& all, print_options const& options)
      : rank(Rank), extents(all.extents), edge(all.size() > options.threshold ? options.edge_items : 0) {}
  template <std::size_t Rank>
  explicit shown_elements(shape<Rank> const& all) : rank(Rank), extents(all.extents), edge(0) {}

  bool cut(std::size_t axis) const { return edge != 0 && extents[axis] - edge > edge; }
  index count(std::size_t axis) const { return cut(axis) ? 2 * edge : extents[axis]; }
  /// How many are left out between the two edges.
  index skipped(std::size_t axis) const { return extents[axis] - count(axis); }
  std::size_t size() const {
    std::size_t product = 1;
    for (std::size_t axis = 0; axis < rank; ++axis) product *= static_cast<std::size_t>(count(axis));
    return product;
  }
};

/// Memory on the host, aligned for any element.
struct alignas(64) host_block {
  char bytes[64];
};
using host_memory = fixed_array<host_block>;

/// Copies the shown elements of strided memory (strides in elements), row-major. What lies side by side is one copy.
/// Waits for the device.
template <class = void>
[[gnu::cold, gnu::noinline]] host_memory copy_shown(device_state& where, shown_elements const& shown, void const* data,
                                                    index const* strides, std::size_t element_bytes) {
  std::size_t const count = shown.size();
  host_memory host((count * element_bytes + sizeof(host_block) - 1) / sizeof(host_block));
  char* to = reinterpret_cast<char*>(host.data());
  fixed_array<index> at(shown.rank);
  index begin = 0, length = 0;  // the run that is still to be copied
  auto const copy_run = [&] {
    auto const bytes = static_cast<std::size_t>(length) * element_bytes;
    if (bytes == 0) return;
    where.copy_to_host(to, static_cast<char const*>(data) + begin * static_cast<index>(element_bytes), bytes);
    to += bytes;
  };
  for (std::size_t i = 0; i < count; ++i) {
    index offset = 0;
    for (std::size_t axis = 0; axis < shown.rank; ++axis)
      offset += (at[axis] + (shown.cut(axis) && at[axis] >= shown.edge ? shown.skipped(axis) : 0)) * strides[axis];
    if (offset != begin + length) {
      copy_run();
      begin = offset, length = 0;
    }
    ++length;
    for (std::size_t axis = shown.rank; axis-- > 0;) {
      if (++at[axis] < shown.count(axis)) break;
      at[axis] = 0;
    }
  }
  copy_run();
  return host;
}

/// Sets words, row-major, in nested brackets: rows that are too long go on in the next line, axes that were cut have an
/// ellipsis.
template <class Compilation>
class layout_writer {
 public:
  layout_writer(shown_elements const& shown, std::vector<std::string> const& words, index line_width)
      : shown_(shown), words_(words), line_width_(line_width) {}

  std::string write() {
    if (words_.empty()) return "[]";
    if (shown_.rank == 0) return words_[0];
    write_axis(0);
    return std::move(text_);
  }

 private:
  void write_axis(std::size_t axis) {
    text_ += '[';
    bool const last = axis + 1 == shown_.rank;
    index const indent = static_cast<index>(axis) + 1;
    index column = indent;
    for (index i = 0; i < shown_.count(axis); ++i) {
      if (shown_.cut(axis) && i == shown_.edge) {
        if (!last) separate_blocks(axis);
        write_word("...", axis, i == 0, column, last);
      }
      if (last)
        write_word(words_[next_++], axis, i == 0, column, true);
      else {
        if (i > 0) separate_blocks(axis);
        write_axis(axis + 1);
      }
    }
    text_ += ']';
  }
  void separate_blocks(std::size_t axis) {
    text_.append(shown_.rank - axis - 1, '\n');
    text_.append(axis + 1, ' ');
  }
  void write_word(std::string const& word, std::size_t axis, bool first, index& column, bool in_row) {
    if (in_row && !first) {
      text_ += ' ';
      ++column;
    }
    auto const indent = static_cast<index>(axis) + 1, width = static_cast<index>(word.size());
    if (in_row && column > indent && column + width > line_width_ - indent) {
      while (text_.back() == ' ') text_.pop_back();
      text_ += '\n';
      text_.append(axis + 1, ' ');
      column = indent;
    }
    text_ += word;
    column += width;
  }

  shown_elements const& shown_;
  std::vector<std::string> const& words_;
  index line_width_;
  std::string text_;
  std::size_t next_ = 0;
};

/// Makes all words as wide as the widest.
template <class = void>
[[gnu::cold, gnu::noinline]] void align_right(std::vector<std::string>& words) {
  std::size_t width = 0;
  for (std::string const& word : words) width = std::max(width, word.size());
  for (std::string& word : words) word.insert(0, width - word.size(), ' ');
}

}  // namespace lockstep::printing
