// What is to be known of a tree's leaves before it is evaluated: on which device they lie, and how they lie to the
// memory that is written. One look finds it all, by one type of visitor, so that every node is compiled for one.
#pragma once

#include "node.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// How an expression's leaves lie to the memory that it is written to.
enum class overlap {
  none,
  in_place,  ///< every element is read before it is written, and only for itself
  hazard     ///< some element would be overwritten before it is read
};

/// The memory that an expression is written to.
struct target_info {
  char const* begin = nullptr;
  char const* end = nullptr;  ///< one past the last byte
  index const* strides = nullptr;
  index const* extents = nullptr;
  std::size_t rank = 0;
};
template <class T, std::size_t Rank>
target_info describe_target(view<T, Rank> const& target) {
  index last = 1;
  for (std::size_t axis = 0; axis < Rank; ++axis) last += (target.extents[axis] - 1) * target.strides[axis];
  return {reinterpret_cast<char const*>(target.data), reinterpret_cast<char const*>(target.data + last),
          target.strides.extents, target.extents.extents, Rank};
}

/// A visitor of leaves.
struct leaf_survey {
  target_info target = {};
  device const* expected = nullptr;  ///< where every leaf should lie; nullptr: where the first one does

  device const* first = nullptr;     ///< where the first leaf lies; nullptr when there is none
  device const* stranger = nullptr;  ///< where the first leaf lies that does not
  overlap found = overlap::none;

  void operator()(leaf_info const& leaf) {
    device const& where = leaf.owner->where;
    if (!first) first = &where;
    if (!stranger && !(where == *(expected ? expected : first))) stranger = &where;
    if (leaf.end <= target.begin || leaf.begin >= target.end) return;
    bool same = leaf.pointwise && leaf.rank == target.rank && leaf.data == target.begin;
    for (std::size_t axis = 0; same && axis < target.rank; ++axis)
      same = leaf.strides[axis] == target.strides[axis] && leaf.extents[axis] == target.extents[axis];
    if (!same)
      found = overlap::hazard;
    else if (found == overlap::none)
      found = overlap::in_place;
  }
};

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_wrong_device(device const& found, device const& expected,
                                                                      any_node const& e) {
  throw_text<device_error>({"found an array on ", found.name(), " in ", e, ", expected one on ", expected.name(),
                            "; copy it there with array::to(device)"});
}

/// Device of the first leaf; an empty handle when the tree has none.
template <node E>
device device_of(E const& e) {
  leaf_survey survey;
  e.visit(survey);
  return survey.first ? *survey.first : device();
}

/// Throws device_error when a leaf lies on another device than `where`.
template <node E>
void require_device(E const& e, device const& where) {
  leaf_survey survey{{}, &where};
  e.visit(survey);
  if (survey.stranger) throw_wrong_device(*survey.stranger, where, e);
}

/// The device of all leaves, nullptr when there is none. Throws device_error when they lie on several.
template <node E>
device const* one_device_of(E const& e) {
  leaf_survey survey;
  e.visit(survey);
  if (survey.stranger) throw_wrong_device(*survey.stranger, *survey.first, e);
  return survey.first;
}

template <node E, class T, std::size_t Rank>
overlap overlap_of(E const& e, view<T, Rank> const& target) {
  leaf_survey survey{describe_target(target)};
  e.visit(survey);
  return survey.found;
}

/// The last two in one look.
template <node E, class T, std::size_t Rank>
overlap require_device_find_overlap(E const& e, device const& where, view<T, Rank> const& target) {
  leaf_survey survey{describe_target(target), &where};
  e.visit(survey);
  if (survey.stranger) throw_wrong_device(*survey.stranger, where, e);
  return survey.found;
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
