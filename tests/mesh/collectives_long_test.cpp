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

/// All of check_collectives for one to nine ranks, in one count of each kind.
template <class T, class Input, class Op>
std::string for_all(Op const& op, bool large) {
  for (std::size_t ranks = 1; ranks <= 9; ++ranks) {
    std::vector<std::size_t> sizes{0, 1, ranks - 1, ranks, ranks + 1, 7919};
    if (large && ranks % 4 == 1) sizes.push_back(std::size_t{1} << 20);
    for (std::size_t count : sizes) {
      auto const want = expect<T, Input>(ranks, count, op);
      std::vector<std::string> problems(ranks);
      ls::spmd(ls::mesh::cpu(ranks),
               [&](ls::communicator& comm) { problems[comm.rank()] = check_collectives<T, Input>(comm, want, op); });
      for (std::string const& each : problems)
        if (!each.empty()) return each;
    }
  }
  return "";
}

}  // namespace

TEST_CASE_TEMPLATE("integers of every size", T, char, std::int8_t, std::uint8_t, std::int16_t, std::uint16_t,
                   std::int32_t, std::uint32_t, std::int64_t, std::uint64_t) {
  CHECK(for_all<T, exact>(ls::plus{}, true) == "");
  CHECK(for_all<T, small>(ls::multiplies{}, false) == "");
  CHECK(for_all<T, exact>(ls::minimum{}, false) == "");
  CHECK(for_all<T, exact>(ls::maximum{}, false) == "");
  CHECK(for_all<T, exact>(ls::bit_and{}, false) == "");
  CHECK(for_all<T, exact>(ls::bit_or{}, false) == "");
  CHECK(for_all<T, exact>(ls::bit_xor{}, false) == "");
}

TEST_CASE_TEMPLATE("floating numbers of every size", T, ls::half, ls::bfloat16, float, double) {
  CHECK(for_all<T, small>(ls::plus{}, true) == "");
  CHECK(for_all<T, small>(ls::multiplies{}, false) == "");
  CHECK(for_all<T, small>(ls::minimum{}, false) == "");
  CHECK(for_all<T, small>(ls::maximum{}, false) == "");
}

TEST_CASE_TEMPLATE("complex numbers", T, std::complex<float>, std::complex<double>) {
  CHECK(for_all<T, small>(ls::plus{}, true) == "");
  CHECK(for_all<T, small>(ls::multiplies{}, false) == "");
}

TEST_CASE("logical operators") {
  CHECK(for_all<std::uint8_t, small>(ls::logical_and{}, false) == "");
  CHECK(for_all<std::uint8_t, small>(ls::logical_or{}, false) == "");
}
