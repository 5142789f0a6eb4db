// Runs on: cpu
// Arrays as matrices of Eigen and back, against loops over the elements. Built where Eigen is found.
#include <doctest/doctest.h>

#if __has_include(<Eigen/Core>)
#include <Eigen/Core>
#include <lockstep/interop/eigen.hpp>
#include <lockstep/lockstep.hpp>

#include "support/devices.hpp"
#include "support/values.hpp"

namespace eigen_tests {

using lockstep::array, lockstep::as_eigen, lockstep::device, lockstep::from_eigen, lockstep::shape;
using lockstep::test::for_each_device, lockstep::test::random_values;

template <class A>
concept has_map = requires(A&& a) {
  as_eigen(std::forward<A>(a));
};
static_assert(has_map<array<float>&> && has_map<array<float, 2> const&> && !has_map<array<float, 2>>);

TEST_CASE("arrays are matrices and vectors of Eigen, over the same memory") {
  for_each_device([](device const& dev) {
    auto const host = random_values<float>(35, 1);
    array<float, 2> a(dev, {5, 7}, host);
    auto const m = as_eigen(a);
    CHECK((m.rows() == 5 && m.cols() == 7 && m.data() == a.data()));
    for (int i = 0; i < 5; ++i)
      for (int j = 0; j < 7; ++j) CHECK(m(i, j) == host[static_cast<std::size_t>(7 * i + j)]);
    as_eigen(a).row(2).setConstant(9);
    CHECK(a.to_host()[2 * 7 + 3] == 9);
    array<float> const v(dev, std::vector<float>{1, 2, 3, 4, 5, 6, 7});
    CHECK(as_eigen(v).sum() == 28);
    array<float> product(dev, 5);
    as_eigen(product).noalias() = as_eigen(std::as_const(a)) * as_eigen(v);
    CHECK(product.to_host()[2] == 9 * 28);
    array<float, 2> nothing(dev, {0, 3});
    CHECK((as_eigen(nothing).rows() == 0 && as_eigen(nothing).cols() == 3));
  });
}

TEST_CASE("matrices, maps and expressions of Eigen become arrays, whatever their storage order") {
  for_each_device([](device const& dev) {
    Eigen::MatrixXd columns(2, 3);  // column-major
    columns << 1, 2, 3, 4, 5, 6;
    std::vector<double> const rows{1, 2, 3, 4, 5, 6};
    array<double, 2> const a = from_eigen(columns, dev);
    CHECK((a.shape() == shape{2, 3} && a.device() == dev));
    CHECK(a.to_host() == rows);
    Eigen::Matrix<double, 2, 3, Eigen::RowMajor> const fixed = columns;
    CHECK(from_eigen(fixed, dev).to_host() == rows);
    CHECK(from_eigen(columns.transpose(), dev).to_host() == std::vector<double>{1, 4, 2, 5, 3, 6});
    CHECK(from_eigen(columns.block(0, 1, 2, 2) * 2, dev).to_host() == std::vector<double>{4, 6, 10, 12});
    CHECK(from_eigen(columns.array().square(), dev).to_host() == std::vector<double>{1, 4, 9, 16, 25, 36});
    Eigen::VectorXi const vector = Eigen::VectorXi::LinSpaced(4, 0, 3);
    array<int, 1> const v = from_eigen(vector, dev);
    CHECK(v.to_host() == std::vector<int>{0, 1, 2, 3});
    CHECK(from_eigen(columns.row(1), dev).to_host() == std::vector<double>{4, 5, 6});
    Eigen::Map<Eigen::MatrixXd const, 0, Eigen::OuterStride<>> const strided(columns.data(), 1, 3,
                                                                             Eigen::OuterStride<>(2));
    CHECK(from_eigen(strided).to_host() == std::vector<double>{1, 2, 3});
    CHECK(from_eigen(Eigen::MatrixXf(0, 3), dev).shape() == shape{0, 3});
  });
}

}  // namespace eigen_tests
#endif
