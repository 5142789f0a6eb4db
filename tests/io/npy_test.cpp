// Runs on: cpu
// .npy files: every dtype, version, order of bytes and of axes, against files that are put together by hand.
#include <doctest/doctest.h>

#include <complex>
#include <lockstep/io/npy.hpp>
#include <lockstep/lockstep.hpp>

#include "npy_files.hpp"
#include "support/devices.hpp"
#include "support/values.hpp"

namespace ls = lockstep;
namespace io = lockstep::io;
using lockstep::format_error;
using lockstep::test::for_each_device;
using lockstep::test::same_bits;
using namespace support;

namespace {

/// The file says `dtype` little-endian after its first character.
template <class T>
void check_type(std::string const& dtype, std::vector<T> const& values, std::size_t unit = sizeof(T)) {
  temporary_folder folder;
  std::string const extent = "(" + std::to_string(values.size()) + ",)", path = folder / "x.npy";
  for_each_device([&](ls::device const& dev) {
    for (int version : {1, 2, 3}) {
      INFO(dtype << ", version " << version);
      write_file(path, npy_file(version, npy_dict("<" + dtype, "False", extent), bytes_of(values)));
      CHECK(same_bits(io::load_npy<T>(path, dev).to_host(), values));
      write_file(path, npy_file(version, npy_dict(">" + dtype, "True", extent), reversed_bytes_of(values, unit)));
      CHECK(same_bits(io::load_npy<T>(path, dev).to_host(), values));
      CHECK(io::npy_info(path).version == version);
    }
    io::save_npy(path, ls::array<T>(dev, values));
    bytes const written = read_file(path);
    std::string const start = npy_dict((sizeof(T) == 1 ? "|" : "<") + dtype, "False", extent);
    CHECK(written.size() % 64 == bytes_of(values).size() % 64);  // the values are aligned
    CHECK(bytes(written.begin(), written.begin() + 8) == bytes{0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0});
    CHECK(std::string(written.begin() + 10, written.begin() + 10 + std::ptrdiff_t(start.size() - 1)) + "\n" == start);
    CHECK(bytes(written.end() - std::ptrdiff_t(values.size() * sizeof(T)), written.end()) == bytes_of(values));
    CHECK(same_bits(io::load_npy<T>(path, dev).to_host(), values));
  });
  CHECK(folder.files() == 1);
}

template <class T>
void check_integers(std::string const& dtype) {
  check_type<T>(dtype, {0, 1, 2, std::numeric_limits<T>::min(), std::numeric_limits<T>::max(), 77});
}

template <class T>
std::string load_error(std::string const& path) {
  return message_of<format_error>([&] { io::load_npy<T, 2>(path); });
}

}  // namespace

TEST_CASE("npy: every type in each version and byte order") {
  check_integers<std::int8_t>("i1");
  check_integers<std::int16_t>("i2");
  check_integers<std::int32_t>("i4");
  check_integers<std::int64_t>("i8");
  check_integers<std::uint8_t>("u1");
  check_integers<std::uint16_t>("u2");
  check_integers<std::uint32_t>("u4");
  check_integers<std::uint64_t>("u8");
  check_type<float>("f4", {0.0f, -0.0f, 1.5f, std::numeric_limits<float>::infinity(), 1e-40f});
  check_type<double>("f8", {0.0, -1.0 / 3, std::numeric_limits<double>::quiet_NaN()});
  check_type<ls::half>("f2", {ls::half(0.0f), ls::half(1.5f), ls::half(-65504.0f)});
  check_type<std::complex<float>>("c8", {{1, 2}, {-3, 0.5f}}, 4);
  check_type<std::complex<double>>("c16", {{1, 2}, {-3, 0.5}, {0, 1e300}}, 8);
}

TEST_CASE("npy: bool") {
  temporary_folder folder;
  std::string const path = folder / "x.npy";
  write_file(path, npy_file(1, npy_dict("|b1", "False", "(3,)"), {1, 0, 1}));
  CHECK(io::load_npy<bool>(path).to_host() == std::vector<bool>{true, false, true});
  io::save_npy(path, ls::array<bool>(ls::default_device(), std::vector<bool>{false, true}));
  CHECK(read_file(path).size() == 130);
  CHECK(io::npy_info(path).dtype == "|b1");
  CHECK(io::load_npy<bool>(path).to_host() == std::vector<bool>{false, true});
  bytes const wrong = npy_file(1, npy_dict("|b1", "False", "(3,)"), {1, 7, 1});
  write_file(path, wrong);
  CHECK(message_of<format_error>([&] { io::load_npy<bool>(path); }) ==
        path + ", byte " + std::to_string(wrong.size() - 2) + ": found the byte 7 as a bool, expected 0 or 1");
}

TEST_CASE("npy: column-major files become row-major") {
  temporary_folder folder;
  for_each_device([&](ls::device const& dev) {
    for (ls::shape<3> const e : {ls::shape{2, 3, 4}, ls::shape{70, 5, 33}, ls::shape{1, 1, 65}, ls::shape{33, 1, 1}}) {
      std::vector<std::int32_t> rows(e.size()), columns(e.size());
      std::size_t at = 0;
      for (ls::index i = 0; i < e[0]; ++i)
        for (ls::index j = 0; j < e[1]; ++j)
          for (ls::index k = 0; k < e[2]; ++k, ++at) {
            rows[at] = static_cast<std::int32_t>(at);
            columns[static_cast<std::size_t>(i + e[0] * (j + e[1] * k))] = static_cast<std::int32_t>(at);
          }
      write_file(folder / "x", npy_file(1, npy_dict("<i4", "True", ls::to_string(e)), bytes_of(columns)));
      ls::array<std::int32_t, 3> const x = io::load_npy<std::int32_t, 3>(folder / "x", dev);
      CHECK(x.shape() == e);
      CHECK(x.to_host() == rows);
    }
    write_file(folder / "x",
               npy_file(1, npy_dict(">u2", "True", "(2, 2, 1, 2)"), {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 1, 0}));
    CHECK(io::load_npy<std::uint16_t, 4>(folder / "x", dev).to_host() ==
          std::vector<std::uint16_t>{1, 5, 3, 7, 2, 6, 4, 256});
    write_file(folder / "x", npy_file(1, npy_dict("<f8", "True", "(0, 3)"), {}));
    CHECK(io::load_npy<double, 2>(folder / "x", dev).shape() == ls::shape{0, 3});
  });
}

TEST_CASE("npy: no axes, no elements, many, expressions, packed files") {
  temporary_folder folder;
  std::string const path = folder / "x.npy";
  for_each_device([&](ls::device const& dev) {
    io::save_npy(path, ls::sum(ls::arange<double>(dev, 5)));
    CHECK(double(io::load_npy<double, 0>(path, dev)) == 10);
    io::save_npy(path, ls::array<float, 2>(dev, {0, 7}));
    CHECK(io::load_npy<float, 2>(path, dev).shape() == ls::shape{0, 7});
    ls::array<float, 2> const m(dev, {333, 1001}, ls::test::random_values<float>(333 * 1001, 5));
    io::save_npy(path, ls::transpose(m) * 2.0f);
    ls::array<float, 2> const doubled = ls::transpose(m) * 2.0f;
    CHECK(io::load_npy<float, 2>(path, dev).to_host() == doubled.to_host());
  });
  write_packed(folder / "x.npy.gz", npy_file(1, npy_dict("<i2", "False", "(2,)"), {1, 0, 2, 0}));
  CHECK(io::load_npy<std::int16_t>(folder / "x.npy.gz").to_host() == std::vector<std::int16_t>{1, 2});
}

TEST_CASE("npy: headers as other writers write them") {
  temporary_folder folder;
  for (std::string const dict : {"{\"shape\":(3,),\"descr\":\"|u1\",\"fortran_order\":False}",
                                 "{'descr': 'u1', 'shape': (3L,), 'fortran_order': True}  \n",
                                 " { 'fortran_order' : False , 'shape' : ( 3 , ) , 'descr' : '=u1' } "}) {
    write_file(folder / "x", npy_file(1, dict, {1, 2, 3}));
    CHECK(io::load_npy<std::uint8_t>(folder / "x").to_host() == std::vector<std::uint8_t>{1, 2, 3});
  }
}

TEST_CASE("npy: the lowest version that the header fits") {
  std::vector<unsigned char> const header = io::detail::encode_npy_header("<f4", "(" + std::string(70000, ' ') + "1,)");
  CHECK(header[6] == 2);
  CHECK(header.size() % 64 == 0);
  CHECK((header[8] | header[9] << 8 | header[10] << 16) == static_cast<int>(header.size()) - 12);
}

TEST_CASE("npy: npy_info says what a file holds, also one that cannot be loaded") {
  temporary_folder folder;
  std::string const path = folder / "x";
  write_file(path, npy_file(1, npy_dict(">f4", "True", "(2, 3)"), bytes(24)));
  io::npy_header const info = io::npy_info(path);
  CHECK(info.dtype == ">f4");
  CHECK(info.shape == std::vector<ls::index>{2, 3});
  CHECK(info.fortran_order);
  CHECK(info.item_bytes == 4);
  CHECK(io::to_string(info) == "big-endian float32 of shape (2, 3) in Fortran order");
  write_file(path,
             npy_file(3, "{'descr': [('a]', '<f4'), ('b', '|S3')], 'fortran_order': False, 'shape': (2,)}", bytes(14)));
  CHECK(io::to_string(io::npy_info(path)) == "records (dtype [('a]', '<f4'), ('b', '|S3')]) of shape (2,)");
}

TEST_CASE("npy: another type or rank is an error that says what the file holds") {
  temporary_folder folder;
  std::string const path = folder / "x";
  write_file(path, npy_file(1, npy_dict(">f4", "True", "(2, 3)"), bytes(24)));
  CHECK(load_error<double>(path) ==
        path +
            ", byte 20: found big-endian float32 of shape (2, 3) in Fortran order, expected "
            "float64; load that type and cast it");
  CHECK(contains(load_error<std::int32_t>(path), "expected int32"));
  CHECK(message_of<format_error>([&] { io::load_npy<float, 3>(path); }) ==
        path +
            ", byte 59: found big-endian float32 of shape (2, 3) in Fortran order, which has 2 axes, expected 3; "
            "npy_info "
            "says beforehand how many there are");
  write_file(path, npy_file(1, npy_dict("|O", "False", "(1, 1)"), bytes(8)));
  CHECK(
      contains(load_error<double>(path), "found Python objects (dtype '|O') of shape (1, 1), expected float64; save"));
  write_file(path, npy_file(1, npy_dict("<f16", "False", "(1, 1)"), bytes(16)));
  CHECK(contains(load_error<double>(path), "found float128 of shape (1, 1), expected float64"));
}

TEST_CASE("npy: a failure to write leaves the old file") {
  temporary_folder folder;
  ls::array<float> const x = ls::ones<float>(ls::default_device(), 3);
  CHECK(contains(message_of<ls::error>([&] { io::save_npy(folder / "no/x.npy", x); }), "cannot create"));
  std::filesystem::create_directory(folder / "folder");
  CHECK(contains(message_of<ls::error>([&] { io::save_npy(folder / "folder", x); }), "cannot replace"));
  CHECK_THROWS_AS(io::save_npy(folder / "x", ls::array<float>()), ls::device_error);
  CHECK(contains(message_of<ls::error>([&] { io::load_npy<float>(folder / "absent"); }), "cannot open"));
  CHECK(folder.files() == 1);
}
