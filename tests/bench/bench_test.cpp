// Runs on: cpu
// The benchmark harness: what it calls, what it works out, writes and refuses. No test looks at how fast anything is.
#include <doctest/doctest.h>

#include <lockstep/bench.hpp>

#include "io/temporary_folder.hpp"
#include "support/values.hpp"

namespace ls = lockstep;
using ls::bench::measurement, ls::bench::run, ls::bench::suite;
using namespace lockstep::test;

namespace {

suite suite_of(std::vector<char const*> options) {
  options.insert(options.begin(), "program");
  return suite(static_cast<int>(options.size()), options.data());
}
std::string refused(std::vector<char const*> options) {
  return message_of<ls::error>([&] { suite_of(options); });
}
measurement example() {
  measurement m;
  m.name = "a \"name\" with \\ and\ttab";
  m.device = "cpu:1";
  m.n = 1000;
  m.seconds = 2e-6;
  m.bytes = 12000;
  m.flops = 2000;
  m.most_bytes = 12e9;
  m.most_flops = 100e9;
  m.baselines = {{"loop", 3e-6}};
  return m;
}

}  // namespace

TEST_CASE("a suite runs every benchmark on every device at every size") {
  suite all = suite_of({"--devices", "cpu:1,cpu:2", "--sizes", "10,1e3", "--seconds", "1e-12"});
  std::vector<std::string> seen;
  all.add("one", [&](run& r) {
    seen.push_back(r.where().name() + " " + std::to_string(r.size()));
    ls::array<float> x = ls::ones<float>(r.where(), r.size());
    ls::array<float> y(r.where(), ls::shape<1>(r.size()));
    r.assign(y, x * 2.0f + x);
    r.baseline("again", [&] { y = x * 3.0f; });
    REQUIRE(y.to_host() == std::vector<float>(r.size(), 3));
  });
  CHECK(all.run_all() == 0);
  CHECK(seen == std::vector<std::string>{"cpu:1 10", "cpu:1 1000", "cpu:2 10", "cpu:2 1000"});
  REQUIRE(all.measurements().size() == 4);
  for (measurement const& m : all.measurements()) {
    CHECK(m.name == "one");
    CHECK(m.bytes == 8.0 * static_cast<double>(m.n));  // x is read once, y written once
    CHECK(m.seconds > 0);
    CHECK(m.most_bytes > 0);
    REQUIRE(m.baselines.size() == 1);
    CHECK(m.baselines[0].name == "again");
    CHECK(m.baselines[0].seconds > 0);
  }
}

TEST_CASE("sizes of a benchmark, and which of them run") {
  suite all = suite_of({"--devices", "cpu:1", "--only", "b", "--seconds", "1e-12"});
  int calls = 0;
  auto const body = [&](run& r) { ++calls, r.time([] {}); };
  all.add("a", body, {1, 2, 3});
  all.add("ab", body, {5, 6});
  CHECK(all.run_all() == 0);
  CHECK(calls == 2);
  CHECK(all.measurements().at(0).n == 5);
}

TEST_CASE("cold() makes every timed call find other memory in the caches") {
  suite all = suite_of({"--devices", "cpu:1", "--sizes", "100", "--seconds", "1e-12"});
  int calls = 0;
  all.add("cold", [&](run& r) { r.cold().time([&] { ++calls; }); });
  CHECK(all.run_all() == 0);
  CHECK(calls == 1 + 1 + 5);  // warm-up, a first timing, and the fewest rounds of one call each
}

TEST_CASE("a benchmark that fails is reported and the others run on") {
  suite all = suite_of({"--devices", "cpu:1", "--sizes", "7", "--seconds", "1e-12"});
  all.add("throws", [](run&) { throw std::runtime_error("no luck"); });
  all.add("times nothing", [](run&) {});
  all.add("baseline first", [](run& r) { r.baseline("b", [] {}); });
  all.add("times twice", [](run& r) { r.time([] {}), r.time([] {}); });
  all.add("works", [](run& r) { r.flops(10).time([] {}); });
  CHECK(all.run_all() == 1);
  REQUIRE(all.measurements().size() == 1);
  CHECK(all.measurements()[0].name == "works");
  CHECK(all.measurements()[0].most_flops > 0);
}

TEST_CASE("shares of the limit") {
  measurement m = example();
  CHECK(m.limit_seconds() == 12000 / 12e9);  // by its memory: the arithmetic needs less
  CHECK(m.share() == doctest::Approx(0.5));
  m.most_flops = 1e9;
  CHECK(m.limit_seconds() == 2000 / 1e9);
  m.bytes = m.flops = 0;
  CHECK(m.limit_seconds() == 0);
  CHECK(contains(ls::bench::table_line(example()), "6.00       1.00    50 %  loop 1.50"));
  CHECK(contains(ls::bench::table_line(m), "-          -       -"));
}

TEST_CASE("JSON and the roofline are written") {
  support::temporary_folder const folder;
  std::string const json = folder / "m.json", svg = folder / "m.svg";
  suite all = suite_of(
      {"--devices", "cpu:1", "--sizes", "64,128", "--seconds", "1e-12", "--json", json.c_str(), "--svg", svg.c_str()});
  all.add("with both", [](run& r) { r.bytes(64).flops(128).time([] {}); });
  all.add("without", [](run& r) { r.time([] {}); });
  CHECK(all.run_all() == 0);
  auto const as_text = [](support::bytes const& b) { return std::string(b.begin(), b.end()); };
  std::string const text = as_text(support::read_file(json)), picture = as_text(support::read_file(svg));
  CHECK(text == ls::bench::json(all.measurements()));
  CHECK(contains(text, "\"name\": \"with both\", \"device\": \"cpu:1\", \"n\": 64, "));
  CHECK(picture.starts_with("<svg"));
  CHECK(picture.ends_with("</svg>\n"));
  std::size_t points = 0;
  for (std::size_t at = 0; (at = picture.find("<circle", at)) != std::string::npos; ++at) ++points;
  CHECK(points == 2);  // those that say bytes and operations
  CHECK(contains(ls::bench::json({example()}), R"("a \"name\" with \\ and\u0009tab")"));
  CHECK(contains(ls::bench::json({example()}), R"("baselines": {"loop": 3e-06})"));
}

TEST_CASE("what a command line says wrongly") {
  CHECK(contains(refused({"--sizes", "10,x"}), "--sizes: found \"x\", expected a number above 0"));
  CHECK(contains(refused({"--sizes", ""}), "--sizes: found \"\""));
  CHECK(contains(refused({"--seconds", "-1"}), "--seconds: found \"-1\""));
  CHECK(contains(refused({"--speed", "1"}), "found the option --speed, expected one of"));
  CHECK(contains(refused({"--json"}), "--json: found nothing behind it"));
  CHECK(contains(refused({"--devices", "tpu"}), "found \"tpu\""));
  suite all = suite_of({"--devices", "cpu:1", "--sizes", "8", "--json", "/nowhere/at/all.json"});
  CHECK(contains(message_of<ls::error>([&] { all.run_all(); }), "/nowhere/at/all.json: could not be written"));
}
