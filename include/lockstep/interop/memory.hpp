// Memory that is not lockstep's: arrays over it without copying (adopt), and an array's memory for others (lend).
#pragma once

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "../array/array.hpp"

namespace lockstep {

namespace detail {

/// Memory that somebody else gives back: release() is called once, when the last owner is gone.
template <class Release>
struct foreign_storage final : storage {
  Release release;

  foreign_storage(device const& where, void* data, std::size_t bytes, Release&& r)
      : storage(where, data, bytes), release(std::move(r)) {}
  ~foreign_storage() {
    try {
      where.synchronize();    // a GPU may still be at work on it
    } catch (error const&) {  // then the GPU has failed and no longer works on anything
    }
    release();
  }
};

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_no_memory(std::size_t bytes) {
  throw error(text_of({"found a null pointer, expected ", bytes, " bytes of memory for the array"}));
}
[[noreturn, gnu::cold, gnu::noinline]] inline void throw_misaligned(std::size_t alignment) {
  throw error(text_of({"found memory that is not aligned to ", alignment,
                       " bytes, expected that of the elements' type; copy it to an array of its own"}));
}
[[noreturn, gnu::cold, gnu::noinline]] inline void throw_host_memory(device const& where) {
  throw device_error(text_of({"found memory of the host for an array on ", where.name(),
                              ", expected a CPU device; construct array<T>(device, values), which copies"}));
}
[[noreturn, gnu::cold, gnu::noinline]] inline void throw_not_host_memory(device const& where) {
  throw device_error(text_of({"found an array on ", where.name(),
                              ", expected one on a CPU device; copy it with array::to(device) or to_host()"}));
}

/// The bytes that an array of these extents has. Throws error when it cannot lie at `data`.
template <class T, std::size_t Rank>
std::size_t require_room(device const& where, T const* data, shape<Rank> const& extents) {
  static_cast<void>(where.state());
  std::size_t bytes = sizeof(T);
  bool none = false;
  for (std::size_t axis = 0; axis < Rank; ++axis) {
    if (extents[axis] < 0) throw_negative_extent(extents[axis]);
    none = none || extents[axis] == 0;
    if (__builtin_mul_overflow(bytes, static_cast<std::size_t>(extents[axis]), &bytes) || bytes > PTRDIFF_MAX)
      throw_too_many(extents.extents, Rank);
  }
  if (!none && !data) throw_no_memory(bytes);
  if (reinterpret_cast<std::uintptr_t>(data) % alignof(T) != 0) throw_misaligned(alignof(T));
  return bytes;
}

/// An array over memory that release() gives back. When this throws, nothing is released.
template <class T, std::size_t Rank, class Release>
array<T, Rank> adopt_and_release(device const& where, T* data, shape<Rank> const& extents, Release&& release) {
  std::size_t const bytes = require_room(where, data, extents);
  using foreign = foreign_storage<std::remove_cvref_t<Release>>;
  return array<T, Rank>(counted_pointer<storage>(new foreign(where, data, bytes, std::move(release))), extents);
}

}  // namespace detail

/// An array over the elements at `data`, row-major, on `where`, without copying them. `deleter(data)`, which must not
/// throw, is called once: when the last array, window or expression on that memory is gone, in whatever thread that
/// happens, and after a GPU's work so far. Copies of the array have memory of their own; assigning an expression writes
/// into the memory as long as the array keeps its shape. Throws shape_error, out_of_memory, device_error, or error for
/// a null or misaligned pointer; the memory then remains the caller's.
template <class T, std::size_t Rank, class Deleter>
array<T, Rank> adopt(device const& where, T* data, shape<Rank> const& extents, Deleter deleter) {
  return detail::adopt_and_release(where, data, extents,
                                   [data, deleter = std::move(deleter)]() mutable { deleter(data); });
}
/// The same for memory that the caller keeps, longer than every array, window and expression on it.
template <class T, std::size_t Rank>
array<T, Rank> adopt(device const& where, T* data, shape<Rank> const& extents) {
  return detail::adopt_and_release(where, data, extents, [] {});
}
/// The same for memory that `data` owns a share of.
template <class T, std::size_t Rank>
array<T, Rank> adopt(device const& where, std::shared_ptr<T> data, shape<Rank> const& extents) {
  T* const first = data.get();
  return detail::adopt_and_release(where, first, extents, [data = std::move(data)]() mutable { data.reset(); });
}
/// Takes over a vector's elements on a CPU device. Throws shape_error when there are not as many as in the shape.
template <class T, std::size_t Rank>
requires(!std::is_same_v<T, bool>) array<T, Rank> adopt(device const& where, std::vector<T>&& values,
                                                        shape<Rank> const& extents) {
  if (!where.is_cpu()) detail::throw_host_memory(where);
  if (detail::require_room(where, values.data(), extents) != values.size() * sizeof(T))
    throw shape_error(text_of(
        {"adopt: found ", values.size(), " values for the shape ", to_string(extents), ", expected ", extents.size()}));
  auto kept = std::make_shared<std::vector<T>>(std::move(values));
  T* const first = kept->data();
  return adopt(where, std::shared_ptr<T>(std::move(kept), first), extents);
}
template <class T>
requires(!std::is_same_v<T, bool>) array<T, 1> adopt(device const& where, std::vector<T>&& values) {
  return adopt(where, std::move(values), shape<1>(values.size()));
}

/// The first element of an array's memory, in the device's memory, with a share of its ownership: it stays when the
/// array is gone. The elements follow row-major. Throws device_error for an array without memory.
template <class T, std::size_t Rank>
std::shared_ptr<T> lend(array<T, Rank>& a) {
  static_cast<void>(a.device());
  return {a.data(), [memory = a.shared_storage()](T const*) {}};
}
template <class T, std::size_t Rank>
std::shared_ptr<T const> lend(array<T, Rank> const& a) {
  static_cast<void>(a.device());
  return {a.data(), [memory = a.shared_storage()](T const*) {}};
}

/// The elements of an array on a CPU device, row-major, as long as the array lives and keeps its memory. Throws
/// device_error for an array on a GPU or without memory.
template <class T, std::size_t Rank>
std::span<T> as_span(array<T, Rank>& a) {
  if (!a.device().is_cpu()) detail::throw_not_host_memory(a.device());
  return {a.data(), a.size()};
}
template <class T, std::size_t Rank>
std::span<T const> as_span(array<T, Rank> const& a) {
  if (!a.device().is_cpu()) detail::throw_not_host_memory(a.device());
  return {a.data(), a.size()};
}
template <class T, std::size_t Rank>
void as_span(array<T, Rank>&&) = delete;  // its elements would be gone at once

}  // namespace lockstep
