// Groups points around k centers (Lloyd's algorithm): a custom kernel over teams finds the nearest center of each
// point, scatter sums up the points of each center. Checked by plain loops: every point is with its nearest center.
#include "openmp/k_means.hpp"
#include "example.hpp"

namespace ls = lockstep;

namespace {

/// What a team keeps in shared memory of its points: one array a coordinate, so that the lanes of a CPU's vectors and
/// the threads of a GPU read neighbors; and the nearest center so far.
constexpr ls::index dimensions = 16, tile = 128;
struct workplace {
  float coordinate[dimensions][tile], least[tile];
  int label[tile];
};

/// Which center is nearest to each point. |p - c|^2 = |p|^2 - 2 p.c + |c|^2, of which |p|^2 is the same for all
/// centers.
struct find_nearest {
  template <class Team>
  LOCKSTEP_FN void operator()(Team& team, ls::view<float const, 2> points, ls::view<float const, 2> centers,
                              ls::view<float const> squares, ls::view<ls::index> labels) const {
    workplace& w = team.template shared<workplace[1]>()[0];
    ls::index const n = points.extent(0), first = team.index() * tile, mine = n - first < tile ? n - first : tile;
    team.for_each(mine, [&](ls::index i) {
      for (int j = 0; j < dimensions; ++j) w.coordinate[j][i] = points(first + i, j);
      w.least[i] = std::numeric_limits<float>::infinity();
      w.label[i] = 0;
    });
    for (int c = 0; c < centers.extent(0); ++c) {
      float center[dimensions];
      for (int j = 0; j < dimensions; ++j) center[j] = centers(c, j);
      float const square = squares[c];
      team.for_each(mine, [&](ls::index i) {
        float product = 0;
        for (int j = 0; j < dimensions; ++j) product += w.coordinate[j][i] * center[j];
        float const distance = square - 2 * product, least = w.least[i];
        w.label[i] = distance < least ? c : w.label[i];
        w.least[i] = distance < least ? distance : least;
      });
    }
    team.for_each(mine, [&](ls::index i) { labels[first + i] = w.label[i]; });
  }
};
ls::array<ls::index> nearest(ls::array<float, 2> const& points, ls::array<float, 2> const& centers) {
  ls::index const n = points.extent(0);
  ls::array<float> const squares = ls::sum(ls::square(centers), ls::axis(1));
  ls::array<ls::index> labels(points.device(), ls::shape{n});
  ls::launch(points.device(), ls::teams((n + tile - 1) / tile), find_nearest{}, points, centers, squares, labels);
  return labels;
}

/// Moves every center to the mean of its points; one without points stays.
void move_centers(ls::array<float, 2> const& points, ls::array<ls::index> const& labels, ls::array<float, 2>& centers) {
  ls::index const k = centers.extent(0), d = centers.extent(1);
  ls::array<ls::index> const counts = ls::bincount(labels, k);
  ls::array<float> sums = ls::zeros<float>(points.device(), centers.size());
  ls::scatter(sums, ls::column(labels) * d + ls::indices(points.shape(), ls::axis(1)), points, ls::plus{});
  auto const members = ls::column(ls::cast<float>(counts));
  centers = ls::where(members > 0.0f, sums.reshape(ls::shape{k, d}) / members, centers);
}

/// Points around k hidden centers, every point around the one of its number modulo k.
ls::array<float, 2> clustered_points(ls::device const& dev, ls::index n, ls::index d, ls::index k) {
  ls::array<float, 2> const hidden = ls::random::uniform<float>(dev, ls::shape{k, d}, ls::seed(1), 0.0f, 20.0f);
  ls::array<ls::index> const home = ls::arange<ls::index>(dev, static_cast<std::size_t>(n)) % k;
  return ls::gather(hidden, home, ls::axis(0)) + ls::random::normal<float>(dev, ls::shape{n, d}, ls::seed(2));
}

/// By plain loops: every point is as near to its center as to any, and `moved` are the means of the points.
void check(std::vector<float> const& points, std::vector<float> const& centers, std::vector<ls::index> const& labels,
           std::vector<float> const& moved) {
  std::size_t const n = labels.size(), d = points.size() / n, k = centers.size() / d;
  std::vector<double> sums(k * d), counts(k);
  for (std::size_t i = 0; i < n; ++i) {
    auto const distance = [&](std::size_t c) {
      double sum = 0;
      for (std::size_t j = 0; j < d; ++j) {
        double const apart = double(points[i * d + j]) - double(centers[c * d + j]);
        sum += apart * apart;
      }
      return sum;
    };
    auto const mine = static_cast<std::size_t>(labels[i]);
    double const chosen = distance(mine);
    for (std::size_t c = 0; c < k; ++c)
      example::require(chosen <= distance(c) + 0.01, "a point is not with its nearest center");
    for (std::size_t j = 0; j < d; ++j) sums[mine * d + j] += double(points[i * d + j]);
    ++counts[mine];
  }
  for (std::size_t c = 0; c < k * d; ++c)
    if (counts[c / d] > 0) example::require_close("coordinate of a center", moved[c], sums[c] / counts[c / d], 1e-2);
}

/// With --compare: a step from the same centers, ours and by hand.
template <long D>
void compare(example::options const& o, ls::array<float, 2> const& points, ls::array<float, 2> const& start) {
  std::vector<float> const values = points.to_host(), from = start.to_host();
  std::vector<float> by_hand;
  std::vector<long> labels_by_hand(static_cast<std::size_t>(points.extent(0)));
  ls::array<float, 2> centers;
  ls::array<ls::index> labels;
  auto const ours = [&] {
    centers = start;
    labels = nearest(points, centers);
    move_centers(points, labels, centers);
  };
  auto const openmp = [&] {
    by_hand = from;
    openmp::k_means_step<D>(values, by_hand, labels_by_hand);
  };
  example::compare(o, "k-means", ours, openmp);
  std::vector<float> const moved = centers.to_host();
  for (std::size_t i = 0; i < moved.size(); ++i)
    example::require_close("coordinate of a center, ours and OpenMP's", moved[i], by_hand[i], 1e-2);
}

void group(example::options const& o) {
  constexpr ls::index d = dimensions;
  ls::index const n = o.size(1'000'000, 5'000), k = o.size(64, 8), steps = 10;
  ls::array<float, 2> const points = clustered_points(o.device, n, d, k);
  ls::array<float, 2> before, centers = points.slice({0, 0}, {k, d});  // the first k points
  ls::array<ls::index> labels;
  double const seconds = example::seconds_of(o.device, [&] {
    for (ls::index s = 0; s < steps; ++s) {
      before = centers;
      labels = nearest(points, centers);
      move_centers(points, labels, centers);
    }
  });
  std::printf("%lld points of %lld numbers, %lld groups, %lld steps (%s)\n", static_cast<long long>(n),
              static_cast<long long>(d), static_cast<long long>(k), static_cast<long long>(steps),
              o.device.name().c_str());
  example::report("k-means", seconds, double(n) * double(steps), "points");
  double const spread = ls::mean(ls::square(points - ls::gather(centers, labels, ls::axis(0))));
  std::printf("  mean squared deviation from the centers: %.4f a coordinate\n", spread);
  check(points.to_host(), before.to_host(), labels.to_host(), centers.to_host());
  example::require(spread > 0.9 && spread < 1.1, "the points lie around hidden centers with a variance of 1");
  if (o.compare) compare<d>(o, points, before);
}

}  // namespace

int main(int argc, char** argv) { return example::run(argc, argv, {}, group); }
