// Solves a sparse linear system by conjugate gradients: the matrix times a vector is one reduction over its rows.
// The system is an implicit step of the heat equation on a grid. Checked by the residual, computed by a plain loop.
#include "openmp/sparse_matrix_vector.hpp"
#include "example.hpp"

namespace ls = lockstep;

namespace {

/// Compressed sparse rows: row i has the values from offsets[i] up to offsets[i + 1].
struct sparse_matrix {
  ls::array<double> values;
  ls::array<int> columns, offsets;
};

auto product(sparse_matrix const& a, ls::array<double> const& x) {
  return ls::sum(a.values * ls::gather(x, a.columns), ls::segments(a.offsets));
}

/// Identity plus `t` times the negative Laplacian of a grid of n x n points: five values a row, fewer at the edges.
sparse_matrix heat_matrix(ls::device const& dev, int n, double t) {
  std::vector<double> values;
  std::vector<int> columns, offsets{0};
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) {
      auto const add = [&](int di, int dj, double value) {
        if (i + di < 0 || i + di >= n || j + dj < 0 || j + dj >= n) return;
        columns.push_back((i + di) * n + j + dj);
        values.push_back(value);
      };
      add(-1, 0, -t), add(0, -1, -t), add(0, 0, 1 + 4 * t), add(0, 1, -t), add(1, 0, -t);
      offsets.push_back(static_cast<int>(values.size()));
    }
  return {{dev, values}, {dev, columns}, {dev, offsets}};
}

/// Solves a x = b for a symmetric positive definite matrix; gives the number of iterations. All numbers but the one
/// that decides when to stop stay on the device.
int conjugate_gradients(sparse_matrix const& a, ls::array<double> const& b, ls::array<double>& x, double tolerance,
                        int most = 1000) {
  ls::array<double> residual = b - product(a, x), direction = residual, image(b.device(), b.shape());
  ls::array<double, 0> squared = ls::dot(residual, residual), next(b.device(), ls::shape<0>());
  double const goal = tolerance * tolerance * ls::dot(b, b);
  int iterations = 0;
  for (; squared > goal && iterations < most; ++iterations) {
    image = product(a, direction);
    ls::array<double, 0> const length = squared / ls::dot(direction, image);
    ls::tie(x, residual) = ls::fuse(x + length * direction, residual - length * image);
    next = ls::dot(residual, residual);
    direction = residual + next / squared * direction;
    std::swap(squared, next);
  }
  return iterations;
}

/// |b - a x| / |b| by a plain loop.
double residual_of(sparse_matrix const& a, std::vector<double> const& b, std::vector<double> const& x) {
  std::vector<double> const values = a.values.to_host();
  std::vector<int> const columns = a.columns.to_host(), offsets = a.offsets.to_host();
  double wrong = 0, whole = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    double rest = b[i];
    for (auto k = static_cast<std::size_t>(offsets[i]); k < static_cast<std::size_t>(offsets[i + 1]); ++k)
      rest -= values[k] * x[static_cast<std::size_t>(columns[k])];
    wrong += rest * rest;
    whole += b[i] * b[i];
  }
  return std::sqrt(wrong / whole);
}

/// With --compare: some iterations, ours and by hand, there also with dot products inside of the other loops.
void compare(example::options const& o, sparse_matrix const& a, ls::array<double> const& b) {
  openmp::sparse_matrix const matrix{a.values.to_host(), a.columns.to_host(), a.offsets.to_host()};
  std::vector<double> const right = b.to_host();
  constexpr int iterations = 10;
  ls::array<double> x;
  std::vector<double> by_hand;
  auto const ours = [&] {
    x = ls::zeros<double>(o.device, b.size());
    conjugate_gradients(a, b, x, 0, iterations);
  };
  auto const check = [&] {
    std::vector<double> const found = x.to_host();
    for (std::size_t i = 0; i < found.size(); ++i)
      example::require_close("an unknown, ours and OpenMP's", found[i], by_hand[i], 1e-9);
  };
  example::compare(o, "conjugate gradients", ours,
                   [&] { by_hand = openmp::conjugate_gradients(matrix, right, iterations); });
  check();
  example::compare(o, "conjugate gradients, fused by hand", ours,
                   [&] { by_hand = openmp::fused_conjugate_gradients(matrix, right, iterations); });
  check();
}

void solve(example::options const& o) {
  int const n = static_cast<int>(o.size(1000, 100));
  sparse_matrix const a = heat_matrix(o.device, n, 5);
  auto const rows = static_cast<std::size_t>(n) * static_cast<std::size_t>(n);
  ls::array<double> const b = ls::random::uniform<double>(o.device, rows, ls::seed(5));
  ls::array<double> x = ls::zeros<double>(o.device, rows);
  int iterations = 0;
  double const seconds = example::seconds_of(o.device, [&] { iterations = conjugate_gradients(a, b, x, 1e-8); });
  std::printf("%zu equations with %zu values, %d iterations (%s)\n", rows, a.values.size(), iterations,
              o.device.name().c_str());
  example::report("conjugate gradients", seconds, double(a.values.size()) * iterations, "values");

  ls::array<double> image(o.device, b.shape());
  double const once = example::seconds_of(o.device, [&] { image = product(a, x); });
  example::report("one product", once, double(a.values.size()), "values");
  example::require_close("residual", residual_of(a, b.to_host(), x.to_host()), 0, 2e-8);
  if (o.compare) compare(o, a, b);
}

}  // namespace

int main(int argc, char** argv) { return example::run(argc, argv, {}, solve); }
