// Fuzzes checkpoint::read. Its check sums are made right first, or nothing behind them would ever be reached.
#include <lockstep/io/checkpoint.hpp>
#include <vector>

#include "reader.hpp"

namespace {

namespace format = lockstep::io::detail;

/// Writes the check sum of preamble and directory where the format has it.
void repair(std::vector<std::uint8_t>& bytes) {
  if (bytes.size() < format::preamble_size) return;
  std::uint32_t const directory = format::number_at<std::uint32_t>(&bytes[24]);
  if (directory > bytes.size() - format::preamble_size) return;
  std::uint32_t const sum =
      format::crc(bytes.data() + format::preamble_size, directory, format::crc(bytes.data(), format::checked_preamble));
  std::memcpy(&bytes[format::checked_preamble], &sum, sizeof sum);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::vector<std::uint8_t> bytes(data, data + size);
  repair(bytes);
  lockstep::fuzz::read_bytes(bytes.data(), size, [](std::string const& path) { lockstep::io::checkpoint::read(path); });
  return 0;
}
