// What lockstep's algorithms and direct calls of CUB do on a GPU, for a simulator to count: counters CASE SIDE TIMES
// runs one of them a number of times. `counters list` prints every case with the fewest bytes that it can move and its
// number of elements. counters.cmake makes the table.
#include <thrust/iterator/permutation_iterator.h>
#include <cub/cub.cuh>
#include <lockstep/lockstep.hpp>

#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace ls = lockstep;

namespace {

constexpr ls::index n = 1 << 18, rows = 1024, columns = 256;
constexpr double bytes = 4.0 * n;  // of one array of floats or ints

/// Temporary memory for CUB, taken once, as its users do.
class workspace {
 public:
  template <class F>
  void run(F&& call) {
    if (!memory_) {
      std::size_t size = 0;
      check(call(nullptr, size));
      check(cudaMalloc(&memory_, size + 1));
      size_ = size;
    }
    check(call(memory_, size_));
  }
  static void check(cudaError_t status) {
    if (status == cudaSuccess) return;
    std::fprintf(stderr, "%s\n", cudaGetErrorString(status));
    std::exit(1);
  }

 private:
  void* memory_ = nullptr;
  std::size_t size_ = 0;
};

struct same {
  LOCKSTEP_FN float operator()(float a) const { return a; }
};
struct root {
  LOCKSTEP_FN float operator()(float a) const { return std::sqrt(a); }
};
struct mix {
  LOCKSTEP_FN float operator()(float a, float b, float c, float d) const { return a * b + c - d; }
};
struct above_half {
  LOCKSTEP_FN bool operator()(float a) const { return a > 0.5f; }
};

struct data {
  ls::device gpu = ls::device::gpu();
  cudaStream_t stream = ls::cuda::stream_of(gpu);
  ls::array<float> a = random(1), b = random(2), c = random(3), d = random(4), y{gpu, ls::shape(n)},
                   z{gpu, ls::shape(n)};
  ls::array<int> keys{gpu, ls::shape(n)}, runs{gpu, ls::shape(n)}, more{gpu, ls::shape(n)};
  ls::array<ls::index> places, offsets{gpu, ls::shape(rows + 1)};
  ls::array<float, 0> value{gpu, ls::shape<0>()};
  ls::array<float> sums{gpu, ls::shape(rows)}, column_sums{gpu, ls::shape(columns)};
  ls::array<float, 2> m{gpu, ls::shape(rows, columns)}, t{gpu, ls::shape(rows, columns)};
  ls::array<int> counts{gpu, ls::shape(256)};
  ls::array<ls::index, 0> found{gpu, ls::shape<0>()}, place{gpu, ls::shape<0>()};
  ls::array<ls::index> long_offsets{gpu, ls::shape(n / 4096 + 1)}, uneven_offsets;
  workspace cub;

  data() : places(ls::random::permutation(gpu, n, ls::seed(5))) {
    keys = ls::cast<int>(a * 1e6f);
    runs = ls::cast<int>(ls::indices(ls::shape(n)) / ls::index{8});
    offsets = ls::indices(ls::shape(rows + 1)) * columns;
    long_offsets = ls::indices(ls::shape(n / 4096 + 1)) * 4096;
    std::vector<ls::index> uneven(rows + 1);  // segments of 8, every 32nd of 8192 - 31 * 8
    for (ls::index i = 0; i <= rows; ++i) uneven[i] = i % 32 * 8 + i / 32 * 8192;
    uneven_offsets = ls::array<ls::index>(gpu, uneven);
    m = a.reshape(ls::shape(rows, columns));
  }
  ls::array<float> random(std::uint64_t s) const { return ls::random::uniform<float>(gpu, ls::shape(n), ls::seed(s)); }
};

void sort_rows_by_cub(data& x, float* keys, ls::index count, ls::index const* offsets) {
  x.cub.run([&](void* m, std::size_t& s) {
    return cub::DeviceSegmentedRadixSort::SortKeys(m, s, static_cast<float const*>(keys), x.z.data(),
                                                   static_cast<int>(n), static_cast<int>(count), offsets, offsets + 1,
                                                   0, 32, x.stream);
  });
}

using action = std::function<void(data&)>;
struct task {
  double fewest;  ///< bytes that it has to read and write
  action ours, direct;
};

std::map<std::string, task> const& tasks() {
  static std::map<std::string, task> const all{
      {"01 map, 1 operand",
       {2 * bytes, [](data& x) { x.y = ls::sqrt(x.a); },
        [](data& x) {
          workspace::check(cub::DeviceTransform::Transform(x.a.data(), x.y.data(), n, root{}, x.stream));
        }}},
      {"02 map, 4 operands",
       {5 * bytes, [](data& x) { x.y = x.a * x.b + x.c - x.d; },
        [](data& x) {
          workspace::check(cub::DeviceTransform::Transform(
              ::cuda::std::make_tuple(x.a.data(), x.b.data(), x.c.data(), x.d.data()), x.y.data(), n, mix{}, x.stream));
        }}},
      {"03 fuse, 2 results", {4 * bytes, [](data& x) { ls::tie(x.y, x.z) = ls::fuse(x.a + x.b, x.a - x.b); }, {}}},
      {"04 fill", {bytes, [](data& x) { x.y = 3.0f; }, {}}},
      {"05 transpose", {2 * bytes, [](data& x) { x.t.reshape(ls::shape(columns, rows)) = x.m.transpose(); }, {}}},
      {"06 gather",
       {4 * bytes, [](data& x) { x.y = ls::gather(x.a, x.places); },
        [](data& x) {
          workspace::check(cub::DeviceTransform::Transform(
              thrust::make_permutation_iterator(x.a.data(), x.places.data()), x.y.data(), n, same{}, x.stream));
        }}},
      {"07 scatter, distinct", {4 * bytes, [](data& x) { ls::scatter(x.y, x.places, x.a, ls::distinct{}); }, {}}},
      {"10 sum",
       {bytes, [](data& x) { x.value = ls::sum(x.a); },
        [](data& x) {
          x.cub.run([&](void* m, std::size_t& s) {
            return cub::DeviceReduce::Sum(m, s, x.a.data(), x.value.data(), n, x.stream);
          });
        }}},
      {"11 sum of a * a",
       {bytes, [](data& x) { x.value = ls::sum(x.a * x.a); },
        [](data& x) {
          x.cub.run([&](void* m, std::size_t& s) {
            return cub::DeviceReduce::Sum(m, s, x.a.data(), x.value.data(), n, x.stream);
          });
        }}},
      {"12 column sums", {bytes, [](data& x) { x.column_sums = ls::sum(x.m, ls::axis(0)); }, {}}},
      {"13 row sums",
       {bytes, [](data& x) { x.sums = ls::sum(x.m, ls::axis(1)); },
        [](data& x) {
          x.cub.run([&](void* m, std::size_t& s) {
            return cub::DeviceSegmentedReduce::Sum(m, s, x.a.data(), x.sums.data(), rows, x.offsets.data(),
                                                   x.offsets.data() + 1, x.stream);
          });
        }}},
      {"14 sums of segments",
       {bytes, [](data& x) { x.sums = ls::sum(x.a, ls::segments(x.offsets)); },
        [](data& x) {
          x.cub.run([&](void* m, std::size_t& s) {
            return cub::DeviceSegmentedReduce::Sum(m, s, x.a.data(), x.sums.data(), rows, x.offsets.data(),
                                                   x.offsets.data() + 1, x.stream);
          });
        }}},
      {"15 place of the largest",
       {bytes, [](data& x) { x.place = ls::argmax(x.a); },
        [](data& x) {
          x.cub.run([&](void* m, std::size_t& s) {
            return cub::DeviceReduce::ArgMax(m, s, x.a.data(), x.value.data(), x.place.data(), n, x.stream);
          });
        }}},
      {"16 sums by key",
       {2.25 * bytes, [](data& x) { static_cast<void>(ls::reduce_by_key(x.runs, x.a)); },
        [](data& x) {
          x.cub.run([&](void* m, std::size_t& s) {
            return cub::DeviceReduce::ReduceByKey(m, s, x.runs.data(), x.more.data(), x.a.data(), x.y.data(),
                                                  x.found.data(), ::cuda::std::plus<>{}, static_cast<int>(n), x.stream);
          });
        }}},
      {"17 the same, number on the device",
       {2.25 * bytes, [](data& x) { static_cast<void>(ls::reduce_by_key_bounded(x.runs, x.a)); }, {}}},
      {"20 inclusive scan",
       {2 * bytes, [](data& x) { x.y = ls::inclusive_scan(x.a); },
        [](data& x) {
          x.cub.run([&](void* m, std::size_t& s) {
            return cub::DeviceScan::InclusiveSum(m, s, x.a.data(), x.y.data(), n, x.stream);
          });
        }}},
      {"21 scan of a * a",
       {2 * bytes, [](data& x) { x.y = ls::inclusive_scan(x.a * x.a); },
        [](data& x) {
          x.cub.run([&](void* m, std::size_t& s) {
            return cub::DeviceScan::InclusiveSum(m, s, x.a.data(), x.y.data(), n, x.stream);
          });
        }}},
      {"22 scan by key",
       {3 * bytes, [](data& x) { x.y = ls::inclusive_scan_by_key(x.runs, x.a); },
        [](data& x) {
          x.cub.run([&](void* m, std::size_t& s) {
            return cub::DeviceScan::InclusiveSumByKey(m, s, x.runs.data(), x.a.data(), x.y.data(), static_cast<int>(n),
                                                      ::cuda::std::equal_to<>{}, x.stream);
          });
        }}},
      {"23 scan of rows", {2 * bytes, [](data& x) { x.t = ls::inclusive_scan(x.m, ls::axis(1)); }, {}}},
      {"24 scan of segments", {2 * bytes, [](data& x) { x.y = ls::inclusive_scan(x.a, ls::segments(x.offsets)); }, {}}},
      {"30 select, size on the device",
       {1.5 * bytes, [](data& x) { static_cast<void>(ls::select_if_bounded(x.a, above_half{})); },
        [](data& x) {
          x.cub.run([&](void* m, std::size_t& s) {
            return cub::DeviceSelect::If(m, s, x.a.data(), x.y.data(), x.found.data(), n, above_half{}, x.stream);
          });
        }}},
      {"31 select, returns its size",
       {1.5 * bytes, [](data& x) { static_cast<void>(ls::select_if(x.a, above_half{})); }, {}}},
      {"33 select by a mask",
       {1.5 * bytes, [](data& x) { static_cast<void>(ls::select_bounded(x.a, x.a > 0.5f)); }, {}}},
      {"32 unique",
       {1.125 * bytes, [](data& x) { static_cast<void>(ls::unique(x.runs)); },
        [](data& x) {
          x.cub.run([&](void* m, std::size_t& s) {
            return cub::DeviceSelect::Unique(m, s, x.runs.data(), x.more.data(), x.found.data(), n, x.stream);
          });
        }}},
      {"40 sort ints",
       {2 * bytes, [](data& x) { x.more = x.keys, ls::sort(x.more); },
        [](data& x) {
          x.more = x.keys;
          x.cub.run([&](void* m, std::size_t& s) {
            return cub::DeviceRadixSort::SortKeys(m, s, x.more.data(), x.runs.data(), n, 0, 32, x.stream);
          });
        }}},
      {"41 sort floats",
       {2 * bytes, [](data& x) { x.y = x.a, ls::sort(x.y); },
        [](data& x) {
          x.y = x.a;
          x.cub.run([&](void* m, std::size_t& s) {
            return cub::DeviceRadixSort::SortKeys(m, s, x.y.data(), x.z.data(), n, 0, 32, x.stream);
          });
        }}},
      {"42 sort by key",
       {4 * bytes, [](data& x) { x.more = x.keys, ls::sort_by_key(x.more, x.y); },
        [](data& x) {
          x.more = x.keys;
          x.cub.run([&](void* m, std::size_t& s) {
            return cub::DeviceRadixSort::SortPairs(m, s, x.more.data(), x.runs.data(), x.y.data(), x.z.data(), n, 0, 32,
                                                   x.stream);
          });
        }}},
      {"43 segmented sort of floats",
       {2 * bytes, [](data& x) { x.y = x.a, ls::segmented_sort(x.y, x.offsets); },
        [](data& x) {
          x.y = x.a;
          x.cub.run([&](void* m, std::size_t& s) {
            return cub::DeviceSegmentedSort::StableSortKeys(m, s, x.y.data(), x.z.data(), n, rows, x.offsets.data(),
                                                            x.offsets.data() + 1, x.stream);
          });
        }}},
      {"44 sort of rows of 256",
       {2 * bytes, [](data& x) { x.t = x.m, ls::sort(x.t, ls::axis(1)); },
        [](data& x) { x.t = x.m, sort_rows_by_cub(x, x.t.data(), rows, x.offsets.data()); }}},
      {"45 sort of rows of 4096",
       {2 * bytes, [](data& x) { x.t = x.m, ls::sort(x.t.reshape(ls::shape(n / 4096, 4096)), ls::axis(1)); },
        [](data& x) { x.t = x.m, sort_rows_by_cub(x, x.t.data(), n / 4096, x.long_offsets.data()); }}},
      {"46 segmented sort, short and long",
       {2 * bytes, [](data& x) { x.y = x.a, ls::segmented_sort(x.y, x.uneven_offsets); },
        [](data& x) {
          x.y = x.a;
          x.cub.run([&](void* m, std::size_t& s) {
            return cub::DeviceSegmentedSort::StableSortKeys(
                m, s, x.y.data(), x.z.data(), n, rows, x.uneven_offsets.data(), x.uneven_offsets.data() + 1, x.stream);
          });
        }}},
      {"47 argsort of floats", {3 * bytes, [](data& x) { x.places = ls::argsort(x.a); }, {}}},
      {"48 the 100 largest",  // of CUB: all, sorted with their places
       {bytes, [](data& x) { static_cast<void>(ls::top_k(x.a, 100)); },
        [](data& x) {
          x.cub.run([&](void* m, std::size_t& s) {
            return cub::DeviceRadixSort::SortPairsDescending(m, s, x.a.data(), x.z.data(), x.keys.data(), x.more.data(),
                                                             n, 0, 32, x.stream);
          });
        }}},
      {"50 histogram, 256 bins",
       {bytes, [](data& x) { static_cast<void>(ls::histogram(x.a, 256, 0.0f, 1.0f)); },
        [](data& x) {
          x.cub.run([&](void* m, std::size_t& s) {
            return cub::DeviceHistogram::HistogramEven(m, s, x.a.data(), x.counts.data(), 257, 0.0f, 1.0f,
                                                       static_cast<int>(n), x.stream);
          });
        }}},
      {"60 softmax of rows", {2 * bytes, [](data& x) { x.t = ls::softmax(x.m); }, {}}},
  };
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "list") {
    for (auto const& [name, task] : tasks())
      std::printf("%s|%.0f|%lld|%d\n", name.c_str(), task.fewest, static_cast<long long>(n), task.direct ? 1 : 0);
    return 0;
  }
  auto const found = argc == 4 ? tasks().find(argv[1]) : tasks().end();
  if (found == tasks().end()) {
    std::fprintf(stderr, "usage: counters list | counters CASE ours|direct TIMES\n");
    return 2;
  }
  data all;
  action const& run = std::string(argv[2]) == "ours" ? found->second.ours : found->second.direct;
  for (int i = 0; i < std::atoi(argv[3]); ++i) run(all);
  all.gpu.synchronize();
  return 0;
}
