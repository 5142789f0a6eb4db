// Runs on: cpu
// .npz files: stored, deflated, zip64, against archives that are put together by hand.
#include <doctest/doctest.h>

#include <lockstep/io/npz.hpp>
#include <lockstep/lockstep.hpp>

#include "npy_files.hpp"
#include "support/devices.hpp"

namespace ls = lockstep;
namespace io = lockstep::io;
using lockstep::format_error;
using lockstep::test::for_each_device;
using namespace support;

namespace {

bytes const numbers = npy_file(1, npy_dict("<i4", "False", "(3,)"), {1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0});

bytes many_zeros() { return npy_file(1, npy_dict("<f8", "True", "(1000, 200)"), bytes(1600000)); }

std::string open_error(bytes const& content) {
  temporary_folder folder;
  write_file(folder / "file", content);
  return message_of<format_error>([&] { io::npz_reader(folder / "file"); });
}
std::string load_error(bytes const& content, std::string const& name = "x") {
  temporary_folder folder;
  write_file(folder / "file", content);
  io::npz_reader const reader(folder / "file");
  return message_of<format_error>([&] { reader.load<std::int32_t>(name); });
}

}  // namespace

TEST_CASE("npz: members stored and deflated, with and without zip64") {
  temporary_folder folder;
  for (bool zip64 : {false, true})
    for (std::string const comment : {"", "a comment"}) {
      write_file(folder / "file", zip_file({{"x.npy", numbers},
                                            {"deep/y.npy", numbers, true},
                                            {"zeros.npy", many_zeros(), true},
                                            {"empty.npy", npy_file(2, npy_dict("|b1", "False", "(0,)"), {}), true}},
                                           zip64, comment));
      io::npz_reader const reader(folder / "file");
      CHECK(reader.names() == std::vector<std::string>{"x", "deep/y", "zeros", "empty"});
      CHECK(reader.contains("x"));
      CHECK(!reader.contains("z"));
      CHECK(io::to_string(reader.info("zeros")) == "float64 of shape (1000, 200) in Fortran order");
      for_each_device([&](ls::device const& dev) {
        CHECK(reader.load<std::int32_t>("x", dev).to_host() == std::vector<std::int32_t>{1, 2, 3});
        CHECK(reader.load<std::int32_t>("deep/y", dev).to_host() == std::vector<std::int32_t>{1, 2, 3});
        CHECK(bool(ls::all(reader.load<double, 2>("zeros", dev) == 0.0)));
        CHECK(reader.load<bool>("empty", dev).empty());
      });
    }
  write_file(folder / "file", zip_file({}));
  CHECK(io::npz_reader(folder / "file").names().empty());
}

TEST_CASE("npz: what is written is read, and is the archive that the format says") {
  temporary_folder folder;
  for_each_device([&](ls::device const& dev) {
    ls::array<float, 2> const x(dev, {2, 2}, std::vector<float>{1, 2, 3, 4});
    io::save_npz(folder / "file", "x", x, "twice", x * 2.0f, "total", ls::sum(x));
    io::npz_reader const reader(folder / "file");
    CHECK(reader.names() == std::vector<std::string>{"x", "twice", "total"});
    CHECK(reader.load<float, 2>("x", dev).to_host() == x.to_host());
    CHECK(reader.load<float, 2>("twice", dev).to_host() == std::vector<float>{2, 4, 6, 8});
    CHECK(float(reader.load<float, 0>("total", dev)) == 10);
  });
  ls::array<std::int32_t> const x(ls::default_device(), std::vector<std::int32_t>{1, 2, 3});
  io::save_npy(folder / "x.npy", x);
  bytes const image = read_file(folder / "x.npy");
  io::save_npz(folder / "one", "x", x);
  bytes expected = zip_file({{"x.npy", image, false, 0x800}});
  bytes found = read_file(folder / "one");
  REQUIRE(found.size() == expected.size());
  for (std::size_t version : {std::size_t{4}, found.size() - 22 - 51 + 4, found.size() - 22 - 51 + 6})
    expected[version] = 20;  // the version needed: 2.0, for there is nothing newer in it
  CHECK(found == expected);
  io::npz_writer always(folder / "always", io::zip64::always);
  always.add("x", x);
  always.finish();
  CHECK(read_file(folder / "always") == zip_file({{"x.npy", image, false, 0x800}}, true));
  CHECK(io::npz_reader(folder / "always").load<std::int32_t>("x").to_host() == x.to_host());
}

TEST_CASE("npz: more members than 16 bits count") {
  temporary_folder folder;
  ls::array<std::int32_t, 0> one = ls::array<std::int32_t, 0>(ls::default_device(), {});
  for (int count : {65534, 65535, 65536}) {
    io::npz_writer writer(folder / "file");
    for (int k = 0; k < count; ++k) writer.add(std::to_string(k), one = k);
    writer.finish();
    io::npz_reader const reader(folder / "file");
    CHECK(reader.names().size() == static_cast<std::size_t>(count));
    CHECK(reader.load<std::int32_t, 0>(std::to_string(count - 1)) == count - 1);
  }
}

TEST_CASE("npz: the old file stays until a new one is finished, and wrong names are refused") {
  temporary_folder folder;
  ls::array<float> const x = ls::ones<float>(ls::default_device(), 3);
  io::save_npz(folder / "file", "x", x);
  {
    io::npz_writer writer(folder / "file");
    writer.add("y", x);
    CHECK(contains(message_of<ls::error>([&] { writer.add("y", x); }), "found the name \"y\" twice"));
    CHECK(contains(message_of<ls::error>([&] { writer.add("", x); }), "found a name of 0 bytes"));
    CHECK_THROWS_AS(writer.add("none", ls::array<float>()), ls::device_error);
  }
  CHECK(folder.files() == 1);
  CHECK(io::npz_reader(folder / "file").names() == std::vector<std::string>{"x"});
  io::npz_writer writer(folder / "file");
  writer.finish();
  CHECK(io::npz_reader(folder / "file").names().empty());
  CHECK(contains(message_of<ls::error>([&] { writer.add("y", x); }), "found a finished archive"));
  CHECK(contains(message_of<ls::error>([&] { io::save_npz(folder / "no/file", "x", x); }), "cannot create"));
}

TEST_CASE("npz: what is wrong with an archive is said") {
  CHECK(contains(open_error({}), "byte 0: found no end record of a zip archive"));
  CHECK(contains(open_error(numbers), "found no end record of a zip archive: this is none"));
  bytes shifted = zip_file({{"x.npy", numbers}});
  shifted.insert(shifted.begin(), 0);
  CHECK(contains(open_error(shifted), "expected it right before byte"));
  CHECK(contains(open_error(zip_file({{"x.npy", numbers}, {"x", numbers}})), "found two members named \"x\""));
  CHECK(contains(load_error(zip_file({{"x.npy", numbers}, {"y.npy", numbers}}), "z"),
                 "found no array named \"z\", expected one of: x, y"));
  CHECK(contains(load_error(zip_file({{"x.npy", numbers, false, 1}})), "found an encrypted member"));
  CHECK(contains(load_error(zip_file({{"x.txt", {1, 2, 3, 4, 5, 6, 7, 8, 9}}}), "x.txt"), "this is not an .npy file"));
  bytes method = zip_file({{"x.npy", numbers}});
  method[8] = method[method.size() - 22 - 51 + 10] = 12;
  CHECK(contains(load_error(method), "member \"x.npy\": found the packing method 12, expected 0"));
  for (bool packed : {false, true}) {
    bytes damaged = zip_file({{"x.npy", numbers, packed}});
    damaged[damaged.size() - 22 - 51 + 16] ^= 1;  // in the check sum
    CHECK(contains(load_error(damaged), "byte 0: member \"x.npy\": the content does not have the check sum"));
  }
  bytes longer = numbers;
  longer.push_back(0);
  CHECK(contains(load_error(zip_file({{"x.npy", longer, true}})),
                 "member \"x.npy\", byte " + std::to_string(numbers.size()) + ": found 1 further bytes"));
  bytes shorter(numbers.begin(), numbers.end() - 1);
  CHECK(contains(load_error(zip_file({{"x.npy", shorter, true}})), "found at most 11 bytes of values, expected 12"));
}
