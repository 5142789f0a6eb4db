// mdspan in and out: std::mdspan where the standard library has it, cuda::std::mdspan, Kokkos' reference
// implementation: any class template of that interface. This header includes none of them but the standard one.
#pragma once

#include <span>
#include <version>
#if defined(__cpp_lib_mdspan)
#include <mdspan>
#endif

#include "../algorithm/map.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// A class with the interface of std::mdspan.
template <class M>
concept mdspan_like = requires(M const& m) {
  typename M::element_type;
  typename M::extents_type;
  typename M::mapping_type;
  typename M::accessor_type;
  { M::rank() } -> std::convertible_to<std::size_t>;
  m.extents();
  m.mapping();
  m.data_handle();
};

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_wrong_extent(std::size_t axis, index found,
                                                                      std::string const& expected) {
  throw shape_error(text_of({"as_mdspan: found the extent ", found, " along axis ", axis, ", expected ", expected}));
}
[[noreturn, gnu::cold, gnu::noinline]] inline void throw_wrong_stride(std::size_t axis, index found, index expected) {
  throw shape_error(text_of({"as_mdspan: found the stride ", found, " along axis ", axis, ", expected ", expected,
                             " by the mdspan's layout; use layout_stride or a copy"}));
}

/// The extents as those of an mdspan's type, which may be static or of a narrow integer.
template <class Extents, std::size_t Rank>
Extents mdspan_extents(shape<Rank> const& extents) {
  using number = typename Extents::index_type;
  for (std::size_t axis = 0; axis < Rank; ++axis) {
    auto const wanted = Extents::static_extent(axis);
    bool const is_static = wanted != static_cast<decltype(wanted)>(-1);
    if (is_static && static_cast<index>(wanted) != extents[axis])
      throw_wrong_extent(axis, extents[axis], text_of({"the extent of the mdspan's type, ", wanted}));
    if (static_cast<index>(static_cast<number>(extents[axis])) != extents[axis])
      throw_wrong_extent(axis, extents[axis], "one that its index_type holds");
  }
  return [&]<std::size_t... I>(std::index_sequence<I...>) { return Extents(static_cast<number>(extents[I])...); }
  (std::make_index_sequence<Rank>{});
}

template <class Mapping, std::size_t Rank>
Mapping mdspan_mapping(shape<Rank> const& extents, shape<Rank> const& strides) {
  auto const space = mdspan_extents<typename Mapping::extents_type>(extents);
  if constexpr (requires(Mapping const& m) { m.strides(); }) {  // layout_stride
    std::remove_cvref_t<decltype(std::declval<Mapping const&>().strides())> steps{};
    for (std::size_t axis = 0; axis < Rank; ++axis)
      steps[axis] = static_cast<typename Mapping::index_type>(strides[axis]);
    return Mapping(space, steps);
  } else {
    Mapping const mapping(space);
    if constexpr (Rank > 0)
      for (std::size_t axis = 0; axis < Rank; ++axis)
        if (auto const stride = static_cast<index>(mapping.stride(axis)); extents[axis] > 1 && stride != strides[axis])
          throw_wrong_stride(axis, strides[axis], stride);
    return mapping;
  }
}

template <class M, class T, std::size_t Rank>
M make_mdspan(T* data, shape<Rank> const& extents, shape<Rank> const& strides) {
  static_assert(M::rank() == Rank, "as_mdspan<M>(x): M::rank() must be the rank of x");
  return M(data, mdspan_mapping<typename M::mapping_type>(extents, strides));
}

/// The elements of an array as an M, such as cuda::std::mdspan<float, cuda::std::dims<2>>: no copy. They lie in the
/// device's memory and live as long as the array keeps it. Throws shape_error where M's extents, its index type or its
/// layout do not fit.
template <mdspan_like M, class T, std::size_t Rank>
M as_mdspan(array<T, Rank>& a) {
  return make_mdspan<M>(a.data(), a.shape(), row_major_strides(a.shape()));
}
template <mdspan_like M, class T, std::size_t Rank>
M as_mdspan(array<T, Rank> const& a) {
  return make_mdspan<M>(a.data(), a.shape(), row_major_strides(a.shape()));
}
template <mdspan_like M, class T, std::size_t Rank>
M as_mdspan(array<T, Rank> const&&) = delete;  // its memory would be gone
/// The same for windows; with gaps or transposed ones need an M of layout_stride.
template <mdspan_like M, class T, std::size_t Rank, layout Layout>
M as_mdspan(window<T, Rank, Layout> const& w) {
  return make_mdspan<M>(w.elements.data, w.shape(), w.elements.strides);
}

#if defined(__cpp_lib_mdspan)
/// The elements of an array as a std::mdspan, of a window as one of layout_stride.
template <class T, std::size_t Rank>
auto as_mdspan(array<T, Rank>& a) {
  return as_mdspan<std::mdspan<T, std::dextents<index, Rank>>>(a);
}
template <class T, std::size_t Rank>
auto as_mdspan(array<T, Rank> const& a) {
  return as_mdspan<std::mdspan<T const, std::dextents<index, Rank>>>(a);
}
template <class T, std::size_t Rank>
auto as_mdspan(array<T, Rank> const&&) = delete;
template <class T, std::size_t Rank, layout Layout>
auto as_mdspan(window<T, Rank, Layout> const& w) {
  return as_mdspan<std::mdspan<T, std::dextents<index, Rank>, std::layout_stride>>(w);
}
#endif

/// A copy on a device of what an mdspan over host memory shows, of any layout and accessor.
template <mdspan_like M>
array<std::remove_const_t<typename M::element_type>, M::rank()> from_mdspan(device const& where, M const& m) {
  constexpr std::size_t Rank = M::rank();
  using T = std::remove_const_t<typename M::element_type>;
  shape<Rank> extents;
  for (std::size_t axis = 0; axis < Rank; ++axis) extents[axis] = static_cast<index>(m.extents().extent(axis));
  std::unique_ptr<T[]> const values(new T[extents.size()]);
  coordinates<Rank> at;
  for (std::size_t i = 0; i < extents.size(); ++i) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      auto const offset = m.mapping()(static_cast<typename M::extents_type::index_type>(at[I])...);
      values[i] = m.accessor().access(m.data_handle(), static_cast<std::size_t>(offset));
    }
    (std::make_index_sequence<Rank>{});
    for (std::size_t axis = Rank; axis-- > 0;) {
      if (++at[axis] < extents[axis]) break;
      at[axis] = 0;
    }
  }
  return array<T, Rank>(where, extents, std::span<T const>(values.get(), extents.size()));
}
template <mdspan_like M>
auto from_mdspan(M const& m) {
  return from_mdspan(default_device(), m);
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
