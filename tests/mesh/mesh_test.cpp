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
    CHECK(mesh.first_local_rank() == 0);
    CHECK(mesh.local_ranks() == devices);
    CHECK((mesh.is_local(devices - 1) && !mesh.is_local(devices)));
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
  for (char const* text : {"", "cpu:", "cpu:0", "cpu:x", "cpu:-1", "cpu:99999", "mpi:0", "tpu:2", "cpu:2:2", " cpu"}) {
    std::string const message = message_of([&] { ls::mesh::parse(text); });
    CHECK(contains(message, ("\"" + std::string(text) + "\"").c_str()));
    CHECK(contains(message, "expected cpu, cpu:DEVICES, gpu:DEVICES, mpi, mpi:DEVICES_PER_PROCESS, mpi_gpu"));
  }
  CHECK_THROWS_AS(ls::mesh::parse("tpu"), ls::device_error);
  CHECK_THROWS_AS(ls::mesh::parse("gpu:2"), ls::device_error);  // a program without CUDA code
  CHECK_THROWS_AS(ls::mesh::cpu(0), ls::device_error);
  CHECK_THROWS_AS(ls::mesh(std::vector<ls::device>{}), ls::device_error);
  CHECK_THROWS_AS(ls::mesh({ls::device()}), ls::device_error);
  CHECK(contains(message_of([] { ls::mesh::cpu(2).device(2); }), "found rank 2, expected less than 2"));
}

TEST_CASE("a mesh that spans processes has the devices of its own, and says whose others are") {
  struct nobody final : ls::mesh_processes {
    void run(ls::mesh const&, void (*)(void*, ls::communicator&), void*) override {}
  };
  ls::mesh const here = ls::mesh::cpu(2);
  ls::mesh const mesh({here.device(0), here.device(1)}, 4, 8, std::make_shared<nobody>());
  CHECK(mesh.size() == 8);
  CHECK(!mesh.is_local());
  CHECK(mesh.first_local_rank() == 4);
  CHECK(mesh.local_ranks() == 2);
  CHECK(mesh.device(5) == here.device(1));
  CHECK((!mesh.is_local(3) && mesh.is_local(4) && mesh.is_local(5) && !mesh.is_local(6)));
  for (std::size_t rank : {3, 6})
    CHECK(contains(message_of([&] { static_cast<void>(mesh.device(rank)); }),
                   "which belongs to another process, expected 4 to 5"));
  CHECK(contains(message_of([&] { static_cast<void>(mesh.device(8)); }), "found rank 8, expected less than 8"));
  CHECK(!(mesh == here));
}

TEST_CASE("without MPI there is no mesh of processes") {
  CHECK_THROWS_AS(ls::mesh::mpi(), ls::device_error);
  CHECK(contains(message_of([] { ls::mesh::parse("mpi"); }), "link lockstep::mpi"));
}
