// What .npy files cannot hold is refused when it is compiled.
// case 1: NumPy has no dtype for bfloat16: save cast<float>(x), and load float and cast that
// case 2: NumPy has no dtype for bfloat16: save cast<float>(x), and load float and cast that
// case 3: .npy files hold bool, integers, half, float, double and std::complex of these two
#include <lockstep/io/npy.hpp>
#include <lockstep/lockstep.hpp>

namespace ls = lockstep;

void must_not_compile(ls::array<ls::bfloat16> x) {
  ls::io::save_npy("x", ls::cast<float>(x));
#if CASE == 1
  ls::io::save_npy("x", x);
#endif
#if CASE == 2
  x = ls::io::load_npy<ls::bfloat16>("x");
#endif
#if CASE == 3
  static_cast<void>(ls::io::load_npy<long double>("x"));
#endif
}
