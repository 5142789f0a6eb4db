// Reads a file from front to back, unpacking gzip on the way, and says where it went wrong when it did.
#pragma once

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "../core/error.hpp"

namespace lockstep::io {

/// The system's words for the error that just happened, such as "No such file or directory".
inline std::string last_system_error() { return std::strerror(errno); }

/// A file opened for reading. A file that begins with gzip's magic bytes is unpacked while it is read, all members of
/// it, and its check sums are verified. Offsets count unpacked bytes; an error in the packed stream names packed ones.
class input {
 public:
  /// Throws lockstep::error when the file cannot be opened.
  explicit input(std::string path) : path_(std::move(path)), file_(std::fopen(path_.c_str(), "rb")) {
    if (!file_) throw error("cannot open " + path_ + ": " + last_system_error());
    std::fseek(file_.get(), 0, SEEK_END);
    file_size_ = static_cast<std::uint64_t>(std::ftell(file_.get()));
    std::rewind(file_.get());
    unsigned char magic[2] = {};
    packed_ = std::fread(magic, 1, 2, file_.get()) == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
    std::rewind(file_.get());
    if (packed_) start_unpacking();
  }

  /// The file's name, with a note when offsets count unpacked bytes.
  std::string name() const { return packed_ ? path_ + " (unpacked)" : path_; }
  /// Bytes read so far.
  std::uint64_t offset() const { return offset_; }

  /// The most bytes that this file can hold: its size, or what gzip can unpack to at best (1032 to 1).
  std::uint64_t size_limit() const { return packed_ ? file_size_ * 1032 : file_size_; }

  /// Reads up to `count` bytes and returns how many there were: fewer only at the end of the file.
  std::size_t read_some(void* destination, std::size_t count) {
    std::size_t const got = packed_ ? unpack(destination, count) : read_raw(destination, count);
    offset_ += got;
    return got;
  }

  /// Reads exactly `count` bytes, named `what` in the format_error that a file too short causes.
  void read(void* destination, std::size_t count, std::string const& what) {
    std::size_t const got = read_some(destination, count);
    if (got != count)
      throw format_error(name(), offset_,
                         "the file ends after " + std::to_string(got) + " bytes of " + what + ", expected " +
                             std::to_string(count) + " bytes");
  }

  /// Throws format_error unless everything has been read.
  void expect_end() {
    unsigned char extra = 0;
    std::uint64_t const end = offset_;
    if (read_some(&extra, 1) != 0) throw format_error(name(), end, "found further bytes, expected the end of the file");
  }

 private:
  struct close_file {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  struct end_unpacking {
    void operator()(z_stream* stream) const {
      inflateEnd(stream);
      delete stream;
    }
  };

  void start_unpacking() {
    auto stream = std::make_unique<z_stream>();
    std::memset(stream.get(), 0, sizeof(z_stream));
    if (inflateInit2(stream.get(), 15 + 16) != Z_OK) throw error("cannot unpack " + path_ + ": zlib does not start");
    stream_.reset(stream.release());
    buffer_.resize(1 << 16);
  }

  std::size_t read_raw(void* destination, std::size_t count) {
    std::size_t const got = std::fread(destination, 1, count, file_.get());
    if (got != count && std::ferror(file_.get())) throw error("cannot read " + path_ + ": " + last_system_error());
    return got;
  }

  std::size_t unpack(void* destination, std::size_t count) {
    std::size_t done = 0;
    while (done < count && !finished_) {
      std::size_t const part = std::min<std::size_t>(count - done, 1u << 30);
      stream_->next_out = static_cast<Bytef*>(destination) + done;
      stream_->avail_out = static_cast<uInt>(part);
      refill();
      step();
      done += part - stream_->avail_out;
    }
    return done;
  }

  void refill() {
    if (stream_->avail_in != 0) return;
    stream_->next_in = buffer_.data();
    stream_->avail_in = static_cast<uInt>(read_raw(buffer_.data(), buffer_.size()));
    packed_read_ += stream_->avail_in;
  }

  void step() {
    if (stream_->avail_in == 0)
      throw format_error(path_, packed_read_, "the gzip stream is cut off, expected more of it");
    int const result = inflate(stream_.get(), Z_NO_FLUSH);
    if (result == Z_STREAM_END) return next_member();
    if (result != Z_OK && result != Z_BUF_ERROR)
      throw format_error(path_, packed_read_ - stream_->avail_in,
                         std::string("the gzip stream is damaged: ") + (stream_->msg ? stream_->msg : zError(result)));
  }

  void next_member() {
    refill();
    finished_ = stream_->avail_in == 0;
    if (!finished_) inflateReset(stream_.get());  // whatever follows must again be gzip, or inflate says so
  }

  std::string path_;
  std::unique_ptr<std::FILE, close_file> file_;
  std::uint64_t file_size_ = 0, offset_ = 0, packed_read_ = 0;
  bool packed_ = false, finished_ = false;
  std::unique_ptr<z_stream, end_unpacking> stream_;
  std::vector<unsigned char> buffer_;
};

}  // namespace lockstep::io
