// process_memory: memory that processes of one machine share. It has no name, so nothing is left when they end,
// however.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "../core/error.hpp"

namespace lockstep {

/// A mapping of zeros that others can map, too, while `descriptor()` is open in this process. Pages take memory when
/// they are first touched.
class process_memory {
 public:
  process_memory() = default;
  /// Throws out_of_memory when the system has none.
  explicit process_memory(std::size_t bytes) : process_memory(memfd_create("lockstep", MFD_CLOEXEC), bytes, true) {}
  /// Maps what process `owner` has open as `descriptor`. Throws communication_error when that is not possible or not
  /// what has `identity`, as between containers.
  process_memory(std::int64_t owner, int descriptor, std::int64_t identity, std::size_t bytes)
      : process_memory(open_of(owner, descriptor, identity), bytes, false) {
    close_descriptor();
  }
  process_memory(process_memory&& other) noexcept { *this = std::move(other); }
  process_memory& operator=(process_memory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~process_memory() {
    if (data_) munmap(data_, bytes_);
    close_descriptor();
  }

  unsigned char* data() const { return static_cast<unsigned char*>(data_); }
  int descriptor() const { return descriptor_; }
  /// Tells it from every other memory of this machine, while the descriptor is open.
  std::int64_t identity() const { return identity_of(descriptor_); }
  void close_descriptor() {
    if (descriptor_ >= 0) close(descriptor_);
    descriptor_ = -1;
  }

 private:
  process_memory(int descriptor, std::size_t bytes, bool resize) : bytes_(bytes), descriptor_(descriptor) {
    bool const good = descriptor >= 0 && (!resize || ftruncate(descriptor, static_cast<off_t>(bytes)) == 0);
    void* const data = good ? mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0) : MAP_FAILED;
    if (data != MAP_FAILED) {
      data_ = data;
      return;
    }
    std::string const why = std::strerror(errno);
    close_descriptor();
    throw out_of_memory(text_of({"shared memory: found no way to map ", bytes, " bytes: ", why}));
  }
  static std::int64_t identity_of(int descriptor) {
    struct stat found = {};
    return fstat(descriptor, &found) == 0 ? static_cast<std::int64_t>(found.st_ino * 1000003 + found.st_dev) : -1;
  }
  static int open_of(std::int64_t owner, int descriptor, std::int64_t identity) {
    std::string const path = text_of({"/proc/", owner, "/fd/", descriptor});
    int const opened = open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (opened < 0)
      throw communication_error(text_of({"shared memory: cannot open ", path, ": ", std::strerror(errno),
                                         "; processes of one machine must see each other's /proc"}));
    if (identity_of(opened) == identity) return opened;
    close(opened);
    throw communication_error(text_of({"shared memory: found something else as ", path,
                                       " than its owner; processes of one machine must see each other's /proc"}));
  }

  void* data_ = nullptr;
  std::size_t bytes_ = 0;
  int descriptor_ = -1;
};

}  // namespace lockstep
