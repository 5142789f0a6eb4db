// The directory of a zip archive, with its zip64 form: what members there are, where, and how long.
// Format: PKWARE's .ZIP File Format Specification (APPNOTE.TXT), 4.3 and 4.5.3.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <vector>

#include "bytes.hpp"
#include "input.hpp"

namespace lockstep::io::detail {

/// A member of an archive, as the directory describes it.
struct zip_entry {
  std::string name;
  std::uint16_t flags = 0, method = 0;  ///< method 0 is stored, 8 deflated
  std::uint32_t crc = 0;
  std::uint64_t packed = 0, size = 0, offset = 0;  ///< bytes in the archive, of the content; where its header lies
};

inline constexpr std::uint32_t zip_local = 0x04034b50, zip_central = 0x02014b50, zip_end = 0x06054b50,
                               zip64_end = 0x06064b50, zip64_locator = 0x07064b50;
inline constexpr std::size_t zip_local_size = 30, zip_central_size = 46, zip_end_size = 22, zip64_end_size = 56,
                             zip64_locator_size = 20;
inline constexpr std::uint32_t zip_in_64 = 0xffffffff;  ///< a size or place that stands in the zip64 part instead

/// A file that is read at any place, by several threads if need be.
class random_input {
 public:
  /// Throws lockstep::error when the file cannot be opened.
  explicit random_input(std::string path) : path_(std::move(path)) {
    descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat status = {};
    if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0) {
      std::string const reason = last_system_error();
      if (descriptor_ >= 0) ::close(descriptor_);
      throw error("cannot open " + path_ + ": " + reason);
    }
    size_ = static_cast<std::uint64_t>(status.st_size);
  }
  random_input(random_input const&) = delete;
  random_input& operator=(random_input const&) = delete;
  ~random_input() { ::close(descriptor_); }

  std::string const& name() const { return path_; }
  std::uint64_t size() const { return size_; }

  /// Reads exactly `count` bytes at `offset`; format_error, which says that `what` is cut off, where the file ends.
  void read(std::uint64_t offset, void* destination, std::size_t count, char const* what) const {
    if (offset > size_ || count > size_ - offset)
      throw format_error(path_, offset, text_of({"the file ends within ", what, " of ", count, " bytes"}));
    auto* to = static_cast<char*>(destination);
    while (count > 0) {
      ssize_t const got = ::pread(descriptor_, to, count, static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw error("cannot read " + path_ + ": " + last_system_error());
      if (got == 0) throw format_error(path_, offset, "the file ends, though it was longer when it was opened");
      to += got;
      offset += static_cast<std::uint64_t>(got);
      count -= static_cast<std::size_t>(got);
    }
  }

 private:
  std::string path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

/// Where the directory lies, and how many members it names.
struct zip_place {
  std::uint64_t entries = 0, size = 0, offset = 0;
  std::uint64_t end = 0;  ///< where the records that follow it begin
};

/// The end record's place: the last one whose comment ends with the file.
inline std::uint64_t find_zip_end(random_input const& file, std::vector<unsigned char>& tail) {
  std::uint64_t const most = zip_end_size + 0xffff;
  tail.resize(static_cast<std::size_t>(std::min(file.size(), most)));
  file.read(file.size() - tail.size(), tail.data(), tail.size(), "a zip archive");
  for (std::size_t left = zip_end_size; left <= tail.size(); ++left) {
    unsigned char const* const at = tail.data() + tail.size() - left;
    if (number_at<std::uint32_t>(at) == zip_end && number_at<std::uint16_t>(at + 20) == left - zip_end_size) {
      tail.erase(tail.begin(), tail.end() - static_cast<std::ptrdiff_t>(left));
      return file.size() - left;
    }
  }
  throw format_error(file.name(), file.size(),
                     "found no end record of a zip archive: this is none (.npz files are), or it is cut off");
}

/// Where the zip64 records in front of the end record say that the directory is; `otherwise` where there are none.
inline zip_place find_zip64_directory(random_input const& file, std::uint64_t end, zip_place const& otherwise) {
  unsigned char locator[zip64_locator_size], record[zip64_end_size];
  if (end < sizeof locator) return otherwise;
  file.read(end - sizeof locator, locator, sizeof locator, "the zip64 locator");
  if (number_at<std::uint32_t>(locator) != zip64_locator) return otherwise;
  auto const place = number_at<std::uint64_t>(locator + 8);
  file.read(place, record, sizeof record, "the zip64 end record");
  if (number_at<std::uint32_t>(record) != zip64_end)
    throw format_error(file.name(), place, "found no zip64 end record, expected one: the archive is damaged");
  return {number_at<std::uint64_t>(record + 32), number_at<std::uint64_t>(record + 40),
          number_at<std::uint64_t>(record + 48), place};
}

inline zip_place find_zip_directory(random_input const& file) {
  std::vector<unsigned char> record;
  std::uint64_t const end = find_zip_end(file, record);
  zip_place found{number_at<std::uint16_t>(&record[10]), number_at<std::uint32_t>(&record[12]),
                  number_at<std::uint32_t>(&record[16]), end};
  if (found.entries == 0xffff || found.size == zip_in_64 || found.offset == zip_in_64)
    found = find_zip64_directory(file, end, found);
  if (found.offset > found.end || found.size != found.end - found.offset ||
      found.entries > found.size / zip_central_size)
    throw format_error(file.name(), end,
                       text_of({"found a directory of ", found.entries, " members in ", found.size, " bytes at byte ",
                                found.offset, ", expected it right before byte ", found.end,
                                ": the archive is damaged, has parts, or something stands in front of it"}));
  return found;
}

/// Takes sizes and place from the zip64 part of a member's extra fields, those which the directory leaves to it.
inline void read_zip64_extra(std::string const& file, std::uint64_t at, unsigned char const* extra, std::size_t size,
                             zip_entry& entry) {
  while (size >= 4) {
    auto const id = number_at<std::uint16_t>(extra);
    std::size_t const length = number_at<std::uint16_t>(extra + 2);
    if (length > size - 4) break;
    std::size_t used = 0;
    for (std::uint64_t* value : {&entry.size, &entry.packed, &entry.offset}) {
      if (id != 1 || *value != zip_in_64 || length - used < 8) continue;
      *value = number_at<std::uint64_t>(extra + 4 + used);
      used += 8;
    }
    if (id == 1) return;
    extra += 4 + length;
    size -= 4 + length;
  }
  if (entry.size == zip_in_64 || entry.packed == zip_in_64 || entry.offset == zip_in_64)
    throw format_error(file, at, "found no zip64 sizes of a member, expected them: the archive is damaged");
}

/// The members of an archive. Throws format_error when the directory is damaged.
inline std::vector<zip_entry> read_zip_directory(random_input const& file) {
  zip_place const place = find_zip_directory(file);
  std::vector<unsigned char> bytes(static_cast<std::size_t>(place.size));
  file.read(place.offset, bytes.data(), bytes.size(), "the directory");
  std::vector<zip_entry> entries(static_cast<std::size_t>(place.entries));
  std::size_t at = 0;
  auto const fail = [&](std::string const& problem) {
    throw format_error(file.name(), place.offset + at, problem + ": the archive is damaged");
  };
  for (zip_entry& entry : entries) {
    unsigned char const* const record = bytes.data() + at;
    if (bytes.size() - at < zip_central_size || number_at<std::uint32_t>(record) != zip_central)
      fail("found no entry of the directory, expected one");
    std::size_t const name = number_at<std::uint16_t>(record + 28), extra = number_at<std::uint16_t>(record + 30);
    std::size_t const length = zip_central_size + name + extra + number_at<std::uint16_t>(record + 32);
    if (length > bytes.size() - at) fail("found an entry that is longer than the directory");
    entry = {std::string(reinterpret_cast<char const*>(record) + zip_central_size, name),
             number_at<std::uint16_t>(record + 8),
             number_at<std::uint16_t>(record + 10),
             number_at<std::uint32_t>(record + 16),
             number_at<std::uint32_t>(record + 20),
             number_at<std::uint32_t>(record + 24),
             number_at<std::uint32_t>(record + 42)};
    read_zip64_extra(file.name(), place.offset + at, record + zip_central_size + name, extra, entry);
    if (entry.offset > place.offset || entry.packed > place.offset - entry.offset)
      fail(text_of({"found a member of ", entry.packed, " bytes at byte ", entry.offset,
                    ", expected it in front of the directory"}));
    at += length;
  }
  if (at != bytes.size()) fail("found more in the directory than its entries");
  return entries;
}

}  // namespace lockstep::io::detail
