// Fuzzes from_dlpack: the fields of a tensor are anything, its memory and the lengths of its lists are right. A tensor
// that is taken is read whole and deleted once; one that is refused is not deleted.
#include <cstdlib>
#include <cstring>
#include <lockstep/interop/dlpack.hpp>

namespace {

using lockstep::dlpack::managed_tensor_versioned;

constexpr std::size_t most_axes = 4, room = 4096;
int deleted = 0;

/// Takes fields from the fuzzer's bytes, zeros when there are no more.
struct fields {
  std::uint8_t const* data;
  std::size_t size;

  template <class T>
  void operator()(T& field) {
    std::size_t const count = std::min(size, sizeof(T));
    if (count != 0) std::memcpy(&field, data, count);
    data += count;
    size -= count;
  }
};

template <class T, std::size_t Rank>
void take(managed_tensor_versioned& managed) {
  deleted = 0;
  bool taken = false;
  try {
    auto x = lockstep::from_dlpack<T, Rank>(&managed, lockstep::device::cpu(1));
    taken = true;
    // No validation can know how long the memory is, so only what lies inside of it is read.
    bool const inside = x.size() <= room / sizeof(T) && managed.dl_tensor.byte_offset <= room - x.size() * sizeof(T);
    if (inside) x.to_host();
  } catch (lockstep::error const&) {
  }
  if (deleted != (taken ? 1 : 0)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  alignas(64) static char memory[room];
  std::int64_t extents[most_axes] = {}, strides[most_axes] = {};
  managed_tensor_versioned managed{};
  auto& t = managed.dl_tensor;
  std::uint8_t choices = 0;
  fields next{data, size};
  next(choices), next(managed.version.major), next(managed.flags), next(t.device), next(t.ndim), next(t.dtype);
  next(t.byte_offset), next(extents), next(strides);
  t.data = (choices & 1) ? memory : nullptr;
  t.shape = (choices & 2) ? extents : nullptr;
  t.strides = (choices & 4) ? strides : nullptr;
  managed.deleter = [](managed_tensor_versioned*) { ++deleted; };
  take<float, 2>(managed);
  take<std::int8_t, 1>(managed);
  take<double, 0>(managed);
  take<lockstep::half, 4>(managed);
  return 0;
}
