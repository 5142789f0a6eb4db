// Fuzzes load_npy and npy_info.
#include <lockstep/io/npy.hpp>

#include "reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  lockstep::fuzz::read_bytes(data, size, [](std::string const& path) {
    lockstep::device const dev = lockstep::device::cpu(1);
    auto const header = lockstep::io::npy_info(path);
    if (header.kind == 'b')
      lockstep::io::load_npy<bool, 2>(path, dev);
    else if (header.kind == 'c')
      lockstep::io::load_npy<std::complex<float>, 3>(path, dev);
    else if (header.item_bytes == 2)
      lockstep::io::load_npy<std::int16_t, 1>(path, dev);
    else
      lockstep::io::load_npy<double, 2>(path, dev);
  });
  return 0;
}
