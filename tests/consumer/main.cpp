// What a user's first program does: one fused expression, one sum.
#include <cmath>
#include <cstdio>
#include <lockstep/lockstep.hpp>
#include <vector>

namespace ls = lockstep;

int main() {
  ls::device const cpu = ls::default_device();
  ls::array<float> a(cpu, std::vector<float>(1000, 3.0f)), b(cpu, std::vector<float>(1000, 4.0f)), y(cpu, 1000);
  y = ls::sqrt(a * a + b * b) + 1.0f;
  float const total = ls::sum(y);
  std::printf("the sum is %g, expected 6000\n", static_cast<double>(total));
  return total == 6000.0f ? 0 : 1;
}
