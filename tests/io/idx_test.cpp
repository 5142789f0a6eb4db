// IDX files: every type, plain and packed, and every way in which they can be wrong.
#include <doctest/doctest.h>

#include <lockstep/io/idx.hpp>

#include <limits>

#include "temporary_folder.hpp"

namespace io = lockstep::io;
using lockstep::format_error;
using support::bytes;
using support::contains;
using support::message_of;

namespace {

// 2 x 3 unsigned bytes 1 ... 6, spelled out as the format says.
bytes const small = {0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6};

std::string read_error(std::string const& path) {
  return message_of<format_error>([&] { io::read_idx<std::uint8_t>(path, 2); });
}

std::string error_of(bytes const& content) {
  support::temporary_folder folder;
  support::write_file(folder / "file", content);
  return read_error(folder / "file");
}

bytes changed(std::size_t at, unsigned char value) {
  bytes copy = small;
  copy.at(at) = value;
  return copy;
}

template <class T>
void round_trip(std::vector<T> const& values) {
  support::temporary_folder folder;
  io::write_idx<T>(folder / "file", {static_cast<lockstep::index>(values.size())}, values);
  auto const read = io::read_idx<T>(folder / "file", 1);
  CHECK(read.values == values);
  CHECK(read.extents == std::vector<lockstep::index>{static_cast<lockstep::index>(values.size())});
  CHECK(folder.files() == 1);
}

}  // namespace

TEST_CASE("idx: plain and packed files give the same values") {
  support::temporary_folder folder;
  support::write_file(folder / "plain", small);
  support::write_packed(folder / "packed.gz", small);
  for (char const* name : {"plain", "packed.gz"}) {
    auto const read = io::read_idx<std::uint8_t>(folder / name, 2);
    CHECK(read.extents == std::vector<lockstep::index>{2, 3});
    CHECK(read.values == std::vector<std::uint8_t>{1, 2, 3, 4, 5, 6});
  }
}

TEST_CASE("idx: values are stored big-endian") {
  support::temporary_folder folder;
  support::write_file(folder / "int32", {0, 0, 0x0c, 1, 0, 0, 0, 2, 0, 0, 1, 2, 0xff, 0xff, 0xff, 0xfe});
  CHECK(io::read_idx<std::int32_t>(folder / "int32", 1).values == std::vector<std::int32_t>{258, -2});
  support::write_file(folder / "float", {0, 0, 0x0d, 0, 0x3f, 0x80, 0, 0});
  CHECK(io::read_idx<float>(folder / "float", 0).values == std::vector<float>{1.0f});
  io::write_idx<std::int16_t>(folder / "int16", {1}, std::vector<std::int16_t>{-2});
  CHECK(support::read_file(folder / "int16") == bytes{0, 0, 0x0b, 1, 0, 0, 0, 1, 0xff, 0xfe});
}

TEST_CASE("idx: every type survives writing and reading") {
  round_trip<std::uint8_t>({0, 1, 255});
  round_trip<std::int8_t>({-128, 0, 127});
  round_trip<std::int16_t>({-32768, 258, 32767});
  round_trip<std::int32_t>({std::numeric_limits<std::int32_t>::min(), 16909060});
  round_trip<float>({-1.5f, 3.25e30f, std::numeric_limits<float>::infinity()});
  round_trip<double>({-1.5, 3.25e300, std::numeric_limits<double>::denorm_min()});
  round_trip<double>({});
}

TEST_CASE("idx: several packed members are one file") {
  support::temporary_folder folder;
  support::write_packed(folder / "a", bytes(small.begin(), small.begin() + 7));
  support::write_packed(folder / "b", bytes(small.begin() + 7, small.end()));
  bytes both = support::read_file(folder / "a");
  bytes const second = support::read_file(folder / "b");
  both.insert(both.end(), second.begin(), second.end());
  support::write_file(folder / "both", both);
  CHECK(io::read_idx<std::uint8_t>(folder / "both", 2).values == std::vector<std::uint8_t>{1, 2, 3, 4, 5, 6});
}

TEST_CASE("idx: what is wrong, and where, is said") {
  CHECK(contains(error_of({}), "byte 0: the file ends after 0 bytes of an IDX header, expected 4"));
  CHECK(contains(error_of(changed(0, 9)), "byte 0: found the bytes 9 0, expected 0 0: this is not an IDX file"));
  CHECK(contains(error_of(changed(1, 9)), "byte 0: found the bytes 0 9"));
  CHECK(contains(error_of(changed(2, 0x0d)),
                 "byte 2: found 32-bit floating-point numbers, expected unsigned 8-bit integers"));
  CHECK(contains(error_of(changed(2, 7)), "byte 2: found the unknown type code 7"));
  CHECK(contains(error_of(changed(3, 3)), "byte 3: found 3 axes, expected 2"));
  CHECK(contains(error_of(changed(11, 4)), "expected 8 bytes"));
  CHECK(contains(error_of(changed(8, 0x7f)), "byte 8: the extents ask for more values than the file can hold"));
  bytes longer = small;
  longer.push_back(0);
  CHECK(contains(error_of(longer), "byte 18: found further bytes, expected the end of the file"));
}

TEST_CASE("idx: a file cut off anywhere is refused, plain and packed") {
  support::temporary_folder folder;
  support::write_packed(folder / "whole.gz", small);
  bytes const packed = support::read_file(folder / "whole.gz");
  for (std::size_t size = 0; size < small.size(); ++size) {
    support::write_file(folder / "part", bytes(small.begin(), small.begin() + static_cast<std::ptrdiff_t>(size)));
    CHECK(contains(read_error(folder / "part"), folder / "part"));
  }
  for (std::size_t size = 0; size < packed.size(); ++size) {
    support::write_file(folder / "part", bytes(packed.begin(), packed.begin() + static_cast<std::ptrdiff_t>(size)));
    CHECK(contains(read_error(folder / "part"), folder / "part"));
  }
}

TEST_CASE("idx: a packed file with a wrong byte in its content or check sum, or with something behind it, is refused") {
  support::temporary_folder folder;
  support::write_packed(folder / "whole.gz", small);
  bytes const packed = support::read_file(folder / "whole.gz");
  for (std::size_t at = 10; at < packed.size(); ++at) {  // the 10 bytes before hold the time and the system
    bytes damaged = packed;
    damaged[at] ^= 0x10;
    support::write_file(folder / "damaged", damaged);
    CHECK_THROWS_AS(io::read_idx<std::uint8_t>(folder / "damaged", 2), format_error);
  }
  bytes longer = packed;
  longer.insert(longer.end(), {'e', 'n', 'd'});
  support::write_file(folder / "longer", longer);
  CHECK(contains(read_error(folder / "longer"), "the gzip stream is damaged"));
}

TEST_CASE("idx: a file that is not there") {
  std::string const message = message_of<lockstep::error>([] { io::read_idx<std::uint8_t>("/nowhere/at-all", 1); });
  CHECK(contains(message, "cannot open /nowhere/at-all: No such file"));
  CHECK_THROWS_AS(io::read_idx<std::uint8_t>("/", 1), lockstep::error);
}

TEST_CASE("idx: writing checks shapes and leaves nothing behind when it fails") {
  support::temporary_folder folder;
  std::vector<std::uint8_t> const values(6);
  CHECK_THROWS_AS(io::write_idx<std::uint8_t>(folder / "file", {2, 4}, values), lockstep::shape_error);
  CHECK_THROWS_AS(io::write_idx<std::uint8_t>(folder / "file", {-2, -3}, values), lockstep::shape_error);
  CHECK_THROWS_AS(io::write_idx<std::uint8_t>(folder / "no/such/folder", {6}, values), lockstep::error);
  CHECK(folder.files() == 0);
}
