// The entry points of the CUDA backend in files that are compiled without CUDA: they throw, and say what to do.
#pragma once

#include "../core/text.hpp"
#include "../device/device.hpp"
#include "../expression/node.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// Thrown by everything that would have to run on a GPU from a file compiled without CUDA.
[[noreturn, gnu::cold, gnu::noinline]] inline void throw_needs_cuda(device const& where) {
  throw_text<device_error>({"found an expression for ", where.name(),
                            " in a file compiled without CUDA; compile this file with nvcc as CUDA, or copy the "
                            "arrays to a CPU device with array::to(device)"});
}

namespace cuda {

template <class... Arguments>
void sort_values(device const& where, Arguments const&...) {
  throw_needs_cuda(where);
}
template <class... Arguments>
void sort_lines(device const& where, Arguments const&...) {
  throw_needs_cuda(where);
}
template <class... Arguments>
void argsort_values(device const& where, Arguments const&...) {
  throw_needs_cuda(where);
}
template <class... Arguments>
void argsort_lines(device const& where, Arguments const&...) {
  throw_needs_cuda(where);
}
template <class... Arguments>
void gather_values(device const& where, Arguments const&...) {
  throw_needs_cuda(where);
}
template <class... Arguments>
void sort_by_key_values(device const& where, Arguments const&...) {
  throw_needs_cuda(where);
}
template <class... Arguments>
void segmented_sort(device const& where, Arguments const&...) {
  throw_needs_cuda(where);
}
template <class... Arguments>
bool has_bad_offsets(device const& where, Arguments const&...) {
  throw_needs_cuda(where);
}
template <class... Arguments>
void read_lines(device const& where, Arguments const&...) {
  throw_needs_cuda(where);
}
template <class... Arguments>
bool is_sorted(device const& where, Arguments const&...) {
  throw_needs_cuda(where);
}
template <bool Upper, class... Arguments>
void search(device const& where, Arguments const&...) {
  throw_needs_cuda(where);
}
template <class... Arguments>
void merge(device const& where, Arguments const&...) {
  throw_needs_cuda(where);
}
template <bool Common, class... Arguments>
index compare_runs(device const& where, Arguments const&...) {
  throw_needs_cuda(where);
}

template <class... Arguments>
void scan_backward(lowering const& context, Arguments const&...) {
  throw_needs_cuda(context.where);
}
template <class... Arguments>
void scan_lines(lowering const& context, Arguments const&...) {
  throw_needs_cuda(context.where);
}
template <class K, class V, class... Arguments>
void scan_by_key(lowering const& context, Arguments const&...) {
  throw_needs_cuda(context.where);
}
template <class V, class... Arguments>
void scan_segments(lowering const& context, Arguments const&...) {
  throw_needs_cuda(context.where);
}
template <class V, class... Arguments>
void reduce_segments(lowering const& context, Arguments const&...) {
  throw_needs_cuda(context.where);
}
template <class K, class V, class... Arguments>
void reduce_by_key(lowering const& context, Arguments const&...) {
  throw_needs_cuda(context.where);
}
template <class Order, class T, class... Arguments>
void first_k(lowering const& context, Arguments const&...) {
  throw_needs_cuda(context.where);
}
template <class... Arguments>
void copy_runs(device const& where, Arguments const&...) {
  throw_needs_cuda(where);
}
template <class... Arguments>
bool any_empty(device const& where, Arguments const&...) {
  throw_needs_cuda(where);
}
template <class T, class Op, class... Arguments>
void scatter(device const& where, Arguments const&...) {
  throw_needs_cuda(where);
}

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
