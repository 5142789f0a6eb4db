// Files of NumPy from and to a GPU, and benchmarks of one's own there.
#include <doctest/doctest.h>

#include <lockstep/bench.hpp>
#include <lockstep/io/npy.hpp>
#include <lockstep/io/npz.hpp>
#include <lockstep/lockstep.hpp>

#include "io/npy_files.hpp"
#include "io/temporary_folder.hpp"
#include "support/values.hpp"

namespace files_tests {

namespace ls = lockstep;
namespace io = lockstep::io;
using ls::test::contains, ls::test::difference, ls::test::random_values;

TEST_CASE("npy: an array on a GPU and an expression of it have the bytes of a file that a CPU device writes") {
  support::temporary_folder folder;
  ls::device const gpu = ls::device::gpu(0), cpu = ls::device::cpu(1);
  std::vector<float> const values = random_values<float>(37 * 101, 1);
  ls::array<float, 2> const on_gpu(gpu, {37, 101}, values), on_cpu(cpu, {37, 101}, values);
  io::save_npy(folder / "gpu.npy", on_gpu);
  io::save_npy(folder / "cpu.npy", on_cpu);
  CHECK(support::read_file(folder / "gpu.npy") == support::read_file(folder / "cpu.npy"));
  io::save_npy(folder / "gpu.npy", on_gpu.transpose() * 2.0f);
  io::save_npy(folder / "cpu.npy", on_cpu.transpose() * 2.0f);
  CHECK(support::read_file(folder / "gpu.npy") == support::read_file(folder / "cpu.npy"));

  ls::array<float, 2> const back = io::load_npy<float, 2>(folder / "gpu.npy", gpu);
  CHECK((back.device() == gpu && back.shape() == ls::shape{101, 37}));
  CHECK(float(ls::max(ls::abs(back.transpose() - on_gpu * 2.0f))) == 0);
}

TEST_CASE("npy: other orders of bytes and axes, bool, half, nothing, one value, on a GPU") {
  using support::npy_dict, support::npy_file, support::write_file;
  support::temporary_folder folder;
  std::string const path = folder / "x.npy";
  ls::device const gpu = ls::device::gpu(0);
  write_file(path, npy_file(2, npy_dict(">u2", "True", "(2, 2)"), {0, 1, 0, 2, 0, 3, 1, 0}));
  CHECK(io::load_npy<std::uint16_t, 2>(path, gpu).to_host() == std::vector<std::uint16_t>{1, 3, 2, 256});
  io::save_npy(path, ls::array<bool>(gpu, std::vector<bool>{true, false, true}));
  CHECK(io::load_npy<bool>(path, gpu).to_host() == std::vector<bool>{true, false, true});
  io::save_npy(path, ls::cast<ls::half>(ls::arange<float>(gpu, 3)));
  CHECK(io::npy_info(path).dtype == "<f2");
  CHECK(ls::cast<float>(io::load_npy<ls::half>(path, gpu)).to_host() == std::vector<float>{0, 1, 2});
  io::save_npy(path, ls::array<float, 2>(gpu, {0, 7}));
  CHECK(io::load_npy<float, 2>(path, gpu).shape() == ls::shape{0, 7});
  io::save_npy(path, ls::sum(ls::arange<double>(gpu, 5)));
  CHECK(double(io::load_npy<double, 0>(path, gpu)) == 10);
}

TEST_CASE("npz: arrays on a GPU by name") {
  support::temporary_folder folder;
  ls::device const gpu = ls::device::gpu(0);
  ls::array<float> const x = ls::arange<float>(gpu, 100);
  io::save_npz(folder / "x.npz", "x", x, "total", ls::sum(x));
  io::npz_reader const file(folder / "x.npz");
  CHECK(difference(file.load<float>("x", gpu).to_host(), x.to_host()) == "");
  CHECK(float(file.load<float, 0>("total", gpu)) == 4950);
}

struct add_one {
  LOCKSTEP_FN void operator()(ls::index i, ls::view<float> x) const { x[i] += 1; }
};

TEST_CASE("a suite times assignments, kernels and baselines on a GPU, and writes them down") {
  support::temporary_folder folder;
  std::string const json = folder / "m.json", svg = folder / "m.svg";
  char const* const options[] = {"program", "--devices", "gpu,cpu:1",  "--sizes", "1000",     "--seconds",
                                 "1e-12",   "--json",    json.c_str(), "--svg",   svg.c_str()};
  ls::bench::suite all(static_cast<int>(std::size(options)), options);
  int launches = 0;
  all.add("a * x", [](ls::bench::run& r) {
    ls::array<float> x = ls::ones<float>(r.where(), r.size());
    ls::array<float> out(r.where(), ls::shape<1>(r.size()));
    r.flops(static_cast<double>(r.size()));
    r.assign(out, x * 2.0f);
    r.baseline("another", [&] { out = x * 3.0f; });
    REQUIRE(out.to_host() == std::vector<float>(r.size(), 3));
  });
  all.add("kernel, cold", [&](ls::bench::run& r) {
    ls::array<float> x = ls::zeros<float>(r.where(), r.size());
    launches = 0;
    r.bytes(8.0 * static_cast<double>(r.size())).cold().time([&] {
      ++launches;
      ls::launch(r.where(), ls::elements(static_cast<ls::index>(r.size())), add_one{}, x);
    });
    REQUIRE(x.to_host() == std::vector<float>(r.size(), static_cast<float>(launches)));
  });
  CHECK(all.run_all() == 0);
  REQUIRE(all.measurements().size() == 4);
  std::vector<std::string> devices;
  for (ls::bench::measurement const& m : all.measurements()) {
    devices.push_back(m.device);
    CHECK((m.seconds > 0 && m.bytes == 8000 && m.most_bytes > 0));
    CHECK((m.share() > 0 && m.limit_seconds() > 0));
    if (m.flops > 0) CHECK(m.most_flops > 0);
    if (m.name == "a * x") CHECK((m.baselines.size() == 1 && m.baselines[0].seconds > 0));
  }
  CHECK(std::count(devices.begin(), devices.end(), "gpu:0") == 2);
  auto const text = [](support::bytes const& b) { return std::string(b.begin(), b.end()); };
  CHECK(contains(text(support::read_file(json)), "\"device\": \"gpu:0\", \"n\": 1000, "));
  CHECK(contains(text(support::read_file(svg)), "gpu:0"));
}

}  // namespace files_tests
