// Gravity between bodies: a custom kernel over teams, which load the bodies tile by tile into shared memory.
// The same kernel runs on CPU threads and on GPUs. Checked against a plain loop, and by the energy, which must stay.
#include "openmp/n_body.hpp"
#include "example.hpp"

namespace ls = lockstep;

namespace {

struct body {
  float x, y, z, mass;
};
struct vector {
  float x, y, z;
};

constexpr float softening = 1e-3f;  // added to squared distances, so that close bodies do not fling each other away

/// What a team keeps in shared memory: its own bodies and the pull on them, one array a number, so that the lanes of a
/// CPU's vectors and the threads of a GPU read neighbors; and a tile of the others.
constexpr int tile = 128, unrolled = 8;
struct workplace {
  float x[tile], y[tile], z[tile], pull_x[tile], pull_y[tile], pull_z[tile];
  body others[tile];
};

/// One step of symplectic Euler: the pull on the team's bodies, then their new velocities and places.
struct move_bodies {
  template <class Team>
  LOCKSTEP_FN void operator()(Team& team, ls::view<body const> old, ls::view<body> next, ls::view<vector> velocity,
                              float dt) const {
    workplace& w = team.template shared<workplace[1]>()[0];
    ls::index const n = old.extent(0), first = team.index() * tile, mine = n - first < tile ? n - first : tile;
    team.for_each(mine, [&](ls::index i) {
      body const b = old[first + i];
      w.x[i] = b.x, w.y[i] = b.y, w.z[i] = b.z;
      w.pull_x[i] = w.pull_y[i] = w.pull_z[i] = 0;
    });
    for (ls::index start = 0; start < n; start += tile) {  // behind the last one: bodies without mass
      team.for_each(tile, [&](ls::index j) { w.others[j] = start + j < n ? old[start + j] : body{}; });
      for (int j = 0; j < tile; j += unrolled) team.for_each(mine, [&](ls::index i) { attract(w, i, &w.others[j]); });
    }
    team.for_each(mine, [&](ls::index i) {
      vector& v = velocity[first + i];
      v = {v.x + dt * w.pull_x[i], v.y + dt * w.pull_y[i], v.z + dt * w.pull_z[i]};
      next[first + i] = {w.x[i] + dt * v.x, w.y[i] + dt * v.y, w.z[i] + dt * v.z, old[first + i].mass};
    });
  }

  /// Adds what several others do to body i of the team. The sums stay in registers.
  LOCKSTEP_FN static void attract(workplace& w, ls::index i, body const* others) {
    float const x = w.x[i], y = w.y[i], z = w.z[i];
    vector pull{w.pull_x[i], w.pull_y[i], w.pull_z[i]};
    for (int k = 0; k < unrolled; ++k) {
      float const dx = others[k].x - x, dy = others[k].y - y, dz = others[k].z - z;
      float const inverse = ls::math::rsqrt(dx * dx + dy * dy + dz * dz + softening);
      float const strength = others[k].mass * inverse * inverse * inverse;
      pull = {pull.x + strength * dx, pull.y + strength * dy, pull.z + strength * dz};
    }
    w.pull_x[i] = pull.x, w.pull_y[i] = pull.y, w.pull_z[i] = pull.z;
  }
};

/// Half of the potential energy of a pair, because a sum over all pairs meets each of them twice; with itself none.
struct pair_energy {
  LOCKSTEP_FN double operator()(body const& a, body const& b) const {
    double const dx = b.x - a.x, dy = b.y - a.y, dz = b.z - a.z, squared = dx * dx + dy * dy + dz * dz;
    return squared == 0 ? 0 : -0.5 * a.mass * b.mass * ls::math::rsqrt(squared + softening);
  }
};
struct kinetic_energy {
  LOCKSTEP_FN double operator()(body const& b, vector const& v) const {
    return 0.5 * b.mass * (double(v.x) * v.x + double(v.y) * v.y + double(v.z) * v.z);
  }
};
double energy(ls::array<body> const& bodies, ls::array<vector> const& velocity) {
  double const potential = ls::sum(ls::map(pair_energy{}, ls::column(bodies), bodies));  // n x n, nothing is stored
  return potential + ls::sum(ls::map(kinetic_energy{}, bodies, velocity));
}

void step(ls::array<body> const& old, ls::array<body>& next, ls::array<vector>& velocity, float dt) {
  ls::index const n = old.extent(0);
  ls::launch(old.device(), ls::teams((n + tile - 1) / tile), move_bodies{}, old, next, velocity, dt);
}

/// The accelerations of every 97th body by a plain loop; a step of length 1 from rest makes velocities of them.
void check_pull(std::vector<body> const& bodies, std::vector<vector> const& found) {
  for (std::size_t i = 0; i < bodies.size(); i += 97) {
    double sum[3] = {};
    for (body const& b : bodies) {
      double const d[3] = {b.x - bodies[i].x, b.y - bodies[i].y, b.z - bodies[i].z};
      double const distance = std::sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2] + softening);
      for (int axis = 0; axis < 3; ++axis) sum[axis] += b.mass * d[axis] / (distance * distance * distance);
    }
    example::require_close("acceleration along x", found[i].x, sum[0], 1e-4);
    example::require_close("acceleration along y", found[i].y, sum[1], 1e-4);
    example::require_close("acceleration along z", found[i].z, sum[2], 1e-4);
  }
}

/// With --compare: a step from rest, ours and by hand.
void compare(example::options const& o, std::vector<body> const& start) {
  openmp::bodies by_hand;
  for (body const& b : start) {
    by_hand.x.push_back(b.x), by_hand.y.push_back(b.y), by_hand.z.push_back(b.z), by_hand.mass.push_back(b.mass);
    by_hand.vx.push_back(0), by_hand.vy.push_back(0), by_hand.vz.push_back(0);
  }
  ls::array<body> bodies(o.device, start), next = bodies;
  ls::array<vector> velocity(o.device, std::vector<vector>(start.size()));
  auto const ours = [&] { step(bodies, next, velocity, 1e-3f), std::swap(bodies, next); };
  example::compare(o, "gravity", ours, [&] { openmp::move_bodies(by_hand, 1e-3f, softening); });
  std::vector<body> const found = bodies.to_host();
  for (std::size_t i = 0; i < start.size(); ++i) {
    example::require_close("place along x, ours and OpenMP's", found[i].x, by_hand.x[i], 1e-4);
    example::require_close("place along y, ours and OpenMP's", found[i].y, by_hand.y[i], 1e-4);
    example::require_close("place along z, ours and OpenMP's", found[i].z, by_hand.z[i], 1e-4);
  }
}

void simulate(example::options const& o) {
  auto const n = static_cast<std::size_t>(o.size(16384, 1500));
  ls::index const steps = o.size(20, 10);
  std::vector<float> const place = ls::random::uniform<float>(o.device, 3 * n, ls::seed(1)).to_host();
  std::vector<float> const speed = ls::random::normal<float>(o.device, 3 * n, ls::seed(2), 0.0f, 0.5f).to_host();
  std::vector<body> start(n);
  std::vector<vector> push(n);
  for (std::size_t i = 0; i < n; ++i) {
    start[i] = {place[3 * i], place[3 * i + 1], place[3 * i + 2], 1 / float(n)};
    push[i] = {speed[3 * i], speed[3 * i + 1], speed[3 * i + 2]};
  }
  ls::array<body> bodies(o.device, start), next(o.device, start);
  ls::array<vector> velocity(o.device, std::vector<vector>(n));
  step(bodies, next, velocity, 1);
  check_pull(start, velocity.to_host());

  velocity = ls::array<vector>(o.device, push);
  double const before = energy(bodies, velocity);
  double const seconds = example::seconds_of(o.device, [&] {
    for (ls::index s = 0; s < steps; ++s) {
      step(bodies, next, velocity, 1e-3f);
      std::swap(bodies, next);
    }
  });
  double const after = energy(bodies, velocity);
  std::printf("%lld steps of %zu bodies (%s)\n", static_cast<long long>(steps), n, o.device.name().c_str());
  example::report("gravity", seconds, double(steps) * double(n) * double(n), "interactions");
  std::printf("  energy %.6f, before %.6f\n", after, before);
  example::require_close("energy", after, before, 1e-3 * std::abs(before));
  if (o.compare) compare(o, start);
}

}  // namespace

int main(int argc, char** argv) { return example::run(argc, argv, {}, simulate); }
