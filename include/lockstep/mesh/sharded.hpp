// sharded: one logical array over the devices of a mesh: split along an axis, or replicated.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "../algorithm/map.hpp"
#include "../core/memory.hpp"
#include "../core/owned_array.hpp"
#include "../expression/operators.hpp"
#include "mesh_ranks.hpp"
#include "placement.hpp"

namespace lockstep {

/// The memory of a sharded array: an array on every device of this process.
template <class T, std::size_t Rank>
struct shard_set {
  std::shared_ptr<mesh_ranks> ranks;
  lockstep::shape<Rank> extents;
  placement placed;
  std::vector<array<T, Rank>> local;

  shard_set(std::shared_ptr<mesh_ranks> r, lockstep::shape<Rank> const& e, placement p)
      : ranks(std::move(r)), extents(e), placed(p) {}

  /// Which part rank `rank` has of the split axis, [0, 0) of none.
  rank_rows rows(std::size_t rank) const {
    return placed.is_split() ? rank_rows(extents[placed.axis()], rank, ranks->size()) : rank_rows(0, 0, 1);
  }
  /// Where the part of rank `rank` begins, and its shape.
  lockstep::shape<Rank> first(std::size_t rank) const {
    lockstep::shape<Rank> from;
    if (placed.is_split()) from[placed.axis()] = rows(rank).begin;
    return from;
  }
  lockstep::shape<Rank> shape(std::size_t rank) const {
    lockstep::shape<Rank> part = extents;
    if (placed.is_split()) part[placed.axis()] = rows(rank).size();
    return part;
  }
  /// Throws shape_error when someone has given a shard another shape.
  array<T, Rank>& at(std::size_t i) { return checked(local[i], i); }
  array<T, Rank> const& at(std::size_t i) const { return checked(local[i], i); }

 private:
  template <class Array>
  Array& checked(Array& shard, std::size_t i) const {
    auto const rank = ranks->devices().first_local_rank() + i;
    if (!(shard.shape() == shape(rank)))
      throw shape_error(
          text_of({"sharded: found a shard of the shape ", to_string(shard.shape()), " on rank ", rank, ", expected ",
                   to_string(shape(rank)), "; assign to a shard only what has its shape"}));
    return shard;
  }
};

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_sharded_without_shape() {
  throw shape_error(
      "sharded: found one without a shape, expected one that has one; construct it as sharded<T>(mesh, shape)");
}
[[noreturn, gnu::cold, gnu::noinline]] inline void throw_split_axis(std::size_t axis, std::string const& extents) {
  throw shape_error(
      text_of({"sharded: found axis ", axis, " to split along, expected an axis of the shape ", extents}));
}
[[noreturn, gnu::cold, gnu::noinline]] inline void throw_value_count(std::size_t found, std::string const& extents,
                                                                     std::size_t expected) {
  throw shape_error(text_of({"sharded: found ", found, " values for the shape ", extents, ", expected ", expected}));
}

/// One array of `Rank` axes over a mesh, with the value semantics of `array`: copying copies, moving is cheap, writing
/// an expression into one that has a shape keeps shape and placement. Everything is called by one thread, and runs on
/// all devices at once; where a mesh spans processes, every process makes the same calls with the same values.
template <class T, std::size_t Rank = 1>
class sharded {
 public:
  using value_type = T;
  static constexpr std::size_t rank = Rank;

  /// No mesh and no shape yet: the first expression or sharded array assigned gives both.
  sharded() = default;

  /// Uninitialized elements. Throws out_of_memory; shape_error when there is no such axis to split along.
  template <class Compilation = compilation>
  sharded(mesh const& devices, lockstep::shape<Rank> const& extents, placement placed = first_axis())
      : sharded(ranks_of<Compilation>(devices), extents, placed) {}
  sharded(std::shared_ptr<mesh_ranks> ranks, lockstep::shape<Rank> const& extents, placement placed)
      : set_(std::make_shared<shard_set<T, Rank>>(std::move(ranks), extents, placed)) {
    if (placed.is_split() && placed.axis() >= Rank) throw_split_axis(placed.axis(), to_string(extents));
    lockstep::mesh const& devices = set_->ranks->devices();
    for (std::size_t i = 0, first = devices.first_local_rank(); i < devices.local_ranks(); ++i)
      set_->local.emplace_back(devices.device(first + i), set_->shape(first + i));
  }

  /// Shards that exist already.
  explicit sharded(std::shared_ptr<shard_set<T, Rank>> set) : set_(std::move(set)) {}

  /// Host values in row-major order. Throws shape_error when there are not as many values as elements.
  template <class Compilation = compilation>
  sharded(mesh const& devices, lockstep::shape<Rank> const& extents, std::span<T const> host,
          placement placed = first_axis())
      : sharded(devices, extents, placed) {
    if (host.size() != extents.size()) throw_value_count(host.size(), to_string(extents), extents.size());
    copy_from_host<Compilation>(*set_, host.data());
  }
  template <class Compilation = compilation>
  sharded(mesh const& devices, std::vector<T> const& host, placement placed = first_axis()) requires(Rank == 1)
      : sharded(devices, lockstep::shape<1>(host.size()), placed) {
    if constexpr (std::is_same_v<T, bool>) {
      owned_array<bool> const bytes(new bool[host.size()]);
      for (std::size_t i = 0; i < host.size(); ++i) bytes[i] = host[i];
      copy_from_host<Compilation>(*set_, bytes.get());
    } else {
      copy_from_host<Compilation>(*set_, host.data());
    }
  }
  /// The elements of an array that lies on any device.
  template <class Compilation = compilation>
  sharded(mesh const& devices, array<T, Rank> const& elements, placement placed = first_axis())
      : sharded(devices, elements.shape(), placed) {
    copy_from_array<Compilation>(*set_, elements);
  }

  /// Evaluates an expression of sharded arrays into a new one on their mesh, split as they are.
  template <class E, class Compilation = compilation>
  requires(is_source_of<E, T, Rank>::value && !std::is_same_v<E, sharded>) sharded(E const& expression) {
    assign_expression(*this, expression);
  }

  sharded(sharded const& other) : set_(copy_of(other.set_)) {}
  sharded(sharded&& other) noexcept = default;
  sharded& operator=(sharded const& other) {
    if (this != &other) set_ = copy_of(other.set_);
    return *this;
  }
  sharded& operator=(sharded&& other) noexcept = default;

  /// Evaluates an expression into the elements that are there, on all devices at once. Its sharded operands must lie on
  /// the same mesh, split along the same axis, or replicated. Throws shape_error or device_error, changing nothing,
  /// when shapes or placements differ.
  template <class E, class Compilation = compilation>
  requires(is_assignable_from<E, T, Rank>::value && !std::is_same_v<E, sharded>) sharded& operator=(
      E const& expression) {
    assign_expression(*this, expression);
    return *this;
  }
  /// Gives every element the same value.
  sharded& operator=(T const& value) {
    for (array<T, Rank>& shard : elements().local) shard = value;
    return *this;
  }

  bool has_storage() const { return set_ != nullptr; }
  lockstep::shape<Rank> const& shape() const { return elements().extents; }
  index extent(std::size_t axis) const { return shape()[axis]; }
  /// Elements of the whole array.
  std::size_t size() const { return set_ ? set_->extents.size() : 0; }
  bool empty() const { return size() == 0; }
  mesh const& devices() const { return elements().ranks->devices(); }
  lockstep::placement placed() const { return elements().placed; }
  /// Where the part of a rank begins along every axis.
  lockstep::shape<Rank> shard_begin(std::size_t of_rank) const { return elements().first(of_rank); }
  /// The part that a rank of this process has, on its device. Throws device_error for another process's. What is
  /// assigned to it must have its shape.
  array<T, Rank>& shard(std::size_t of_rank) { return elements().at(local_index(of_rank)); }
  array<T, Rank> const& shard(std::size_t of_rank) const { return elements().at(local_index(of_rank)); }

  /// All elements in row-major order, in every process.
  template <class Compilation = compilation>
  std::vector<T> to_host() const {
    return shards_to_host<Compilation>(elements());
  }
  /// All elements on one device, in every process that calls it (all must).
  template <class Compilation = compilation>
  array<T, Rank> to_array(device const& where = default_device()) const {
    return shards_to_array<Compilation>(elements(), where);
  }

  // Expressions of the same elements, which are evaluated only where they stay on their devices (see
  // sharded_views.hpp).

  /// The elements from index `from` up to but not including `to` along every axis.
  auto slice(lockstep::shape<Rank> const& from, lockstep::shape<Rank> const& to) const {
    return as_node(*this).slice(from, to);
  }
  template <std::size_t NewRank>
  auto reshape(lockstep::shape<NewRank> const& extents) const {
    return as_node(*this).reshape(extents);
  }
  auto transpose() const { return as_node(*this).transpose(); }
  template <std::size_t NewRank>
  auto broadcast_to(lockstep::shape<NewRank> const& extents) const {
    return as_node(*this).broadcast_to(extents);
  }

  std::shared_ptr<shard_set<T, Rank>> const& shared_shards() const { return set_; }

 private:
  static constexpr placement first_axis() { return Rank == 0 ? replicated : split_along(lockstep::axis(0)); }
  static std::shared_ptr<shard_set<T, Rank>> copy_of(std::shared_ptr<shard_set<T, Rank>> const& set) {
    return set ? std::make_shared<shard_set<T, Rank>>(*set) : nullptr;
  }
  shard_set<T, Rank>& elements() const {
    if (!set_) throw_sharded_without_shape();
    return *set_;
  }
  std::size_t local_index(std::size_t of_rank) const {
    static_cast<void>(devices().device(of_rank));  // throws when it is not of this process
    return of_rank - devices().first_local_rank();
  }

  std::shared_ptr<shard_set<T, Rank>> set_;
};

template <class E>
sharded(E const&) -> sharded<typename expression_traits<E>::value_type, expression_traits<E>::rank>;

inline namespace LOCKSTEP_COMPILER {

template <class T, std::size_t Rank>
struct is_sharded<sharded<T, Rank>> : std::true_type {};
template <class T, std::size_t Rank>
struct is_assignable_target<sharded<T, Rank>> : std::true_type {};

/// A sharded array inside of a tree. On each rank it is replaced by what the rank has of it, see sharded_rules.hpp.
template <class T, std::size_t Rank>
struct [[nodiscard]] sharded_leaf : node_base<sharded_leaf<T, Rank>, T, Rank> {
  std::shared_ptr<shard_set<T, Rank>> shards;

  explicit sharded_leaf(std::shared_ptr<shard_set<T, Rank>> s) : shards(std::move(s)) {
    if (!shards) throw_sharded_without_shape();
  }
  lockstep::shape<Rank> const& shape() const { return shards->extents; }
  /// Only who counts passes sees it: as one leaf with the bytes of all devices.
  template <class Visitor>
  void visit(Visitor&& visitor, bool pointwise = true) const {
    if constexpr (requires { visitor.end_pass(); }) {
      array<T, Rank> const& first = shards->local.front();
      window<T const, Rank, layout::dense>(first.shared_storage(), first.view())
          .visit(
              [&](leaf_info leaf) {
                leaf.bytes = shards->extents.size() * sizeof(T);
                visitor(leaf);
              },
              pointwise);
    }
  }
  [[gnu::cold, gnu::noinline]] void describe(std::string& text) const {
    append_text(text, {type_name<T>(), to_string(shape()), " on ", shards->ranks->size(), " devices"});
  }
  template <std::size_t R>
  auto lower(lowering&, lockstep::shape<R> const&) const {
    static_assert(R > 1000,
                  "this algorithm does not take sharded arrays in this place; evaluate the operand into a sharded "
                  "array of its own first, or use to_array(device) or shard(rank)");
    return constant_evaluator<T, R>{};
  }
};

template <class T, std::size_t Rank>
sharded_leaf<T, Rank> as_node(sharded<T, Rank> const& s) {
  return sharded_leaf<T, Rank>(s.shared_shards());
}
template <class T, std::size_t Rank>
sharded_leaf<T, Rank> borrow_node(sharded<T, Rank> const& s) {
  return sharded_leaf<T, Rank>(s.shared_shards());
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
