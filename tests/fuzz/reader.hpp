// Hands a fuzzer's bytes to a reader of files: anything but a format_error or a successful read is a finding.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <lockstep/core/error.hpp>
#include <stdexcept>
#include <string>

namespace lockstep::fuzz {

/// A file in memory, which readers open by its name.
class memory_file {
 public:
  memory_file(std::uint8_t const* data, std::size_t size) : descriptor_(memfd_create("fuzz", MFD_CLOEXEC)) {
    if (descriptor_ < 0 || ::write(descriptor_, data, size) != static_cast<ssize_t>(size))
      throw std::runtime_error("no memory for a file");
  }
  memory_file(memory_file const&) = delete;
  memory_file& operator=(memory_file const&) = delete;
  ~memory_file() { ::close(descriptor_); }

  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

/// Calls read(path) on a file of these bytes.
template <class Read>
void read_bytes(std::uint8_t const* data, std::size_t size, Read&& read) {
  memory_file const file(data, size);
  try {
    read(file.path());
  } catch (format_error const&) {
  }
}

}  // namespace lockstep::fuzz
