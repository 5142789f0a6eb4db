// Runs on: cpu
// Damaged .npy and .npz files: each way that is known, then bytes changed, cut out and put in at random. Only
// format_error may come of it, or a successful read.
#include <doctest/doctest.h>

#include <lockstep/io/npz.hpp>
#include <lockstep/lockstep.hpp>

#include "npy_files.hpp"
#include "support/values.hpp"

namespace ls = lockstep;
namespace io = lockstep::io;
using lockstep::format_error;
using namespace support;

namespace {

std::string error_of(bytes const& content) {
  temporary_folder folder;
  write_file(folder / "x", content);
  return message_of<format_error>([&] { io::load_npy<float, 2>(folder / "x"); });
}
std::string error_of_dict(std::string const& dict) { return error_of(npy_file(1, dict, bytes(24))); }

/// One to four changes of a file.
bytes damaged(bytes content, ls::test::generator& random) {
  for (auto changes = 1 + random.below(4); changes > 0 && !content.empty(); --changes) {
    auto const at = content.begin() + random.below(static_cast<std::int64_t>(content.size()));
    auto const byte = static_cast<unsigned char>(random.next());
    auto const some = std::min<std::int64_t>(content.end() - at, 1 + random.below(8));
    switch (random.below(6)) {
      case 0:
        *at = byte;
        break;
      case 1:
        *at ^= static_cast<unsigned char>(1 << (byte % 8));
        break;
      case 2:
        std::fill(at, at + some, random.below(2) ? 0xff : 0);
        break;
      case 3:
        content.erase(at, at + some);
        break;
      case 4:
        content.insert(at, static_cast<std::size_t>(some), byte);
        break;
      case 5:
        if (random.below(4) == 0) content.erase(at, content.end());
    }
  }
  return content;
}

/// Counts how often read(path) succeeds on damaged files; what it throws must be a format_error.
template <class Read>
int survived(bytes const& good, std::uint64_t seed, int times, Read&& read) {
  temporary_folder folder;
  ls::test::generator random(seed);
  int successes = 0;
  for (int k = 0; k < times; ++k) {
    INFO("seed " << seed << ", change " << k);
    write_file(folder / "x", damaged(good, random));
    try {
      read(folder / "x");
      ++successes;
    } catch (format_error const&) {
    } catch (std::exception const& other) {
      FAIL_CHECK("found another exception than format_error: " << other.what());
    }
  }
  return successes;
}

}  // namespace

TEST_CASE("npy: a damaged header is refused with place and reason") {
  bytes const good = npy_file(1, npy_dict("<f4", "False", "(2, 3)"), bytes(24));
  bytes changed = good;
  CHECK(contains(error_of({}), "byte 0: the file ends after 0 bytes of an .npy header, expected 8"));
  CHECK(contains(error_of({'P', 'K', 3, 4, 0, 0, 0, 0}), "byte 0: found other bytes than \\x93NUMPY"));
  changed[6] = 4;
  CHECK(contains(error_of(changed), "byte 6: found the .npy format version 4.0, expected 1.0, 2.0 or 3.0"));
  changed = good, changed[7] = 1;
  CHECK(contains(error_of(changed), "version 1.1"));
  changed = good, changed[9] = 0xff;
  CHECK(contains(error_of(changed), "byte 8: found the header length 65"));
  CHECK(contains(error_of({0x93, 'N', 'U', 'M', 'P', 'Y', 3, 0, 255, 255, 255, 255}),
                 "found the header length 4294967295, expected at most 0"));
  CHECK(contains(error_of_dict(""), "byte 10: expected a dict"));
  CHECK(contains(error_of_dict("['descr']"), "byte 10: expected a dict, which begins with {"));
  CHECK(contains(error_of_dict("{'descr': '<f4', 'fortran_order': False}"), "found no key 'shape'"));
  CHECK(contains(error_of_dict("{'descr': '<f4', 'descr': '<f4'}"), "byte 27: found the key 'descr' twice"));
  CHECK(contains(error_of_dict("{'type': '<f4'}"), "byte 11: found the key 'type', expected descr"));
  CHECK(contains(error_of_dict("{'descr': '<f4' 'shape'"), "expected a comma or }"));
  CHECK(contains(error_of_dict("{'descr': <f4"), "expected a text in quotes"));
  CHECK(contains(error_of_dict("{'descr': '<f4"), "without its closing quote"));
  CHECK(contains(error_of_dict("{'descr': [('a', '<f4'"), "without its closing ]"));
  CHECK(contains(error_of_dict(npy_dict("<f4", "0", "(2, 3)")), "expected True or False"));
  CHECK(contains(error_of_dict(npy_dict("<f4", "False", "(2, 3)") + "x"), "found more after the header's dict"));
  for (char const* dtype : {"", "<", "f", "<f5", "<q4", "<f04", "<f4 ", "float32", "<f99999999999999999999"})
    CHECK(contains(error_of_dict(npy_dict(dtype, "False", "(2, 3)")), "found the dtype '"));
}

TEST_CASE("npy: a shape that cannot be, and values that do not fit it") {
  auto const error_of_shape = [](std::string const& shape) { return error_of_dict(npy_dict("<f4", "False", shape)); };
  CHECK(contains(error_of_shape("(2, -3)"), "byte 64: found a negative extent"));
  CHECK(contains(error_of_shape("(2, 99999999999999999999)"), "byte 64: found an extent beyond 2^63"));
  CHECK(contains(error_of_shape("(4611686018427387904, 4611686018427387904)"), "expected one of at most 2^63 bytes"));
  CHECK(
      contains(error_of_shape("(4611686018427387904, 4611686018427387904, 0)"), "expected one of at most 2^63 bytes"));
  CHECK(contains(error_of_shape("(1000000000, 1000000000)"),
                 "found at most 24 bytes of values, expected 4000000000000000000 for float32 of shape"));
  CHECK(contains(error_of_shape("(2, 4)"), "found at most 24 bytes of values, expected 32"));
  CHECK(contains(error_of_shape("(2, 2)"), ": found further bytes, expected the end of the file"));
  CHECK(contains(error_of_shape("[2, 3]"), "expected a tuple"));
  CHECK(contains(error_of_shape("(6)"), "expected a tuple such as (3,)"));
  CHECK(contains(error_of_shape("(2 3)"), "expected a comma or )"));
  CHECK(contains(error_of_shape("(2,, 3)"), "expected an extent"));
  CHECK(contains(error_of_shape("(2.0, 3)"), "expected a comma or )"));
  CHECK(contains(error_of_shape("(2, 3"), "expected an extent"));
}

TEST_CASE("npy: every truncation is refused") {
  temporary_folder folder;
  bytes content = npy_file(2, npy_dict(">f4", "True", "(2, 3)"), bytes(24));
  while (!content.empty()) {
    content.pop_back();
    write_file(folder / "x", content);
    CHECK_THROWS_AS((io::load_npy<float, 2>(folder / "x")), format_error);
  }
}

TEST_CASE("npy: damage at random") {
  auto const read = [](std::string const& path) {
    io::npy_header const header = io::npy_info(path);
    if (header.kind == 'b') return static_cast<void>(io::load_npy<bool, 2>(path));
    if (header.item_bytes == 8) return static_cast<void>(io::load_npy<double, 2>(path));
    io::load_npy<float, 2>(path);
  };
  int successes = 0;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    successes += survived(npy_file(1, npy_dict("<f4", "True", "(40, 3)"), bytes(480)), seed, 1000, read);
    successes += survived(npy_file(3, npy_dict(">f8", "False", "(2, 3)"), bytes(48)), seed, 1000, read);
    successes += survived(npy_file(2, npy_dict("|b1", "True", "(5, 5)"), bytes(25)), seed, 1000, read);
  }
  CHECK(successes > 100);  // not everything is noticed: .npy files have no check sum
}

TEST_CASE("npz: damage at random, and every truncation") {
  bytes const small = npy_file(1, npy_dict("<f4", "True", "(3, 4)"), bytes(48));
  auto const read = [](std::string const& path) {
    io::npz_reader const reader(path);
    for (std::string const& name : reader.names()) reader.load<float, 2>(name);
  };
  for (bool zip64 : {false, true}) {
    bytes content = zip_file({{"x.npy", small}, {"packed.npy", small, true}}, zip64);
    survived(content, 7 + zip64, 3000, read);
    while (!content.empty()) {
      content.pop_back();
      temporary_folder folder;
      write_file(folder / "x", content);
      CHECK_THROWS_AS(read(folder / "x"), format_error);
    }
  }
}
