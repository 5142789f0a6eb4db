// The checkpoint container: what is written is read, any damage is refused, the old file survives a failure.
#include <doctest/doctest.h>

#include <lockstep/io/checkpoint.hpp>

#include <cmath>
#include <limits>

#include "temporary_folder.hpp"

namespace io = lockstep::io;
using lockstep::format_error;
using support::bytes;
using support::contains;
using support::message_of;

namespace {

io::checkpoint example() {
  io::checkpoint saved;
  saved.set_note("purpose", "a test");
  saved.set_note("empty", "");
  std::vector<float> weights(33);
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = 0.25f * static_cast<float>(i) - 1;  // exact
  saved.set<float>("weights", {3, 11}, weights);
  saved.set<std::uint8_t>("bytes", {5}, std::vector<std::uint8_t>{1, 2, 3, 4, 255});
  saved.set<double>("nothing", {0, 7}, std::span<double const>());
  saved.set("step", std::int64_t{-12345678901});
  saved.set("seed", std::numeric_limits<std::uint64_t>::max());
  saved.set("rate", std::nextafter(0.1f, 1.0f));
  return saved;
}

void check_example(io::checkpoint const& read) {
  CHECK(read.note("purpose") == "a test");
  CHECK(read.note("empty") == "");
  auto const weights = read.values<float>("weights", {3, 11});
  for (std::size_t i = 0; i < weights.size(); ++i) CHECK(weights[i] == 0.25f * static_cast<float>(i) - 1);
  CHECK(read.values<std::uint8_t>("bytes", {5}) == std::vector<std::uint8_t>{1, 2, 3, 4, 255});
  CHECK(read.values<double>("nothing", {0, 7}).empty());
  CHECK(read.value<std::int64_t>("step") == -12345678901);
  CHECK(read.value<std::uint64_t>("seed") == std::numeric_limits<std::uint64_t>::max());
  CHECK(read.value<float>("rate") == std::nextafter(0.1f, 1.0f));
  CHECK(read.extents("weights") == std::vector<lockstep::index>{3, 11});
}

}  // namespace

TEST_CASE("checkpoint: what is written is read, and the same content gives the same bytes") {
  support::temporary_folder folder;
  example().write(folder / "a");
  check_example(io::checkpoint::read(folder / "a"));
  io::checkpoint::read(folder / "a").write(folder / "b");
  CHECK(support::read_file(folder / "a") == support::read_file(folder / "b"));
  CHECK(folder.files() == 2);
  io::checkpoint().write(folder / "a");  // replaced whole, and an empty one is fine
  CHECK(message_of<format_error>([&] { io::checkpoint::read(folder / "a").note("purpose"); }) ==
        (folder / "a") + ", byte 0: found no note named \"purpose\", expected one");
}

TEST_CASE("checkpoint: the layout is what the format says") {
  support::temporary_folder folder;
  io::checkpoint saved;
  saved.set<float>("x", {2}, std::vector<float>{1.0f, -2.0f});
  saved.write(folder / "file");
  bytes const file = support::read_file(folder / "file");
  bytes const start = {0x89, 'L', 'C', 'K', 'S', 'T', 'P', '\n', 1, 0, 0, 0, 1, 0, 0, 0, 128, 0, 0, 0, 0, 0, 0, 0};
  REQUIRE(file.size() == 128);
  CHECK(bytes(file.begin(), file.begin() + 24) == start);
  CHECK(bytes(file.begin() + 64, file.begin() + 72) == bytes{0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0});
}

TEST_CASE("checkpoint: any single flipped bit is refused") {
  support::temporary_folder folder;
  example().write(folder / "good");
  bytes const good = support::read_file(folder / "good");
  std::size_t accepted = 0;
  for (std::size_t at = 0; at < good.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      bytes damaged = good;
      damaged[at] ^= static_cast<unsigned char>(1 << bit);
      support::write_file(folder / "damaged", damaged);
      std::string const message = message_of<format_error>([&] { io::checkpoint::read(folder / "damaged"); });
      if (!contains(message, (folder / "damaged") + ", byte ")) ++accepted;
    }
  CHECK(accepted == 0);
}

TEST_CASE("checkpoint: a file cut off anywhere, or with something behind it, is refused") {
  support::temporary_folder folder;
  example().write(folder / "good");
  bytes content = support::read_file(folder / "good");
  content.push_back(0);
  support::write_file(folder / "longer", content);
  CHECK(contains(message_of<format_error>([&] { io::checkpoint::read(folder / "longer"); }), "found further bytes"));
  content.pop_back();
  while (!content.empty()) {
    content.pop_back();
    support::write_file(folder / "shorter", content);
    CHECK_THROWS_AS(io::checkpoint::read(folder / "shorter"), format_error);
  }
}

TEST_CASE("checkpoint: what is wrong is said") {
  support::temporary_folder folder;
  auto const error_of = [&](bytes const& content) {
    support::write_file(folder / "file", content);
    return message_of<format_error>([&] { io::checkpoint::read(folder / "file"); });
  };
  example().write(folder / "good");
  bytes const good = support::read_file(folder / "good");
  CHECK(contains(error_of({}), "byte 0: found other bytes than a checkpoint's first ones"));
  CHECK(contains(error_of({'P', 'K', 3, 4}), "this is not a checkpoint"));
  CHECK(contains(error_of(bytes(good.begin(), good.begin() + 20)), "byte 20: the file ends, expected a checkpoint"));
  bytes newer = good;
  newer[8] = 2;
  CHECK(contains(error_of(newer), "byte 8: found format version 2, expected 1"));
  CHECK(contains(error_of(bytes(good.begin(), good.end() - 1)), "byte 16: the checkpoint says that it has"));
  bytes directory = good;
  directory[40] ^= 1;
  CHECK(contains(error_of(directory), "byte 28: preamble and directory do not have the check sum"));
  bytes values = good;
  values[good.size() - 64] ^= 1;
  CHECK(contains(error_of(values), "tensor \"weights\": its values do not have the check sum"));
}

TEST_CASE("checkpoint: a tensor of another name, type or shape is an error that says what was found") {
  io::checkpoint const saved = example();
  CHECK(contains(message_of<format_error>([&] { saved.value<float>("absent"); }), "found no tensor named \"absent\""));
  CHECK(contains(message_of<format_error>([&] {
                   saved.values<double>("weights", {3, 11});
                 }),
                 "\"weights\": found float32 of shape (3, 11), expected float64 of shape (3, 11)"));
  CHECK(contains(message_of<format_error>([&] { saved.values<float>("weights", {33}); }),
                 "found float32 of shape (3, 11), expected float32 of shape (33)"));
  CHECK_THROWS_AS(io::checkpoint().set<float>("x", {2}, std::vector<float>(3)), lockstep::shape_error);
}

TEST_CASE("checkpoint: a failure to write leaves the old file and nothing else") {
  support::temporary_folder folder;
  example().write(folder / "file");
  {
    io::replacement interrupted(folder / "file");
    interrupted.write("half", 4);
    CHECK(folder.files() == 2);
  }
  CHECK(folder.files() == 1);
  check_example(io::checkpoint::read(folder / "file"));
  CHECK(contains(message_of<lockstep::error>([&] { example().write(folder / "no/file"); }), "cannot create"));
  std::filesystem::create_directory(folder / "folder");
  CHECK(contains(message_of<lockstep::error>([&] { example().write(folder / "folder"); }), "cannot replace"));
  CHECK(folder.files() == 2);
  CHECK(contains(message_of<lockstep::error>([&] { io::checkpoint::read(folder / "absent"); }), "cannot open"));
}
