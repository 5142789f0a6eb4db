// One member of a zip archive, read from front to back: stored or deflated, its length and check sum verified.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "zip_directory.hpp"

namespace lockstep::io::detail {

/// The content of a member, with the functions of io::input that readers of one format or another use.
class zip_member {
 public:
  /// Throws format_error when the archive is damaged here, or packed in a way that this code does not know.
  zip_member(random_input const& file, zip_entry const& entry) : file_(file), entry_(entry) {
    unsigned char header[zip_local_size];
    file.read(entry.offset, header, sizeof header, "the header of a member");
    if (number_at<std::uint32_t>(header) != zip_local) damaged("found no header of the member, expected one");
    if (number_at<std::uint16_t>(header + 8) != entry.method) damaged("found another method than the directory's");
    place_ =
        entry.offset + sizeof header + number_at<std::uint16_t>(header + 26) + number_at<std::uint16_t>(header + 28);
    if (place_ > file.size() || entry.packed > file.size() - place_) damaged("found a member that ends after the file");
    if ((entry.flags & 1) != 0) damaged("found an encrypted member, expected one that is not", false);
    if (entry.method != 0 && entry.method != 8)
      damaged(text_of({"found the packing method ", entry.method, ", expected 0 (stored) or 8 (deflated)"}), false);
    std::uint64_t const most = entry.method == 0 ? entry.packed : entry.packed * 1032;  // deflate packs no tighter
    if (entry.size > most || (entry.method == 0 && entry.size != entry.packed))
      damaged(
          text_of({"found a size of ", entry.size, " bytes, expected ", entry.method == 0 ? "" : "at most ", most}));
    if (entry.method == 8) start_unpacking();
  }

  std::string name() const { return file_.name() + ", member \"" + entry_.name + "\""; }
  std::uint64_t offset() const { return offset_; }
  std::uint64_t size_limit() const { return entry_.size; }

  /// Reads exactly `count` bytes, named `what` in the format_error that a member too short causes.
  void read(void* destination, std::size_t count, std::string const& what) {
    if (count > entry_.size - offset_)
      throw format_error(name(), entry_.size,
                         text_of({"the member ends after ", entry_.size - offset_, " bytes of ", what, ", expected ",
                                  count, " bytes"}));
    if (stream_)
      unpack(static_cast<unsigned char*>(destination), count);
    else
      file_.read(place_ + offset_, destination, count, "a member");
    offset_ += count;
    crc_ = crc(static_cast<unsigned char const*>(destination), count, crc_);
  }

  /// Throws format_error unless everything has been read and has the check sum of the directory.
  void expect_end() {
    if (offset_ != entry_.size)
      throw format_error(name(), offset_,
                         text_of({"found ", entry_.size - offset_, " further bytes, expected the end"}));
    unsigned char extra = 0;
    while (stream_ && !finished_ && stream_->avail_in + unread() != 0)
      if (step(&extra, 1) != 0) damaged("found more content than the directory says");
    if (stream_ && (!finished_ || stream_->avail_in + unread() != 0))
      damaged("found a packed stream whose end is not the member's");
    if (crc_ != entry_.crc) damaged("the content does not have the check sum that was stored with it");
  }

 private:
  struct end_unpacking {
    void operator()(z_stream* stream) const {
      inflateEnd(stream);
      delete stream;
    }
  };

  [[noreturn, gnu::cold, gnu::noinline]] void damaged(std::string const& problem, bool damage = true) const {
    throw format_error(file_.name(), entry_.offset,
                       text_of({"member \"", entry_.name, "\": ", problem, damage ? ": the archive is damaged" : ""}));
  }

  void start_unpacking() {
    auto stream = std::make_unique<z_stream>();
    std::memset(stream.get(), 0, sizeof(z_stream));
    if (inflateInit2(stream.get(), -15) != Z_OK) throw error("cannot unpack " + name() + ": zlib does not start");
    stream_.reset(stream.release());
    buffer_.resize(1 << 16);
  }
  std::uint64_t unread() const { return entry_.packed - packed_read_; }

  void unpack(unsigned char* to, std::size_t count) {
    while (count > 0) {
      std::size_t const done = step(to, std::min<std::size_t>(count, 1u << 30));
      if (done == 0 && (finished_ || stream_->avail_in + unread() == 0))
        damaged("found a packed stream that ends early, expected more of it");
      to += done;
      count -= done;
    }
  }
  /// Unpacks up to `count` bytes from what is in the buffer, or the next part of the file.
  std::size_t step(unsigned char* to, std::size_t count) {
    if (finished_) return 0;
    if (stream_->avail_in == 0) {
      auto const part = static_cast<std::size_t>(std::min<std::uint64_t>(buffer_.size(), unread()));
      file_.read(place_ + packed_read_, buffer_.data(), part, "a member");
      packed_read_ += part;
      stream_->next_in = buffer_.data();
      stream_->avail_in = static_cast<uInt>(part);
    }
    stream_->next_out = to;
    stream_->avail_out = static_cast<uInt>(count);
    int const result = inflate(stream_.get(), Z_NO_FLUSH);
    finished_ = result == Z_STREAM_END;
    if (result != Z_OK && result != Z_BUF_ERROR && !finished_)
      damaged(std::string("found a packed stream with an error: ") + (stream_->msg ? stream_->msg : zError(result)));
    return count - stream_->avail_out;
  }

  random_input const& file_;
  zip_entry const& entry_;
  std::uint64_t place_ = 0, offset_ = 0, packed_read_ = 0;  // of the content: in the file, read so far, taken in
  std::uint32_t crc_ = 0;
  bool finished_ = false;
  std::unique_ptr<z_stream, end_unpacking> stream_;
  std::vector<unsigned char> buffer_;
};

}  // namespace lockstep::io::detail
