// checkpoint: named tensors and notes in one file, every byte of which is checked when it is read.
// Layout, little-endian: a preamble of 32 bytes (magic, version, number of entries, size of the file, size of the
// directory, CRC-32 of all this and the directory), the directory, each tensor at a multiple of 64 bytes, zeros
// between.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "../core/config.hpp"
#include "../core/error.hpp"
#include "checkpoint_format.hpp"
#include "input.hpp"
#include "output.hpp"

namespace lockstep::io {

/// Named tensors and notes, as they are stored in one file.
class checkpoint {
 public:
  /// Adds or replaces a note: a name and a text.
  void set_note(std::string const& name, std::string text) { notes_[name] = std::move(text); }

  /// The note's text. Throws format_error when there is none of that name.
  std::string const& note(std::string const& name) const {
    auto const found = notes_.find(name);
    if (found == notes_.end()) throw format_error(origin_, 0, "found no note named \"" + name + "\", expected one");
    return found->second;
  }

  /// Throws format_error unless there is a note of that name with exactly this text.
  void expect_note(std::string const& name, std::string const& text) const {
    if (note(name) != text)
      throw format_error(origin_, 0, "note \"" + name + "\": found \"" + note(name) + "\", expected \"" + text + "\"");
  }

  /// Adds or replaces a tensor; `values` are row-major, as many as the product of `extents`, or shape_error.
  template <storable T>
  void set(std::string const& name, std::vector<index> const& extents, std::span<T const> values) {
    set_bytes(name, value_kind_of<T>, extents, values.data(), values.size_bytes());
  }
  /// Adds or replaces a single value.
  template <storable T>
  void set(std::string const& name, T value) {
    set_bytes(name, value_kind_of<T>, {}, &value, sizeof value);
  }

  /// The values of a tensor. Throws format_error unless there is one of that name, type and shape.
  template <storable T>
  std::vector<T> values(std::string const& name, std::vector<index> const& extents) const {
    std::vector<unsigned char> const& bytes = find(name, value_kind_of<T>, extents).bytes;
    std::vector<T> result(bytes.size() / sizeof(T));
    if (!result.empty()) std::memcpy(result.data(), bytes.data(), bytes.size());
    return result;
  }
  /// A single value. Throws format_error as `values` does.
  template <storable T>
  T value(std::string const& name) const {
    T result;
    std::memcpy(&result, find(name, value_kind_of<T>, {}).bytes.data(), sizeof result);
    return result;
  }
  /// Whether there is a tensor of that name.
  bool contains(std::string const& name) const { return tensors_.find(name) != tensors_.end(); }
  /// The extents of a tensor. Throws format_error when there is none of that name.
  std::vector<index> const& extents(std::string const& name) const { return find(name).extents; }

  /// Writes everything to `path`, which is replaced whole or not at all. Throws lockstep::error.
  void write(std::string const& path) const {
    replacement file(path);
    std::vector<unsigned char> const head = detail::encode_head(notes_, tensors_);
    file.write(head.data(), head.size());
    for (auto const& [name, stored] : tensors_) {
      static unsigned char const zeros[detail::tensor_alignment] = {};
      file.write(stored.bytes.data(), stored.bytes.size());
      file.write(zeros, detail::padding(stored.bytes.size()));
    }
    file.commit();
  }

  /// Reads a checkpoint. Throws lockstep::error when it cannot be opened; format_error, which names the file and the
  /// byte, when it is no checkpoint, of another version, cut off, longer than it should be, or damaged anywhere.
  static checkpoint read(std::string const& path) {
    input file(path);
    std::vector<unsigned char> const bytes = detail::read_whole(file);
    checkpoint result;
    result.origin_ = file.name();
    detail::decode(result.origin_, bytes, result.notes_, result.tensors_);
    return result;
  }

 private:
  // What does not depend on the type of the values stands outside the templates, and so is compiled once.
  void set_bytes(std::string const& name, value_kind kind, std::vector<index> const& extents, void const* values,
                 std::size_t size) {
    if (detail::count_of(extents) * detail::size_of(kind) != size)
      throw shape_error("checkpoint: found " + std::to_string(size / detail::size_of(kind)) + " values for \"" + name +
                        "\", expected the shape " + detail::shape_text(extents));
    auto const* bytes = static_cast<unsigned char const*>(values);
    tensors_[name] = {kind, extents, {bytes, bytes + size}, 0};
  }

  detail::stored_tensor const& find(std::string const& name, value_kind kind, std::vector<index> const& extents) const {
    detail::stored_tensor const& stored = find(name);
    if (stored.kind != kind || stored.extents != extents)
      throw format_error(origin_, stored.offset,
                         "tensor \"" + name + "\": found " + detail::type_text(stored.kind, stored.extents) +
                             ", expected " + detail::type_text(kind, extents));
    return stored;
  }

  detail::stored_tensor const& find(std::string const& name) const {
    auto const found = tensors_.find(name);
    if (found == tensors_.end()) throw format_error(origin_, 0, "found no tensor named \"" + name + "\", expected one");
    return found->second;
  }

  std::string origin_ = "checkpoint in memory";
  detail::notes notes_;
  detail::tensors tensors_;
};

}  // namespace lockstep::io
