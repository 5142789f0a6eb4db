// Replaces a file whole or not at all: readers, and a machine that dies, see the old content or the new, never a part.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <string>

#include "../core/error.hpp"

namespace lockstep::io {

/// A file being written beside the one it will replace. `commit` puts it in place (write, fsync, rename, fsync of the
/// folder); a destructor without it removes what was written and leaves the old file untouched.
class replacement {
 public:
  /// Throws lockstep::error when the folder cannot be written to.
  explicit replacement(std::string path) : path_(std::move(path)) {
    static std::atomic<unsigned> count{0};
    beside_ = path_ + ".part-" + std::to_string(::getpid()) + "-" + std::to_string(count++);
    descriptor_ = ::open(beside_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ < 0) fail("create", beside_);
  }
  replacement(replacement const&) = delete;
  replacement& operator=(replacement const&) = delete;
  ~replacement() { abandon(); }

  /// Appends bytes. Throws lockstep::error, for instance when the disk is full.
  void write(void const* bytes, std::size_t count) {
    auto const* next = static_cast<unsigned char const*>(bytes);
    while (count > 0) {
      ssize_t const done = ::write(descriptor_, next, count);
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) fail("write to", beside_);
      next += done;
      count -= static_cast<std::size_t>(done);
    }
  }

  /// Makes the new content durable and puts it in place of the old.
  void commit() {
    if (::fsync(descriptor_) != 0) fail("write to", beside_);
    int const descriptor = descriptor_;
    descriptor_ = -1;
    bool ok = ::close(descriptor) == 0;
    ok = ok && std::rename(beside_.c_str(), path_.c_str()) == 0;
    if (!ok) {
      std::string const reason = std::strerror(errno);
      ::unlink(beside_.c_str());
      throw error("cannot replace " + path_ + ": " + reason);
    }
    synchronize_folder();
  }

 private:
  [[noreturn]] void fail(char const* verb, std::string const& file) {
    std::string const reason = std::strerror(errno);
    abandon();
    throw error(std::string("cannot ") + verb + " " + file + ": " + reason);
  }

  void abandon() {
    if (descriptor_ < 0) return;
    ::close(descriptor_);
    ::unlink(beside_.c_str());
    descriptor_ = -1;
  }

  // The rename itself must survive a crash. Some file systems cannot synchronize a folder: then there is nothing to do.
  void synchronize_folder() const {
    std::size_t const slash = path_.rfind('/');
    std::string const folder = slash == std::string::npos ? "." : path_.substr(0, slash + 1);
    int const descriptor = ::open(folder.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return;
    ::fsync(descriptor);
    ::close(descriptor);
  }

  std::string path_, beside_;
  int descriptor_ = -1;
};

/// Replaces the file at `path` by `text`, whole or not at all.
inline void write_text(std::string const& path, std::string const& text) {
  replacement file(path);
  file.write(text.data(), text.size());
  file.commit();
}

}  // namespace lockstep::io
