// Several named arrays in one of NumPy's .npz files, which are zip archives of .npy files.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "npy.hpp"
#include "zip_member.hpp"

namespace lockstep::io {

/// When the fields of 64 bits of a zip archive are written: where a size or a number needs them, or everywhere.
enum class zip64 { when_needed, always };

/// Writes arrays, stored and not packed, one after another. The file is replaced whole when `finish` is called; without
/// that the old one stays. The same arrays give the same bytes.
class npz_writer {
 public:
  /// Throws lockstep::error when the folder cannot be written to.
  explicit npz_writer(std::string path, zip64 fields = zip64::when_needed)
      : path_(path), file_(std::move(path)), always_(fields == zip64::always) {}

  /// Appends an array, or an expression's values. Throws error for a name that is there already, is empty, or too long
  /// for an archive, and when the file cannot be written.
  template <expression E>
  void add(std::string const& name, E const& e) {
    add_image(name, npy_image_of(e));
  }

  /// Writes the directory and puts the file in place. Nothing can be added after that.
  void finish() {
    require_open();
    std::uint64_t const begin = offset_, entries = names_.size();
    write(directory_);
    finished_ = true;
    bool const in_64 = always_ || entries >= 0xffff || begin >= detail::zip_in_64 || offset_ >= detail::zip_in_64;
    std::vector<unsigned char> end;
    if (in_64) append_zip64_end(end, entries, begin);
    auto const clipped = [&](std::uint64_t value) {
      return static_cast<std::uint32_t>(in_64 ? detail::zip_in_64 : value);
    };
    detail::append(end, detail::zip_end);
    detail::append(end, std::uint32_t{0});
    detail::append(end, static_cast<std::uint16_t>(clipped(entries)));
    detail::append(end, static_cast<std::uint16_t>(clipped(entries)));
    detail::append(end, clipped(directory_.size()));
    detail::append(end, clipped(begin));
    detail::append(end, std::uint16_t{0});
    write(end);
    file_.commit();
  }

 private:
  void require_open() const {
    if (finished_) throw error(path_ + ": found a finished archive, expected one that is being written");
  }
  void write(std::vector<unsigned char> const& bytes) {
    file_.write(bytes.data(), bytes.size());
    offset_ += bytes.size();
  }

  void add_image(std::string const& name, detail::npy_image const& image) {
    require_open();
    if (name.empty() || name.size() > 0xff00)
      throw error(text_of({path_, ": found a name of ", name.size(), " bytes, expected 1 to 65280"}));
    if (!names_.insert(name).second) throw error(path_ + ": found the name \"" + name + "\" twice, expected it once");
    detail::zip_entry entry;
    entry.name = name + ".npy";
    entry.crc = detail::crc(image.values, image.bytes, detail::crc(image.header.data(), image.header.size()));
    entry.size = entry.packed = image.header.size() + image.bytes;
    entry.offset = offset_;
    std::vector<unsigned char> header;
    append_header(header, entry, false);
    write(header);
    write(image.header);
    file_.write(image.values, image.bytes);
    offset_ += image.bytes;
    append_header(directory_, entry, true);
  }

  /// A member's header in front of it (local) or in the directory (central); their first fields are the same.
  void append_header(std::vector<unsigned char>& to, detail::zip_entry const& entry, bool central) const {
    bool const long_size = always_ || entry.size >= detail::zip_in_64;
    bool const long_offset = central && (always_ || entry.offset >= detail::zip_in_64);
    std::size_t const values = (long_size ? 2u : 0u) + (long_offset ? 1u : 0u);
    std::uint16_t const version = values > 0 ? 45 : 20;
    detail::append(to, central ? detail::zip_central : detail::zip_local);
    if (central) detail::append(to, version);
    detail::append(to, version);
    detail::append(to, std::uint32_t{0x0800});      // names are UTF-8; stored
    detail::append(to, std::uint32_t{0x00210000});  // 1980-01-01, the first day that there is
    detail::append(to, entry.crc);
    auto const size = static_cast<std::uint32_t>(long_size ? detail::zip_in_64 : entry.size);
    detail::append(to, size);
    detail::append(to, size);
    detail::append(to, static_cast<std::uint16_t>(entry.name.size()));
    detail::append(to, static_cast<std::uint16_t>(values == 0 ? 0 : 4 + 8 * values));
    if (central) {
      to.insert(to.end(), 10, 0);  // no comment, part 0, no attributes
      detail::append(to, static_cast<std::uint32_t>(long_offset ? detail::zip_in_64 : entry.offset));
    }
    to.insert(to.end(), entry.name.begin(), entry.name.end());
    if (values == 0) return;
    detail::append(to, std::uint16_t{1});
    detail::append(to, static_cast<std::uint16_t>(8 * values));
    if (long_size) detail::append(to, entry.size), detail::append(to, entry.size);
    if (long_offset) detail::append(to, entry.offset);
  }

  void append_zip64_end(std::vector<unsigned char>& to, std::uint64_t entries, std::uint64_t begin) const {
    detail::append(to, detail::zip64_end);
    detail::append(to, std::uint64_t{detail::zip64_end_size - 12});
    detail::append(to, std::uint32_t{45u << 16 | 45u});
    detail::append(to, std::uint64_t{0});
    detail::append(to, entries);
    detail::append(to, entries);
    detail::append(to, std::uint64_t{directory_.size()});
    detail::append(to, begin);
    detail::append(to, detail::zip64_locator);
    detail::append(to, std::uint32_t{0});
    detail::append(to, offset_);
    detail::append(to, std::uint32_t{1});
  }

  std::string path_;
  replacement file_;
  bool always_, finished_ = false;
  std::uint64_t offset_ = 0;
  std::set<std::string> names_;
  std::vector<unsigned char> directory_;
};

/// Reads arrays by name from an .npz file, stored or deflated, also zip64. The check sum of each is verified when it is
/// loaded. Several threads may load at the same time.
class npz_reader {
 public:
  /// Throws lockstep::error when the file cannot be opened, format_error when its directory is damaged.
  explicit npz_reader(std::string path) : file_(std::move(path)), entries_(detail::read_zip_directory(file_)) {
    std::set<std::string> known;
    for (detail::zip_entry const& entry : entries_)
      if (!known.insert(name_of(entry)).second)
        throw format_error(file_.name(), entry.offset,
                           "found two members named \"" + name_of(entry) + "\", expected one: the archive is damaged");
  }

  /// The names, in the order of the archive, without ".npy".
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (detail::zip_entry const& entry : entries_) all.push_back(name_of(entry));
    return all;
  }
  bool contains(std::string const& name) const { return find(name) != nullptr; }

  /// What the array of this name is. Throws format_error when there is none, or its header is damaged.
  npy_header info(std::string const& name) const {
    detail::zip_member member(file_, required(name));
    return detail::read_npy_header(member);
  }

  /// The array of this name. Throws as load_npy does, and format_error when there is none.
  template <class T, std::size_t Rank = 1>
  array<T, Rank> load(std::string const& name, device const& where = default_device()) const {
    detail::zip_member member(file_, required(name));
    return detail::read_npy_array<T, Rank>(member, where);
  }

 private:
  static std::string name_of(detail::zip_entry const& entry) {
    return entry.name.ends_with(".npy") ? entry.name.substr(0, entry.name.size() - 4) : entry.name;
  }
  detail::zip_entry const* find(std::string const& name) const {
    for (detail::zip_entry const& entry : entries_)
      if (name_of(entry) == name) return &entry;
    return nullptr;
  }
  detail::zip_entry const& required(std::string const& name) const {
    detail::zip_entry const* const found = find(name);
    if (found) return *found;
    std::string all;
    for (detail::zip_entry const& entry : entries_) all += (all.empty() ? "" : ", ") + name_of(entry);
    throw format_error(file_.name(), 0,
                       "found no array named \"" + name + "\", expected one of: " + (all.empty() ? "(none)" : all));
  }

  detail::random_input file_;
  std::vector<detail::zip_entry> entries_;
};

namespace detail {
inline void add_arrays(npz_writer&) {}
template <class E, class... Rest>
void add_arrays(npz_writer& writer, std::string const& name, E const& e, Rest const&... rest) {
  writer.add(name, e);
  add_arrays(writer, rest...);
}
}  // namespace detail

/// Writes names and arrays (or expressions) in turn: save_npz("file.npz", "x", x, "sum", x + y). The file is replaced
/// whole or not at all. Throws as npz_writer does.
template <class... NamesAndArrays>
requires(sizeof...(NamesAndArrays) % 2 == 0) void save_npz(std::string const& path, NamesAndArrays const&... all) {
  npz_writer writer(path);
  detail::add_arrays(writer, all...);
  writer.finish();
}

}  // namespace lockstep::io
