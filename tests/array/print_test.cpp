// Runs on: cpu, cuda
// Printing: what operator<< and to_string write for every kind of element, shape and option. Expected texts are what
// NumPy 2.4 prints with legacy='2.2' (its rule for the notation up to 2.2) for the same values, unless a line says
// otherwise.
#include <doctest/doctest.h>

#include <complex>
#include <limits>
#include <lockstep/lockstep.hpp>
#include <sstream>

#include "support/devices.hpp"
#include "support/values.hpp"

namespace print_tests {

using lockstep::array, lockstep::device, lockstep::shape, lockstep::to_string, lockstep::describe;
using lockstep::test::contains, lockstep::test::for_each_device, lockstep::test::message_of;

template <class E>
std::string printed(E const& e) {
  std::ostringstream out;
  out << e;
  return out.str();
}

template <class T>
std::string text(device const& dev, std::vector<T> const& values, lockstep::print_options const& options = {}) {
  return to_string(array<T>(dev, values), options);
}

template <std::size_t Rank>
array<int, Rank> counted(device const& dev, shape<Rank> const& extents) {
  return lockstep::arange<int>(dev, extents.size()).reshape(extents);
}

double const nan = std::numeric_limits<double>::quiet_NaN();
double const infinity = std::numeric_limits<double>::infinity();

TEST_CASE("floating numbers share one notation and one place of the point") {
  for_each_device([](device const& dev) {
    using floats = std::vector<float>;
    using doubles = std::vector<double>;
    CHECK(text(dev, floats{1.5f, 2, -3.25f, 0.1f}) == "[ 1.5   2.   -3.25  0.1 ]");
    CHECK(text(dev, doubles{1. / 3, 2. / 3, 100}) == "[  0.33333333   0.66666667 100.        ]");
    CHECK(text(dev, floats{1.f / 3, 2.f / 3, 100}) == "[  0.33333334   0.6666667  100.        ]");
    CHECK(text(dev, floats{1, 1e8f}) == "[1.e+00 1.e+08]");
    CHECK(text(dev, doubles{1e-5, 1e-4}) == "[1.e-05 1.e-04]");
    CHECK(text(dev, floats{1, 1000}) == "[   1. 1000.]");
    CHECK(text(dev, floats{1, 1001}) == "[1.000e+00 1.001e+03]");
    CHECK(text(dev, doubles{1e300, -2.5e-300, 0}) == "[ 1.0e+300 -2.5e-300  0.0e+000]");
    CHECK(text(dev, doubles{nan, 1.5, -infinity, infinity}) == "[ nan  1.5 -inf  inf]");
    CHECK(text(dev, doubles{nan, infinity}) == "[nan inf]");
    CHECK(text(dev, doubles{0., -0.}) == "[ 0. -0.]");
    CHECK(text(dev, doubles{5e-324}) == "[5.e-324]");
    CHECK(text(dev, std::vector<lockstep::half>{0.1f, 65504.f, 6e-8f}) == "[1.00e-01 6.55e+04 5.96e-08]");
    CHECK(text(dev, std::vector<lockstep::half>{0.1f, 0.5f, 2048.f}) == "[9.998e-02 5.000e-01 2.048e+03]");
    // NumPy has no bfloat16; these digits tell the values from their neighbors, which are 1/128 of them away.
    CHECK(text(dev, std::vector<lockstep::bfloat16>{0.1f, 0.5f, 3.14159f}) == "[0.1  0.5  3.14]");
  });
}

TEST_CASE("options set precision, notation, width and what is left out") {
  for_each_device([](device const& dev) {
    CHECK(text<float>(dev, {1.f / 3, 2.f / 3, -100}, {.precision = 3}) == "[   0.333    0.667 -100.   ]");
    CHECK(text<float>(dev, {0.5f, 1.5f, 2.5f}, {.precision = 0}) == "[0. 2. 2.]");
    CHECK(text<double>(dev, {0x1p-44}, {.precision = 17}) == "[5.684341886080802e-14]");
    CHECK(text<double>(dev, {1e-10, 1, 1234.5}) == "[1.0000e-10 1.0000e+00 1.2345e+03]");
    CHECK(text<double>(dev, {1e-10, 1, 1234.5}, {.suppress = true}) == "[   0.     1.  1234.5]");
    CHECK(to_string(counted(dev, shape{30}), {.threshold = 10, .edge_items = 2}) == "[ 0  1 ... 28 29]");
    array<float, 2> const m = lockstep::cast<float>(counted(dev, shape{2, 6})) * 1.5f;
    CHECK(to_string(m, {.line_width = 20}) ==
          "[[ 0.   1.5  3.\n"
          "   4.5  6.   7.5]\n"
          " [ 9.  10.5 12.\n"
          "  13.5 15.  16.5]]");
    CHECK(to_string(counted(dev, shape{3}) * 100, {.line_width = 1}) == "[  0\n 100\n 200]");
    CHECK(contains(message_of<lockstep::error>([&] { static_cast<void>(to_string(m, {.precision = -1})); }),
                   "found the precision -1, expected at least 0"));
    CHECK(contains(message_of<lockstep::error>([&] { static_cast<void>(to_string(m, {.edge_items = 0})); }),
                   "found edge_items 0, expected at least 1"));
  });
}

TEST_CASE("integers, bools and complex numbers are aligned") {
  for_each_device([](device const& dev) {
    CHECK(printed(array<int, 2>(dev, {2, 2}, std::vector<int>{1, -20, 300, 4})) == "[[  1 -20]\n [300   4]]");
    CHECK(text(dev, std::vector<std::uint8_t>{1, 255}) == "[  1 255]");
    using limits = std::numeric_limits<std::int64_t>;
    CHECK(text(dev, std::vector<std::int64_t>{limits::min(), limits::max()}) ==
          "[-9223372036854775808  9223372036854775807]");
    CHECK(text(dev, std::vector<bool>{true, false}) == "[ True False]");
    CHECK(text(dev, std::vector<bool>{true, true}) == "[ True  True]");
    using complex = std::complex<float>;
    CHECK(text(dev, std::vector<complex>{{1, 2}, {-0.5f, 1e-3f}, {std::nanf(""), -1}}) ==
          "[ 1. +2.e+00j -0.5+1.e-03j  nan-1.e+00j]");
    CHECK(text(dev, std::vector<std::complex<double>>{{1, 2}, {-0.5, -1.25}}) == "[ 1. +2.j   -0.5-1.25j]");
  });
}

template <class T>
std::string alone(device const& dev, T value) {
  return printed(array<T, 0>(dev, shape<0>(), std::vector<T>{value}));
}

TEST_CASE("one value alone has all its digits") {
  for_each_device([](device const& dev) {
    CHECK(alone(dev, 0.1f) == "0.1");
    CHECK(alone(dev, 1.f) == "1.0");
    CHECK(alone(dev, 1e16f) == "1e+16");
    CHECK(alone(dev, 1e-5f) == "1e-05");
    CHECK(alone(dev, 123456789.f) == "123456790.0");
    CHECK(alone(dev, 1. / 3) == "0.3333333333333333");
    CHECK(alone(dev, nan) == "nan");
    CHECK(alone(dev, -0.f) == "-0.0");
    CHECK(alone(dev, lockstep::half(0.1f)) == "0.1");
    CHECK(alone(dev, std::complex<float>(1, 2)) == "(1+2j)");
    CHECK(alone(dev, std::complex<float>(0, 2)) == "2j");
    CHECK(alone(dev, 42) == "42");
    CHECK(printed(lockstep::sum(lockstep::arange<int>(dev, 5))) == "10");
    CHECK(printed(lockstep::sum(lockstep::arange<float>(dev, 5)) / 4.0f) == "2.5");
  });
}

TEST_CASE("axes are nested brackets, long ones are cut") {
  for_each_device([](device const& dev) {
    CHECK(printed(counted(dev, shape{2, 3, 2})) ==
          "[[[ 0  1]\n  [ 2  3]\n  [ 4  5]]\n\n [[ 6  7]\n  [ 8  9]\n  [10 11]]]");
    CHECK(printed(counted(dev, shape{2, 1, 2, 1})) == "[[[[0]\n   [1]]]\n\n\n [[[2]\n   [3]]]]");
    CHECK(printed(counted(dev, shape{30})) ==
          "[ 0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15 16 17 18 19 20 21 22 23\n 24 25 26 27 28 29]");
    CHECK(printed(counted(dev, shape{1001})) == "[   0    1    2 ...  998  999 1000]");
    CHECK(!contains(printed(counted(dev, shape{1000})), "..."));
    std::string const cut =
        "[[   0    1    2 ...   97   98   99]\n"
        " [ 100  101  102 ...  197  198  199]\n"
        " [ 200  201  202 ...  297  298  299]\n"
        " ...\n"
        " [9700 9701 9702 ... 9797 9798 9799]\n"
        " [9800 9801 9802 ... 9897 9898 9899]\n"
        " [9900 9901 9902 ... 9997 9998 9999]]";
    array<int, 2> const m = counted(dev, shape{100, 100});
    CHECK(printed(m) == cut);
    CHECK(printed(m + 0) == cut);
    CHECK(printed(m.transpose().transpose()) == cut);
    CHECK(printed(lockstep::transpose(m.transpose() + 0)) == cut);
    CHECK(printed(counted(dev, shape{101, 101}).slice({0, 0}, {100, 100}).slice({1, 2}, {3, 5})) ==
          "[[103 104 105]\n [204 205 206]]");  // by counting
    CHECK(printed(counted(dev, shape{5, 300})) ==
          "[[   0    1    2 ...  297  298  299]\n"
          " [ 300  301  302 ...  597  598  599]\n"
          " [ 600  601  602 ...  897  898  899]\n"
          " [ 900  901  902 ... 1197 1198 1199]\n"
          " [1200 1201 1202 ... 1497 1498 1499]]");
    CHECK(printed(counted(dev, shape{300, 2, 2})) ==
          "[[[   0    1]\n  [   2    3]]\n\n [[   4    5]\n  [   6    7]]\n\n [[   8    9]\n  [  10   11]]\n\n ...\n\n"
          " [[1188 1189]\n  [1190 1191]]\n\n [[1192 1193]\n  [1194 1195]]\n\n [[1196 1197]\n  [1198 1199]]]");
  });
}

TEST_CASE("what holds no elements is []") {
  for_each_device([](device const& dev) {
    CHECK(printed(array<float, 2>(dev, {3, 0})) == "[]");
    CHECK(printed(array<float, 2>(dev, {3, 0}) + 1.0f) == "[]");
    CHECK(printed(array<float>()) == "[]");
  });
}

struct pixel {
  int red, green;
  friend std::ostream& operator<<(std::ostream& out, pixel const& p) { return out << p.red << '/' << p.green; }
};

TEST_CASE("elements of a type of one's own are written by their operator<<") {
  for_each_device([](device const& dev) {
    CHECK(text(dev, std::vector<pixel>{{1, 2}, {30, 4}}) == "[ 1/2 30/4]");
    CHECK(alone(dev, pixel{1, 2}) == "1/2");
  });
}

TEST_CASE("describe and the header say type, shape and device") {
  for_each_device([](device const& dev) {
    array<float, 2> const m(dev, {1, 2}, std::vector<float>{1, 2});
    CHECK(describe(m) == "float[1, 2] on " + dev.name());
    CHECK(describe(m.slice({0, 1}, {1, 2})) == "float[1, 1] on " + dev.name());
    CHECK(describe(lockstep::sum(m)) == "float on " + dev.name());
    CHECK(describe(array<std::complex<float>>(dev, 3)) == "complex<float>[3] on " + dev.name());
    CHECK(describe(array<float>()) == "float[0] without a device");
    CHECK(to_string(m * 2, {.header = true}) == "float[1, 2] on " + dev.name() + "\n[[2. 4.]]");
  });
}

TEST_CASE("nothing but what is shown is computed") {
  int calls = 0;
  auto const e = lockstep::map(lockstep::host_only([&](lockstep::index i) { return ++calls, i; }),
                               lockstep::indices(shape{1'000'000}));
  CHECK(to_string(e, {.threshold = 5}) == "[     0      1      2 ... 999997 999998 999999]");
  CHECK(calls == 6);
}

}  // namespace print_tests
