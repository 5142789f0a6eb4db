// storage: one counted block of a device's memory, which arrays, windows and expressions hold on to.
#pragma once

#include "../core/debug.hpp"
#include "../device/device.hpp"

namespace lockstep {

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_out_of_memory(device const& where, std::size_t bytes) {
  throw_text<out_of_memory>(
      {where.name(), ": found no room for ", bytes, " bytes; release arrays or use smaller ones"});
}
[[noreturn, gnu::cold, gnu::noinline]] inline void throw_too_large(device const& where, std::size_t count,
                                                                   std::size_t element_bytes) {
  throw_text<out_of_memory>({where.name(), ": found a request for ", count, " elements of ", element_bytes,
                             " bytes, expected at most 2^63 bytes"});
}

/// One block of memory. It is given back by what derives from it: memory of the device's own pool below, anybody else's
/// in interop/memory.hpp.
struct storage : counted {
  device where;
  void* data;
  std::size_t bytes;

 protected:
  storage(device const& d, void* p, std::size_t b) : where(d), data(p), bytes(b) {}
};

/// Blocks of at most so many bytes may outlive their last owner a little: short loops gain by it, and a thread keeps a
/// megabyte at most.
inline constexpr std::size_t most_lingering_bytes = std::size_t(1) << 16;

/// Memory of the device's pool.
struct pooled_storage final : storage {
  pooled_storage(device const& d, std::size_t b) : storage(d, d.state().allocate(b), b) {
    if (!data) throw_out_of_memory(where, bytes);
    may_linger = where.is_cpu() && bytes <= most_lingering_bytes && !debug::on;
  }
  ~pooled_storage() { where.state().deallocate(data, bytes); }
};

/// Uninitialized memory (debug mode: all bits set, which is NaN) for `count` elements of `element_bytes` each. Throws
/// out_of_memory.
inline counted_pointer<storage> make_storage(device const& where, std::size_t count, std::size_t element_bytes) {
  std::size_t bytes = 0;
  if (__builtin_mul_overflow(count, element_bytes, &bytes) || bytes > PTRDIFF_MAX)
    throw_too_large(where, count, element_bytes);
  counted_pointer<storage> made(new pooled_storage(where, bytes));
  if (unsigned char const set = 0xff; debug::on && bytes != 0) where.state().fill(made->data, &set, 1, bytes);
  return made;
}

}  // namespace lockstep
