// fuse: several expressions evaluated in one pass over memory, `tie(y, z) = fuse(e1, e2)`.
#pragma once

#include "../expression/operators.hpp"
#include "map.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// Several expressions of one shape, to be assigned together.
template <node... Es>
struct [[nodiscard]] fused {
  std::tuple<Es...> expressions;
};

template <expression... Es>
auto fuse(Es&&... es) {
  return fused<decltype(as_node(std::forward<Es>(es)))...>{{as_node(std::forward<Es>(es))...}};
}

/// Evaluates every node into its target in one pass; no target may overlap what another node reads. `past_caches` says
/// that none overlaps what its own node reads.
template <node... Es, class... Ts, std::size_t... Rs>
void store_together(lowering& context, bool past_caches, std::tuple<Es...> const& nodes,
                    view<Ts, Rs> const&... targets) {
  auto const run = [&](auto const&... n) {
    return [&, &context = context](auto const&... to) {
      if (context.where.is_cpu()) {
        cpu::store(context.where, past_caches, cpu::output{to, n.lower(context, to.extents)}...);
      } else {
#if LOCKSTEP_CUDA
        cuda::store(context.where, cuda::output{to, n.lower(context, to.extents)}...);
#else
        throw_needs_cuda(context.where);
#endif
      }
    };
  };
  std::apply(
      [&](auto const&... n) {
        if constexpr (((Rs > 1) && ...) && (can_flatten<Es> && ...))
          if (((n.is_flat(targets.extents) && targets.strides == row_major_strides(targets.extents)) && ...))
            return run(n.flatten()...)(view<Ts, 1>(targets.data, shape<1>(targets.size()))...);
        run(n...)(targets...);
      },
      nodes);
}

/// Arrays (by reference) and windows (by value) that take the values of fused expressions.
template <class... Targets>
class [[nodiscard]] tied {
 public:
  explicit tied(Targets... targets) : targets_(static_cast<Targets&&>(targets)...) {}

  /// Writes every expression into its target, reading what they share once. The expressions read the values from
  /// before the assignment, even where targets appear in them; targets must not overlap each other. Throws, changing
  /// nothing: shape_error when a shape differs from its target's or from another expression's, device_error when not
  /// all lies on one device.
  template <node... Es>
  requires(sizeof...(Es) == sizeof...(Targets)) void operator=(fused<Es...> const& values) const {
    static_assert(((rank_v<Es> == rank_v<Targets>)&&...), "tie(y, z) = fuse(e, f): ranks of targets and expressions");
    static_assert(((rank_v<Targets> == std::get<0>(std::tuple{rank_v<Targets>...})) && ...),
                  "fuse: all expressions must have the same number of axes");
    assign(values.expressions, std::index_sequence_for<Targets...>{});
  }

 private:
  template <class T>
  static constexpr bool is_array_target = is_array<std::remove_cvref_t<T>>::value;

  template <class Expressions, std::size_t... I>
  void assign(Expressions const& es, std::index_sequence<I...>) const {
    auto const& extents = std::get<0>(es).shape();
    device const where = home(es, std::index_sequence<I...>{});
    (check(std::get<I>(targets_), std::get<I>(es), extents, where), ...);
    auto fresh = std::make_tuple(room_for(std::get<I>(targets_), where, extents)...);
    if (extents.size() != 0) evaluate(where, es, view_of(std::get<I>(targets_), std::get<I>(fresh))...);
    (adopt(std::get<I>(targets_), std::get<I>(fresh)), ...);
  }
  template <class... Es, class... Views>
  static void evaluate(device const& where, std::tuple<Es...> const& es, Views const&... to) {
    if (overlap const found = worst_overlap(es, std::index_sequence_for<Es...>{}, to...); found != overlap::hazard) {
      lowering context{where, {}};
      return store_together(context, found == overlap::none, es, to...);
    }
    auto const write = [&](auto const&... kept) { (evaluate_into<false>(where, as_node(kept), to), ...); };
    std::apply([&](auto const&... e) { write(evaluate_to_array<value_t<decltype(e)>>(where, e)...); }, es);
  }

  /// In place where expressions read no targets but their own, and those in place; a hazard where they read others'.
  template <class... Es, class... Views, std::size_t... I>
  static overlap worst_overlap(std::tuple<Es...> const& es, std::index_sequence<I...>, Views const&... to) {
    overlap worst = overlap::none;
    auto const look_at = [&](auto const& e, std::size_t own) {
      std::size_t place = 0;
      auto const compare = [&](auto const& target) {
        overlap const found = overlap_of(e, target);
        worst = std::max(worst, found != overlap::none && place != own ? overlap::hazard : found);
        ++place;
      };
      (compare(to), ...);
    };
    (look_at(std::get<I>(es), I), ...);
    return worst;
  }

  /// The device of the first target that has one, otherwise of the first expression that has one.
  template <class Expressions, std::size_t... I>
  device home(Expressions const& es, std::index_sequence<I...>) const {
    device found;
    auto const look_at = [&](auto const& target) {
      if constexpr (is_array_target<decltype(target)>)
        if (!target.has_storage()) return;
      if (!found.valid()) found = target.device();
    };
    (look_at(std::get<I>(targets_)), ...);
    ((found.valid() ? void() : void(found = device_of(std::get<I>(es)))), ...);
    return found.valid() ? found : default_device();
  }
  template <class Target, node E, class Shape>
  static void check(Target const& target, E const& e, Shape const& extents, device const& where) {
    require_shape(e, extents);
    require_device(e, where);
    if constexpr (is_array_target<Target>)
      if (!target.has_storage()) return;
    require_shape(e, target.shape());
    if (!(target.device() == where))
      throw device_error(text_of({"tie: found targets on ", where.name(), " and on ", target.device().name(),
                                  ", expected one device; copy one with array::to(device)"}));
  }
  /// Storage for an array that has none; otherwise an array without storage.
  template <class Target, class Shape>
  static auto room_for(Target const& target, device const& where, Shape const& extents) {
    array<value_t<Target>, rank_v<Target>> room;
    if constexpr (is_array_target<Target>)
      if (!target.has_storage()) room = array<value_t<Target>, rank_v<Target>>(where, extents);
    return room;
  }
  template <class Target, class Room>
  static auto view_of(Target& target, Room& room) {
    return room.has_storage() ? room.view() : target.view();
  }
  template <class Target, class Room>
  static void adopt(Target& target, Room& room) {
    if constexpr (is_array_target<Target>)
      if (room.has_storage()) target = std::move(room);
  }

  std::tuple<Targets...> targets_;
};

/// The left side of `tie(y, z) = fuse(e1, e2)`.
template <assignable_target... Targets>
tied<Targets...> tie(Targets&&... targets) {
  return tied<Targets...>(std::forward<Targets>(targets)...);
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
