// Time per element of each mathematical function in a plain loop: ours, the C library's, and glibc's vector library
// (what -ffast-math would call) where the processor has AVX2. 4096 elements, in cache. Names are type/function/whose.
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include <lockstep/core/math.hpp>

#if defined(__AVX2__) && defined(__GLIBC__) && defined(__x86_64__)
#include <immintrin.h>
#define HAS_LIBMVEC 1
#else
#define HAS_LIBMVEC 0
#endif

namespace {

constexpr int count = 4096;

template <class T>
std::vector<T> arguments(double low, double high, unsigned seed) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<T> uniform(static_cast<T>(low), static_cast<T>(high));
  std::vector<T> result(count);
  for (T& x : result) x = uniform(engine);
  return result;
}

/// Runs `sweep(out, x, y)`, which handles `count` elements, as the benchmark type/function/whose.
template <class T, class S>
void add(std::string const& function, std::string const& whose, double low, double high, S sweep) {
  std::string const name = std::string(sizeof(T) == 4 ? "float" : "double") + "/" + function + "/" + whose;
  benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
    std::vector<T> const x = arguments<T>(low, high, 1), y = arguments<T>(low, high, 2);
    std::vector<T> out(count);
    for (auto _ : state) {
      sweep(out.data(), x.data(), y.data());
      benchmark::DoNotOptimize(out.data());
      benchmark::ClobberMemory();
    }
    state.counters["time/element"] = benchmark::Counter(static_cast<double>(state.iterations()) * count,
                                                        benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  });
}

template <class T, class F>
void add_unary(std::string const& function, std::string const& whose, double low, double high, F f) {
  add<T>(function, whose, low, high, [f](T* out, T const* x, T const*) {
    LOCKSTEP_INDEPENDENT
    for (int j = 0; j < count; ++j) out[j] = f(x[j]);
  });
}

template <class T, class F>
void add_binary(std::string const& function, std::string const& whose, double low, double high, F f) {
  add<T>(function, whose, low, high, [f](T* out, T const* x, T const* y) {
    LOCKSTEP_INDEPENDENT
    for (int j = 0; j < count; ++j) out[j] = f(x[j], y[j]);
  });
}

#if HAS_LIBMVEC
__m256 load(float const* x) { return _mm256_loadu_ps(x); }
__m256d load(double const* x) { return _mm256_loadu_pd(x); }
void store(float* out, __m256 x) { _mm256_storeu_ps(out, x); }
void store(double* out, __m256d x) { _mm256_storeu_pd(out, x); }

template <class T, class F>
void add_vector_unary(std::string const& function, double low, double high, F f) {
  add<T>(function, "libmvec", low, high, [f](T* out, T const* x, T const*) {
    for (int j = 0; j < count; j += 32 / sizeof(T)) store(out + j, f(load(x + j)));
  });
}

template <class T, class F>
void add_vector_binary(std::string const& function, double low, double high, F f) {
  add<T>(function, "libmvec", low, high, [f](T* out, T const* x, T const* y) {
    for (int j = 0; j < count; j += 32 / sizeof(T)) store(out + j, f(load(x + j), load(y + j)));
  });
}
#endif

}  // namespace

// A compiler takes the functions in only by name, so the list is a macro: name, least and greatest argument.
#define UNARY_FUNCTIONS(X) \
  X(exp, -80, 80)          \
  X(exp2, -100, 100)       \
  X(expm1, -10, 80)        \
  X(log, 0, 1000)          \
  X(log2, 0, 1000)         \
  X(log10, 0, 1000)        \
  X(log1p, -1, 1000)       \
  X(sin, -100, 100)        \
  X(cos, -100, 100)        \
  X(tan, -100, 100)        \
  X(asin, -1, 1)           \
  X(acos, -1, 1)           \
  X(atan, -10, 10)         \
  X(sinh, -80, 80)         \
  X(cosh, -80, 80)         \
  X(tanh, -5, 5)           \
  X(asinh, -100, 100)      \
  X(acosh, 1, 100)         \
  X(atanh, -1, 1)          \
  X(cbrt, -100, 100)       \
  X(erf, -4, 4)            \
  X(erfc, -4, 9)

#define OTHER_UNARY_FUNCTIONS(X) \
  X(sqrt, 0, 100)                \
  X(floor, -100, 100)            \
  X(ceil, -100, 100)             \
  X(trunc, -100, 100)            \
  X(round, -100, 100)            \
  X(rint, -100, 100)             \
  X(tgamma, 0, 30)               \
  X(lgamma, 0, 100)

#define BINARY_FUNCTIONS(X) X(pow, 0, 10) X(atan2, -10, 10) X(hypot, -10, 10)
#define OTHER_BINARY_FUNCTIONS(X) X(fmod, 0, 100) X(remainder, 0, 100) X(fmin, -1, 1) X(fmax, -1, 1)

#define ADD_UNARY(name, low, high)                                                                   \
  add_unary<float>(#name, "lockstep", low, high, [](float x) { return lockstep::math::name(x); });   \
  add_unary<float>(#name, "libm", low, high, [](float x) { return std::name(x); });                  \
  add_unary<double>(#name, "lockstep", low, high, [](double x) { return lockstep::math::name(x); }); \
  add_unary<double>(#name, "libm", low, high, [](double x) { return std::name(x); });
#define ADD_BINARY(name, low, high)                                                                                \
  add_binary<float>(#name, "lockstep", low, high, [](float x, float y) { return lockstep::math::name(x, y); });    \
  add_binary<float>(#name, "libm", low, high, [](float x, float y) { return std::name(x, y); });                   \
  add_binary<double>(#name, "lockstep", low, high, [](double x, double y) { return lockstep::math::name(x, y); }); \
  add_binary<double>(#name, "libm", low, high, [](double x, double y) { return std::name(x, y); });

#if HAS_LIBMVEC
extern "C" {
#define DECLARE_UNARY(name, low, high) \
  __m256 _ZGVdN8v_##name##f(__m256);   \
  __m256d _ZGVdN4v_##name(__m256d);
#define DECLARE_BINARY(name, low, high)       \
  __m256 _ZGVdN8vv_##name##f(__m256, __m256); \
  __m256d _ZGVdN4vv_##name(__m256d, __m256d);
UNARY_FUNCTIONS(DECLARE_UNARY)
BINARY_FUNCTIONS(DECLARE_BINARY)
}
#define ADD_VECTOR_UNARY(name, low, high)                                                    \
  add_vector_unary<float>(#name, low, high, [](__m256 x) { return _ZGVdN8v_##name##f(x); }); \
  add_vector_unary<double>(#name, low, high, [](__m256d x) { return _ZGVdN4v_##name(x); });
#define ADD_VECTOR_BINARY(name, low, high)                                                                  \
  add_vector_binary<float>(#name, low, high, [](__m256 x, __m256 y) { return _ZGVdN8vv_##name##f(x, y); }); \
  add_vector_binary<double>(#name, low, high, [](__m256d x, __m256d y) { return _ZGVdN4vv_##name(x, y); });
#else
#define ADD_VECTOR_UNARY(name, low, high)
#define ADD_VECTOR_BINARY(name, low, high)
#endif
#define ADD_UNARY_WITH_PEER(name, low, high) ADD_UNARY(name, low, high) ADD_VECTOR_UNARY(name, low, high)
#define ADD_BINARY_WITH_PEER(name, low, high) ADD_BINARY(name, low, high) ADD_VECTOR_BINARY(name, low, high)

static bool const added = [] {
  UNARY_FUNCTIONS(ADD_UNARY_WITH_PEER)
  OTHER_UNARY_FUNCTIONS(ADD_UNARY)
  BINARY_FUNCTIONS(ADD_BINARY_WITH_PEER)
  OTHER_BINARY_FUNCTIONS(ADD_BINARY)
  return true;
}();
