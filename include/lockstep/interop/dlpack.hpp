// Tensors of other libraries by DLPack, without copying: to_dlpack gives an array's memory, from_dlpack takes theirs.
#pragma once

#include <complex>
#include <concepts>
#include <utility>

#include "../core/half.hpp"
#include "dlpack_abi.hpp"
#include "memory.hpp"

namespace lockstep {
namespace dlpack {

/// A DLManagedTensor or DLManagedTensorVersioned: lockstep's own, or those of dlpack.h.
template <class M>
concept managed = requires(M m) {
  m.dl_tensor.byte_offset;
  m.manager_ctx;
  m.deleter(&m);
};
template <class M>
concept versioned = managed<M> && requires(M m) {
  m.version.major;
  m.flags;
};

template <class T>
inline constexpr int code_of = std::is_same_v<T, bool>                         ? code_bool
                               : std::is_same_v<T, bfloat16>                   ? code_bfloat
                               : std::is_same_v<T, half>                       ? code_float
                               : std::is_floating_point_v<T> && sizeof(T) <= 8 ? code_float
                               : std::is_integral_v<T>&& std::is_signed_v<T>   ? code_int
                               : std::is_integral_v<T>                         ? code_uint
                                                                               : -1;
template <>
inline constexpr int code_of<std::complex<float>> = code_complex;
template <>
inline constexpr int code_of<std::complex<double>> = code_complex;

/// "float32"; "float32 in 4 lanes".
[[gnu::cold, gnu::noinline]] inline std::string to_string(data_type const& type) {
  static char const* const names[] = {"int", "uint", "float", "opaque handle ", "bfloat", "complex", "bool"};
  std::string text = type.code < 7 ? names[type.code] : text_of({"type code ", type.code, " of bits "});
  if (type.code != code_bool || type.bits != 8) append_text(text, {type.bits});
  if (type.lanes != 1) append_text(text, {" in ", type.lanes, " lanes"});
  return text;
}

namespace detail {

/// What is checked of a tensor, of whoever's structs.
inline tensor plain(tensor const& t) { return t; }
template <class Tensor>
tensor plain(Tensor const& t) {
  return {t.data,       {static_cast<std::int32_t>(t.device.device_type), t.device.device_id},
          t.ndim,       {t.dtype.code, t.dtype.bits, t.dtype.lanes},
          t.shape,      t.strides,
          t.byte_offset};
}

/// Throws shape_error unless the axes are `rank`, and their elements row-major without gaps.
inline void require_dense(tensor const& t, std::size_t rank) {
  if (t.ndim < 0 || static_cast<std::size_t>(t.ndim) != rank)
    throw shape_error(text_of({"from_dlpack: found a tensor of ", t.ndim, " axes, expected ", rank}));
  if (rank > 0 && !t.shape) throw shape_error("from_dlpack: found no shape, expected a pointer to the extents");
  bool none = false;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    if (t.shape[axis] < 0) throw_negative_extent(t.shape[axis]);
    none = none || t.shape[axis] == 0;
  }
  if (none || !t.strides) return;
  index expected = 1;
  for (std::size_t axis = rank; axis-- > 0;) {
    if (t.shape[axis] == 1) continue;
    if (t.strides[axis] != expected)
      throw shape_error(text_of({"from_dlpack: found the strides ", lockstep::to_string(t.strides, rank),
                                 " for the shape ", lockstep::to_string(t.shape, rank),
                                 ", expected row-major ones without gaps; make the tensor contiguous first"}));
    if (__builtin_mul_overflow(expected, t.shape[axis], &expected)) throw_too_many(t.shape, rank);
  }
}

inline void require_type(data_type const& found, data_type const& expected) {
  if (found.code != expected.code || found.bits != expected.bits || found.lanes != expected.lanes)
    throw error(text_of({"from_dlpack: found a tensor of ", to_string(found), ", expected ", to_string(expected)}));
}

/// True for memory of a GPU. Throws device_error unless it is that or the host's.
inline bool is_on_gpu(tensor const& t) {
  std::int32_t const found = t.device.device_type;
  if (found != cpu && found != cuda && found != cuda_host)
    throw device_error(text_of({"from_dlpack: found a tensor on a device of DLPack's type ", found,
                                ", expected 1 (CPU), 2 (CUDA) or 3 (CUDA, memory of the host); copy it to one first"}));
  return found == cuda;
}

/// The device that a tensor's memory belongs to.
inline lockstep::device device_of(tensor const& t) {
  return is_on_gpu(t) ? lockstep::device::gpu(t.device.device_id) : default_device();
}

inline void require_device(tensor const& t, lockstep::device const& where) {
  bool const on_gpu = is_on_gpu(t);
  if (on_gpu != where.is_gpu() || (on_gpu && t.device.device_id != where.number()))
    throw device_error(text_of({"from_dlpack: found a tensor on ", on_gpu ? "gpu:" : "the CPU",
                                on_gpu ? std::to_string(t.device.device_id) : "", ", expected one on ", where.name()}));
}

inline char* first_byte(tensor const& t) {
  std::uintptr_t first = 0;
  if (__builtin_add_overflow(reinterpret_cast<std::uintptr_t>(t.data), t.byte_offset, &first))
    throw error(text_of({"from_dlpack: found the byte offset ", t.byte_offset, ", which lies outside of memory"}));
  return t.data ? static_cast<char*>(t.data) + t.byte_offset : nullptr;
}

/// A tensor that was given away, and what it keeps alive.
template <class Managed, std::size_t Rank>
struct given {
  Managed managed{};
  std::int64_t extents[Rank + 1] = {}, strides[Rank + 1] = {};
  counted_pointer<storage> memory;
};

template <class Managed, class T, std::size_t Rank>
Managed* give(array<T, Rank> const& a) {
  static_assert(code_of<T> >= 0, "DLPack has bool, integers, floats of 16 to 64 bits, bfloat16 and std::complex");
  lockstep::device const& where = a.device();
  where.synchronize();  // whoever takes it knows nothing of this device's order of work
  auto kept = std::make_unique<given<Managed, Rank>>();
  auto const steps = row_major_strides(a.shape());
  std::copy(a.shape().extents, a.shape().extents + Rank, kept->extents);
  std::copy(steps.extents, steps.extents + Rank, kept->strides);
  kept->memory = a.shared_storage();
  auto& t = kept->managed.dl_tensor;
  t.data = kept->memory->data;
  t.device.device_type = static_cast<decltype(t.device.device_type)>(where.is_cpu() ? cpu : cuda);
  t.device.device_id = where.is_cpu() ? 0 : where.number();
  t.ndim = static_cast<std::int32_t>(Rank);
  t.dtype.code = static_cast<std::uint8_t>(code_of<T>);
  t.dtype.bits = static_cast<std::uint8_t>(8 * sizeof(T));
  t.dtype.lanes = 1;
  t.shape = kept->extents;
  t.strides = kept->strides;
  t.byte_offset = 0;
  Managed& m = kept->managed;
  if constexpr (versioned<Managed>) m.version.major = 1;
  m.manager_ctx = kept.get();
  m.deleter = [](Managed* self) { delete static_cast<given<Managed, Rank>*>(self->manager_ctx); };
  return &kept.release()->managed;
}

}  // namespace detail
}  // namespace dlpack

/// An array's memory as a tensor for another library, without copying: both see what either writes. It stays until the
/// tensor's deleter is called, which may be from any thread. Waits for the device's work so far. Managed is
/// dlpack::managed_tensor_versioned, or dlpack.h's DLManagedTensor or DLManagedTensorVersioned. Throws device_error for
/// an array without memory.
template <dlpack::managed Managed = dlpack::managed_tensor, class T, std::size_t Rank>
[[nodiscard]] Managed* to_dlpack(array<T, Rank>& a) {
  return dlpack::detail::give<Managed>(a);
}
template <dlpack::managed Managed = dlpack::managed_tensor, class T, std::size_t Rank>
[[nodiscard]] Managed* to_dlpack(array<T, Rank>&& a) {
  return dlpack::detail::give<Managed>(a);
}
/// A const array can only be given as a versioned tensor, which says that it must not be written.
template <dlpack::versioned Managed, class T, std::size_t Rank>
[[nodiscard]] Managed* to_dlpack(array<T, Rank> const& a) {
  Managed* const given = dlpack::detail::give<Managed>(a);
  given->flags = dlpack::flag_read_only;
  return given;
}

/// An array over another library's tensor, without copying. It takes the tensor over: the deleter is called once, when
/// the last array, window or expression on that memory is gone. `where` must be a CPU device for memory of the host,
/// and the tensor's GPU otherwise; whoever wrote the elements must be done. Throws, and leaves the tensor to the
/// caller: error for another element type, a null or misaligned pointer, a tensor that must not be written, or another
/// major version than 1; shape_error for another number of axes and for strides that are not row-major without gaps;
/// device_error for another device.
template <class T, std::size_t Rank = 1, dlpack::managed Managed>
array<T, Rank> from_dlpack(Managed* given, device const& where) {
  static_assert(dlpack::code_of<T> >= 0,
                "DLPack has bool, integers, floats of 16 to 64 bits, bfloat16 and std::complex");
  if (!given) throw error("from_dlpack: found a null pointer, expected a tensor");
  if constexpr (dlpack::versioned<Managed>) {
    if (given->version.major != 1)
      throw error(text_of({"from_dlpack: found DLPack version ", given->version.major, ".", given->version.minor,
                           ", expected 1; call its deleter and ask for another"}));
    if ((given->flags & dlpack::flag_read_only) != 0)
      throw error("from_dlpack: found a tensor that must not be written, expected one that may be; copy it first");
  }
  dlpack::tensor const t = dlpack::detail::plain(given->dl_tensor);
  dlpack::detail::require_device(t, where);
  dlpack::detail::require_type(t.dtype, {static_cast<std::uint8_t>(dlpack::code_of<T>), 8 * sizeof(T), 1});
  dlpack::detail::require_dense(t, Rank);
  shape<Rank> extents;
  std::copy(t.shape, t.shape + Rank, extents.extents);
  return detail::adopt_and_release(where, reinterpret_cast<T*>(dlpack::detail::first_byte(t)), extents, [given] {
    if (given->deleter) given->deleter(given);
  });
}
/// The same on the device that the tensor is on: default_device() for memory of the host.
template <class T, std::size_t Rank = 1, dlpack::managed Managed>
array<T, Rank> from_dlpack(Managed* given) {
  if (!given) throw error("from_dlpack: found a null pointer, expected a tensor");
  return from_dlpack<T, Rank>(given, dlpack::detail::device_of(dlpack::detail::plain(given->dl_tensor)));
}

}  // namespace lockstep
