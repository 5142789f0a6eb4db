// How a checkpoint's bytes are laid out, written and verified. See checkpoint.hpp for what it is used for.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "../core/config.hpp"
#include "../core/error.hpp"
#include "bytes.hpp"
#include "input.hpp"

namespace lockstep::io {

/// The types of values that a checkpoint's tensors have. The codes are part of the format.
enum class value_kind : std::uint8_t { uint8 = 1, int32 = 2, int64 = 3, uint64 = 4, float32 = 5, float64 = 6 };

/// The kind of `T`; only the types below can be stored.
template <class T>
inline constexpr value_kind value_kind_of = value_kind{};
template <>
inline constexpr value_kind value_kind_of<std::uint8_t> = value_kind::uint8;
template <>
inline constexpr value_kind value_kind_of<std::int32_t> = value_kind::int32;
template <>
inline constexpr value_kind value_kind_of<std::int64_t> = value_kind::int64;
template <>
inline constexpr value_kind value_kind_of<std::uint64_t> = value_kind::uint64;
template <>
inline constexpr value_kind value_kind_of<float> = value_kind::float32;
template <>
inline constexpr value_kind value_kind_of<double> = value_kind::float64;

template <class T>
concept storable = value_kind_of<T>
!= value_kind{};

namespace detail {

inline constexpr unsigned char magic[8] = {0x89, 'L', 'C', 'K', 'S', 'T', 'P', '\n'};
inline constexpr std::uint32_t format_version = 1;
inline constexpr std::size_t preamble_size = 32, checked_preamble = 28, tensor_alignment = 64;
inline constexpr std::uint8_t note_kind = 0;

struct stored_tensor {
  value_kind kind = value_kind::uint8;
  std::vector<index> extents;
  std::vector<unsigned char> bytes;
  std::uint64_t offset = 0;  // in the file that it was read from
};
using notes = std::map<std::string, std::string>;
using tensors = std::map<std::string, stored_tensor>;

inline std::size_t size_of(value_kind kind) {
  switch (kind) {
    case value_kind::uint8:
      return 1;
    case value_kind::int32:
    case value_kind::float32:
      return 4;
    case value_kind::int64:
    case value_kind::uint64:
    case value_kind::float64:
      return 8;
  }
  return 0;
}

inline std::size_t count_of(std::vector<index> const& extents) {
  std::size_t count = 1;
  for (index extent : extents) count *= static_cast<std::size_t>(extent);
  return count;
}

inline std::string shape_text(std::vector<index> const& extents) {
  std::string text = "(";
  for (index extent : extents) text += (text.size() > 1 ? ", " : "") + std::to_string(extent);
  return text + ")";
}

inline std::string type_text(value_kind kind, std::vector<index> const& extents) {
  static char const* const names[] = {"unknown", "uint8", "int32", "int64", "uint64", "float32", "float64"};
  return names[static_cast<std::size_t>(kind)] + std::string(" of shape ") + shape_text(extents);
}

inline std::size_t padding(std::size_t size) { return (tensor_alignment - size % tensor_alignment) % tensor_alignment; }

// ---- writing

inline void append_text(std::vector<unsigned char>& to, std::string const& text) {
  append(to, static_cast<std::uint32_t>(text.size()));
  to.insert(to.end(), text.begin(), text.end());
}

inline std::vector<unsigned char> encode_directory(notes const& all_notes, tensors const& all_tensors) {
  std::vector<unsigned char> bytes;
  for (auto const& [name, text] : all_notes) {
    append(bytes, note_kind);
    append_text(bytes, name);
    append_text(bytes, text);
  }
  for (auto const& [name, stored] : all_tensors) {
    append(bytes, stored.kind);
    append_text(bytes, name);
    append(bytes, static_cast<std::uint32_t>(stored.extents.size()));
    for (index extent : stored.extents) append(bytes, extent);
    append(bytes, crc(stored.bytes.data(), stored.bytes.size()));
  }
  return bytes;
}

/// Preamble, directory, and the zeros up to the first tensor.
inline std::vector<unsigned char> encode_head(notes const& all_notes, tensors const& all_tensors) {
  std::vector<unsigned char> const directory = encode_directory(all_notes, all_tensors);
  std::uint64_t size = preamble_size + directory.size();
  size += padding(size);
  for (auto const& [name, stored] : all_tensors) size += stored.bytes.size() + padding(stored.bytes.size());
  std::vector<unsigned char> head(magic, magic + sizeof magic);
  append(head, format_version);
  append(head, static_cast<std::uint32_t>(all_notes.size() + all_tensors.size()));
  append(head, size);
  append(head, static_cast<std::uint32_t>(directory.size()));
  append(head, crc(directory.data(), directory.size(), crc(head.data(), head.size())));
  head.insert(head.end(), directory.begin(), directory.end());
  head.resize(head.size() + padding(head.size()));
  return head;
}

// ---- reading

/// Walks over bytes that may be anything and never past their end.
class byte_reader {
 public:
  byte_reader(std::string const& origin, std::vector<unsigned char> const& bytes, std::size_t begin, std::size_t end)
      : origin_(origin), bytes_(bytes), at_(begin), end_(end) {}

  std::string const& origin() const { return origin_; }
  std::size_t offset() const { return at_; }
  std::size_t left() const { return end_ - at_; }
  unsigned char const* take(std::size_t count) {
    if (count > left()) fail("found " + std::to_string(left()) + " bytes, expected " + std::to_string(count));
    at_ += count;
    return bytes_.data() + at_ - count;
  }
  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof(T)), sizeof(T));
    return value;
  }
  std::string text() {
    auto const size = number<std::uint32_t>();
    auto const* first = reinterpret_cast<char const*>(take(size));
    return {first, size};
  }
  void expect_zeros(std::size_t count) {
    unsigned char const* bytes = take(count);
    for (std::size_t i = 0; i < count; ++i)
      if (bytes[i] != 0) fail("found " + std::to_string(bytes[i]) + " between two tensors, expected 0");
  }
  [[noreturn]] void fail(std::string const& problem) const {
    throw format_error(origin_, at_, problem + ": the checkpoint is damaged");
  }

 private:
  std::string const& origin_;
  std::vector<unsigned char> const& bytes_;
  std::size_t at_, end_;
};

/// Reads preamble and content after checking that this is a checkpoint, that this code can read it, and that the file
/// is as long as it says.
inline std::vector<unsigned char> read_whole(input& file) {
  std::vector<unsigned char> bytes(preamble_size);
  std::size_t const got = file.read_some(bytes.data(), bytes.size());
  if (std::memcmp(bytes.data(), magic, std::min(got, sizeof magic)) != 0 || got == 0)
    throw format_error(file.name(), 0, "found other bytes than a checkpoint's first ones: this is not a checkpoint");
  if (got < preamble_size)
    throw format_error(file.name(), got, "the file ends, expected a checkpoint of at least 32 bytes");
  std::string const name = file.name();
  byte_reader reader(name, bytes, sizeof magic, bytes.size());
  auto const version = reader.number<std::uint32_t>();
  if (version != format_version)
    throw format_error(name, 8, "found format version " + std::to_string(version) + ", expected 1");
  reader.number<std::uint32_t>();
  auto const size = reader.number<std::uint64_t>();
  if (size < preamble_size || size > file.size_limit())
    throw format_error(name, 16,
                       "the checkpoint says that it has " + std::to_string(size) + " bytes, expected at most " +
                           std::to_string(file.size_limit()) + ": it is cut off or damaged");
  bytes.resize(size);
  file.read(bytes.data() + preamble_size, size - preamble_size, "the checkpoint");
  file.expect_end();
  return bytes;
}

inline value_kind checked_kind(byte_reader const& reader, std::uint8_t kind) {
  if (kind > static_cast<std::uint8_t>(value_kind::float64))
    reader.fail("found the value type " + std::to_string(kind));
  return static_cast<value_kind>(kind);
}

/// Reads one tensor's place in the directory, then its values at the content reader's place.
inline void decode_tensor(byte_reader& directory, byte_reader& content, value_kind kind, tensors& all) {
  std::string const name = directory.text();
  stored_tensor stored{kind, {}, {}, content.offset()};
  auto const rank = directory.number<std::uint32_t>();
  std::uint64_t size = size_of(kind);
  for (std::uint32_t axis = 0; axis < rank; ++axis) {
    auto const extent = directory.number<index>();
    if (extent < 0 || (extent > 0 && size > content.left() / static_cast<std::uint64_t>(extent)))
      directory.fail("tensor \"" + name + "\": found the extent " + std::to_string(extent) +
                     ", too large for the file");
    stored.extents.push_back(extent);
    size *= static_cast<std::uint64_t>(extent);
  }
  auto const expected = directory.number<std::uint32_t>();
  unsigned char const* values = content.take(size);
  if (crc(values, size) != expected)
    throw format_error(directory.origin(), stored.offset,
                       "tensor \"" + name + "\": its values do not have the check sum that was stored with them: " +
                           "the checkpoint is damaged");
  stored.bytes.assign(values, values + size);
  content.expect_zeros(padding(size));
  all[name] = std::move(stored);
}

/// Takes a checkpoint's bytes apart, as `read_whole` returned them, and verifies all of them.
inline void decode(std::string const& origin, std::vector<unsigned char> const& bytes, notes& all_notes,
                   tensors& all_tensors) {
  byte_reader preamble(origin, bytes, sizeof magic + sizeof format_version, preamble_size);
  auto const entries = preamble.number<std::uint32_t>();
  preamble.number<std::uint64_t>();
  auto const size = preamble.number<std::uint32_t>();
  auto const expected = preamble.number<std::uint32_t>();
  byte_reader rest(origin, bytes, preamble_size, bytes.size());
  std::uint32_t const found = crc(rest.take(size), size, crc(bytes.data(), checked_preamble));
  if (found != expected)
    throw format_error(origin, checked_preamble,
                       "preamble and directory do not have the check sum that was stored with them: the checkpoint is "
                       "damaged");
  byte_reader directory(origin, bytes, preamble_size, preamble_size + size);
  rest.expect_zeros(padding(preamble_size + size));
  for (std::uint32_t entry = 0; entry < entries; ++entry) {
    auto const kind = directory.number<std::uint8_t>();
    if (kind == note_kind) {
      std::string const name = directory.text();
      all_notes[name] = directory.text();
    } else {
      decode_tensor(directory, rest, checked_kind(directory, kind), all_tensors);
    }
  }
  if (directory.left() != 0) directory.fail("found more in the directory than its entries");
  if (rest.left() != 0) rest.fail("found bytes after the last tensor");
}

}  // namespace detail
}  // namespace lockstep::io
