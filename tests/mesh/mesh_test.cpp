// Meshes as values: which devices they hold, how they are named, and what is refused.
#include <doctest/doctest.h>

#include <lockstep/mesh/mesh.hpp>
#include <string>

namespace ls = lockstep;

namespace {

template <class F>
std::string message_of(F const& f) {
  try {
    f();
  } catch (ls::error const& e) {
    return e.what();
  }
  return "nothing was thrown";
}

bool contains(std::string const& text, char const* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("CPU meshes share the machine's threads among distinct devices") {
  std::size_t const all = ls::device::cpu().threads();
  for (std::size_t devices : {1, 2, 3, 64}) {
    ls::mesh const mesh = ls::mesh::cpu(devices);
    CHECK(mesh.size() == devices);
    CHECK(mesh.is_cpu());
    CHECK(mesh.is_local());
    for (std::size_t rank = 0; rank < devices; ++rank) {
      CHECK(mesh.device(rank).threads() == std::max<std::size_t>(1, all / devices));
      CHECK(mesh.device(rank).number() == static_cast<int>(rank));
      for (std::size_t other = 0; other < rank; ++other) CHECK(!(mesh.device(rank) == mesh.device(other)));
    }
  }
  CHECK(ls::mesh::cpu(2, 5).device(1).threads() == 5);
}

TEST_CASE("the same numbers give the same devices, other numbers others") {
  CHECK(ls::mesh::cpu(3) == ls::mesh::cpu(3));
  CHECK(ls::mesh::parse("cpu:3") == ls::mesh::cpu(3));
  CHECK(ls::mesh::parse("cpu") == ls::mesh::cpu(1));
  CHECK(!(ls::mesh::cpu(3) == ls::mesh::cpu(2)));
  CHECK(!(ls::mesh::cpu(2, 7) == ls::mesh::cpu(2, 6)));
}

TEST_CASE("a timeout belongs to a value and its later copies") {
  ls::mesh mesh = ls::mesh::cpu(2);
  CHECK(mesh.timeout() == ls::mesh::default_timeout);
  mesh.set_timeout(0.5);
  ls::mesh const copy = mesh;
  CHECK(mesh.timeout() == 0.5);
  CHECK(copy.timeout() == 0.5);
  CHECK(ls::mesh::cpu(2).timeout() == ls::mesh::default_timeout);
  for (double bad : {0.0, -1.0, std::stod("nan")}) CHECK_THROWS_AS(mesh.set_timeout(bad), ls::error);
  CHECK(mesh.timeout() == 0.5);
}

TEST_CASE("what is no mesh is refused with what was found and what is expected") {
  for (char const* text : {"", "cpu:", "cpu:0", "cpu:x", "cpu:-1", "cpu:99999", "tpu:2", "cpu:2:2", " cpu"}) {
    std::string const message = message_of([&] { ls::mesh::parse(text); });
    CHECK(contains(message, ("\"" + std::string(text) + "\"").c_str()));
    CHECK(contains(message, "expected cpu, cpu:DEVICES or gpu:DEVICES"));
  }
  CHECK_THROWS_AS(ls::mesh::parse("tpu"), ls::device_error);
  CHECK_THROWS_AS(ls::mesh::parse("gpu:2"), ls::device_error);  // a program without CUDA code
  CHECK_THROWS_AS(ls::mesh::cpu(0), ls::device_error);
  CHECK_THROWS_AS(ls::mesh(std::vector<ls::device>{}), ls::device_error);
  CHECK_THROWS_AS(ls::mesh({ls::device()}), ls::device_error);
  CHECK(contains(message_of([] { ls::mesh::cpu(2).device(2); }), "found rank 2, expected less than 2"));
}
