// Collectives of every arithmetic type by every operator, up to 2^20 elements, among threads.
#include <doctest/doctest.h>

#include <complex>
#include <lockstep/core/half.hpp>
#include <lockstep/mesh/spmd.hpp>

#include "reference.hpp"

namespace ls = lockstep;
using namespace mesh_test;

namespace {

/// Ones and twos, so that products of nine of them are exact in every type.
struct small {
  template <class T>
  static T value(std::size_t rank, std::size_t i) {
    return static_cast<T>(static_cast<float>(1 + (i * 7 + rank * 5) % 11 % 2));
  }
};

constexpr std::size_t large = std::size_t{1} << 20;

/// f(communicator, count) for one to nine ranks and a count of each kind, none above `most(ranks)`; what is wrong
/// first. `want(ranks, count)` comes before, and stays for f.
template <class Want, class F>
std::string for_all(std::size_t (*most)(std::size_t), Want const& want, F const& f) {
  for (std::size_t ranks = 1; ranks <= 9; ++ranks)
    for (std::size_t count : {std::size_t{0}, std::size_t{1}, ranks - 1, ranks, ranks + 1, std::size_t{7919}, large}) {
      if (count > most(ranks)) continue;
      auto const expected = want(ranks, count);
      std::vector<std::string> problems(ranks);
      ls::spmd(ls::mesh::cpu(ranks), [&](ls::communicator& comm) { problems[comm.rank()] = f(comm, expected); });
      for (std::string const& each : problems)
        if (!each.empty()) return each;
    }
  return "";
}

template <class T, class Input, class Op>
std::string reductions(Op const& op) {
  return for_all([](std::size_t) { return large; },
                 [&](std::size_t ranks, std::size_t count) { return expect<T, Input>(ranks, count, op); },
                 [&](ls::communicator& comm, auto const& want) { return check_reductions<T, Input>(comm, want, op); });
}

/// Wide elements of many ranks would need more memory than many machines have.
template <class T, class Input>
std::string moves() {
  return for_all([](std::size_t ranks) { return sizeof(T) <= 4 || ranks <= 4 ? large : large - 1; },
                 [](std::size_t, std::size_t count) { return count; },
                 [](ls::communicator& comm, std::size_t count) { return check_moves<T, Input>(comm, count); });
}

}  // namespace

TEST_CASE_TEMPLATE("integers of every size", T, char, std::int8_t, std::uint8_t, std::int16_t, std::uint16_t,
                   std::int32_t, std::uint32_t, std::int64_t, std::uint64_t) {
  CHECK(reductions<T, exact>(ls::plus{}) == "");
  CHECK(reductions<T, small>(ls::multiplies{}) == "");
  CHECK(reductions<T, exact>(ls::minimum{}) == "");
  CHECK(reductions<T, exact>(ls::maximum{}) == "");
  CHECK(reductions<T, exact>(ls::bit_and{}) == "");
  CHECK(reductions<T, exact>(ls::bit_or{}) == "");
  CHECK(reductions<T, exact>(ls::bit_xor{}) == "");
  CHECK(moves<T, exact>() == "");
}

TEST_CASE_TEMPLATE("floating numbers of every size", T, ls::half, ls::bfloat16, float, double) {
  CHECK(reductions<T, small>(ls::plus{}) == "");
  CHECK(reductions<T, small>(ls::multiplies{}) == "");
  CHECK(reductions<T, small>(ls::minimum{}) == "");
  CHECK(reductions<T, small>(ls::maximum{}) == "");
  CHECK(moves<T, small>() == "");
}

TEST_CASE_TEMPLATE("complex numbers", T, std::complex<float>, std::complex<double>) {
  CHECK(reductions<T, small>(ls::plus{}) == "");
  CHECK(reductions<T, small>(ls::multiplies{}) == "");
  CHECK(moves<T, small>() == "");
}

TEST_CASE("logical operators") {
  CHECK(reductions<std::uint8_t, small>(ls::logical_and{}) == "");
  CHECK(reductions<std::uint8_t, small>(ls::logical_or{}) == "");
}
