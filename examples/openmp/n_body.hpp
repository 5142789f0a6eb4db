// Gravity written by hand with OpenMP: what n_body.cpp is timed beside with --compare.
#pragma once

#include <cmath>
#include <vector>

namespace openmp {

/// Bodies as one array a number, so that the compiler works on several of them at a time.
struct bodies {
  std::vector<float> x, y, z, mass, vx, vy, vz;
};

/// One step of symplectic Euler.
inline void move_bodies(bodies& b, float dt, float softening) {
  long const n = static_cast<long>(b.x.size());
  float const *const x = b.x.data(), *const y = b.y.data(), *const z = b.z.data(), *const mass = b.mass.data();
#pragma omp parallel for
  for (long i = 0; i < n; ++i) {
    float ax = 0, ay = 0, az = 0;
#pragma omp simd reduction(+ : ax, ay, az)
    for (long j = 0; j < n; ++j) {
      float const dx = x[j] - x[i], dy = y[j] - y[i], dz = z[j] - z[i];
      float const inverse = 1 / std::sqrt(dx * dx + dy * dy + dz * dz + softening);
      float const strength = mass[j] * inverse * inverse * inverse;
      ax += strength * dx;
      ay += strength * dy;
      az += strength * dz;
    }
    auto const at = static_cast<std::size_t>(i);
    b.vx[at] += dt * ax;
    b.vy[at] += dt * ay;
    b.vz[at] += dt * az;
  }
#pragma omp parallel for
  for (long i = 0; i < n; ++i) {
    auto const at = static_cast<std::size_t>(i);
    b.x[at] += dt * b.vx[at];
    b.y[at] += dt * b.vy[at];
    b.z[at] += dt * b.vz[at];
  }
}

}  // namespace openmp
