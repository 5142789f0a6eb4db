// Fuzzes npz_reader: the directory, the members' headers, unpacking.
#include <lockstep/io/npz.hpp>

#include "reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  lockstep::fuzz::read_bytes(data, size, [](std::string const& path) {
    lockstep::io::npz_reader const reader(path);
    for (std::string const& name : reader.names()) {
      try {
        reader.load<float, 2>(name, lockstep::device::cpu(1));
      } catch (lockstep::format_error const&) {  // on to the next member
      }
    }
  });
  return 0;
}
