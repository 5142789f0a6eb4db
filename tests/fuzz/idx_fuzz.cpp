// Fuzzes read_idx, plain and packed with gzip.
#include <lockstep/io/idx.hpp>

#include "reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  lockstep::fuzz::read_bytes(data, size, [](std::string const& path) {
    try {
      lockstep::io::read_idx<std::uint8_t>(path, 2);
    } catch (lockstep::format_error const&) {  // perhaps it is the other type
    }
    lockstep::io::read_idx<float>(path, 1);
  });
  return 0;
}
