// The CPU kernels by themselves: matrix products of all sizes, pooling with ties and NaN, borders and tails.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <lockstep/backend/cpu/nn/elementwise.hpp>
#include <lockstep/backend/cpu/nn/product.hpp>
#include <random>
#include <vector>

namespace kernel_tests {
namespace cpu = lockstep::nn::cpu;
using lockstep::index;

namespace {

template <class T>
std::vector<T> random_values(index count, unsigned seed) {
  std::mt19937 bits(seed);
  std::normal_distribution<double> normal;
  std::vector<T> values(static_cast<std::size_t>(count));
  for (T& v : values) v = static_cast<T>(normal(bits));
  return values;
}

/// Multiplies rows x depth by depth x columns, either operand transposed or not, against a plain loop in double.
template <class T>
void check_product(index rows, index columns, index depth, bool turn_a, bool turn_b, bool accumulate, bool relu) {
  auto const a = random_values<T>(rows * depth, 1), b = random_values<T>(depth * columns, 2);
  auto const bias = random_values<T>(columns, 3);
  index const c_row = columns + 3;
  std::vector<T> c = random_values<T>(rows * c_row, 4);
  std::vector<T> const before = c;
  cpu::strided_matrix<T> const left{a.data(), turn_a ? 1 : depth, turn_a ? rows : 1};
  cpu::strided_matrix<T> const right{b.data(), turn_b ? 1 : columns, turn_b ? depth : 1};
  cpu::multiply<T>(rows, columns, depth, left, right, c.data(), c_row,
                   {accumulate ? nullptr : bias.data(), accumulate, relu});
  for (index i = 0; i < rows; ++i)
    for (index j = 0; j < c_row; ++j) {
      auto const at = static_cast<std::size_t>(i * c_row + j);
      if (j >= columns) {
        REQUIRE(c[at] == before[at]);  // nothing beyond the columns is touched
        continue;
      }
      double sum = static_cast<double>(accumulate ? before[at] : bias[static_cast<std::size_t>(j)]);
      for (index k = 0; k < depth; ++k)
        sum += static_cast<double>(left.data[i * left.row + k * left.column]) *
               static_cast<double>(right.data[k * right.row + j * right.column]);
      double const tolerance = sizeof(T) == 4 ? 2e-6 : 1e-14, size = std::sqrt(static_cast<double>(depth)) + 1;
      REQUIRE(std::abs(static_cast<double>(c[at]) - (relu && sum < 0 ? 0 : sum)) <= tolerance * size * 4);
    }
}

}  // namespace

TEST_CASE_TEMPLATE("matrix products of every size around a tile", T, float, double) {
  index const panel = cpu::panel_columns<T>, depth = cpu::panel_depth<T>;
  for (index rows : {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 18, 25})
    for (index columns : {index{1}, panel - 1, panel, panel + 1, 2 * panel, 3 * panel + 5})
      for (bool turned : {false, true}) check_product<T>(rows, columns, 11, turned, !turned, turned, !turned);
  for (index deep : {index{1}, depth - 1, depth, depth + 1, 3 * depth + 7})
    for (bool turned : {false, true}) check_product<T>(7, panel + 3, deep, !turned, turned, turned, turned);
}

TEST_CASE("a product's bits do not depend on alignment nor on the rows around it") {
  index const depth = 700, columns = 37;
  auto const a = random_values<float>(20 * depth, 1), b = random_values<float>(depth * columns, 2);
  std::vector<float> whole(20 * columns);
  cpu::multiply<float>(20, columns, depth, {a.data(), depth, 1}, {b.data(), columns, 1}, whole.data(), columns, {});
  for (index row = 0; row < 20; ++row) {
    std::vector<float> shifted_b(b.size() + 1), one(columns + 1);
    std::copy(b.begin(), b.end(), shifted_b.begin() + 1);
    cpu::multiply<float>(1, columns, depth, {a.data() + row * depth, depth, 1}, {shifted_b.data() + 1, columns, 1},
                         one.data() + 1, columns, {});
    CHECK(std::memcmp(one.data() + 1, whole.data() + row * columns, columns * sizeof(float)) == 0);
  }
}

TEST_CASE_TEMPLATE("products with a transpose, of every size around a tile", T, float, double) {
  index const panel = cpu::panel_columns<T>, deep = cpu::panel_depth<T>, block = 8 * cpu::tile_rows;
  for (index rows : {index{1}, index{2}, panel - 1, panel, panel + 1, 2 * panel + 3})
    for (index columns : {index{1}, index{7}, block - 1, block, block + 1})
      for (index depth : {index{1}, index{9}, deep, deep + 5}) {
        auto const a = random_values<T>(rows * depth, 1), b = random_values<T>(columns * depth, 2);
        std::vector<T> c(static_cast<std::size_t>(rows * columns), T(NAN));
        cpu::multiply_by_transpose<T>(rows, columns, depth, a.data(), b.data(), c.data());
        for (index i = 0; i < rows; ++i)
          for (index j = 0; j < columns; ++j) {
            double sum = 0;
            for (index k = 0; k < depth; ++k)
              sum += static_cast<double>(a[static_cast<std::size_t>(i * depth + k)]) *
                     static_cast<double>(b[static_cast<std::size_t>(j * depth + k)]);
            double const tolerance = (sizeof(T) == 4 ? 1e-5 : 1e-13) * std::sqrt(static_cast<double>(depth));
            REQUIRE(std::abs(static_cast<double>(c[static_cast<std::size_t>(i * columns + j)]) - sum) <= tolerance);
          }
      }
}

TEST_CASE("pooling: the first of equals wins, NaN wins over all, and the gradient goes where the value came from") {
  // One row of three windows of 2 x 2 pixels, one channel: a tie, a NaN, negatives.
  std::vector<float> const in{1, 5, NAN, 9, -2, -1, 5, 5, 3, NAN, -1, -3};
  std::vector<float> out(3), spread(12, 7);
  std::vector<std::uint8_t> places(3);
  cpu::pool_row(in.data(), 6, 2, 3, 1, false, out.data(), places.data());
  CHECK(out[0] == 5);
  CHECK(places[0] == 1);
  CHECK(std::isnan(out[1]));
  CHECK(out[2] == -1);
  CHECK(places[2] == 1);
  cpu::pool_row(in.data(), 6, 2, 3, 1, true, out.data(), places.data());
  CHECK(out[2] == 0);
  CHECK(std::isnan(out[1]));
  std::vector<float> const gradient{10, 20, 30};
  cpu::unpool_row(gradient.data(), places.data(), 2, 3, 1, spread.data(), 6);
  CHECK(spread[0] == 0);
  CHECK(spread[1] == 10);
  CHECK(spread[5] == 30);
  CHECK(spread[6] == 0);
  float sum = 0;
  for (float v : spread) sum += v;
  CHECK(sum == 60);
}

TEST_CASE("pooling of many channels equals plain loops") {
  for (index channels : {1, 3, 8, 17, 32, 41})
    for (index window : {1, 2, 3}) {
      index const out_width = 3, in_row = out_width * window * channels;
      auto const in = random_values<float>(window * in_row, 5);
      std::vector<float> out(static_cast<std::size_t>(out_width * channels));
      std::vector<std::uint8_t> places(out.size());
      cpu::pool_row(in.data(), in_row, window, out_width, channels, true, out.data(), places.data());
      for (index x = 0; x < out_width; ++x)
        for (index c = 0; c < channels; ++c) {
          float best = -INFINITY;
          index place = 0;
          for (index i = 0; i < window * window; ++i) {
            float const v =
                in[static_cast<std::size_t>(i / window * in_row + (x * window + i % window) * channels + c)];
            if (v > best) best = v, place = i;
          }
          auto const at = static_cast<std::size_t>(x * channels + c);
          REQUIRE(out[at] == (best < 0 ? 0 : best));
          REQUIRE(places[at] == place);
        }
    }
}

TEST_CASE("relu keeps NaN and cuts negatives; its mask is zero at zero") {
  std::vector<float> const x{-1, 0, 2, NAN, -0.0f, INFINITY, -INFINITY, 1e-40f, 3};
  std::vector<float> y(x.size()), masked(x.size()), gradient(x.size(), 5);
  cpu::rectify(x.data(), y.data(), static_cast<index>(x.size()));
  CHECK(y[0] == 0);
  CHECK(y[2] == 2);
  CHECK(std::isnan(y[3]));
  CHECK(y[5] == INFINITY);
  CHECK(y[6] == 0);
  CHECK(y[7] == 1e-40f);
  cpu::mask_by_output(gradient.data(), y.data(), masked.data(), static_cast<index>(x.size()));
  CHECK(masked[0] == 0);
  CHECK(masked[1] == 0);
  CHECK(masked[2] == 5);
  CHECK(masked[8] == 5);
}

TEST_CASE("add_rows adds row by row") {
  auto const rows = random_values<double>(13 * 21, 1);
  std::vector<double> sums(21, 1);
  cpu::add_rows(rows.data(), 13, 21, sums.data());
  for (std::size_t j = 0; j < 21; ++j) {
    double expected = 1;
    for (std::size_t i = 0; i < 13; ++i) expected += rows[i * 21 + j];
    CHECK(sums[j] == doctest::Approx(expected).epsilon(1e-14));
  }
}

}  // namespace kernel_tests
