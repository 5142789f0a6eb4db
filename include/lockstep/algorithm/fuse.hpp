// fuse: several expressions evaluated in one pass over memory, `tie(y, z) = fuse(e1, e2)`.
#pragma once

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

/// Evaluates every node into its target in one pass; no target may overlap what another node reads.
template <node... Es, class... Ts, std::size_t... Rs>
void store_together(lowering& context, std::tuple<Es...> const& nodes, view<Ts, Rs> const&... targets) {
  auto const run = [&](auto const&... n) {
    return [&, &context = context](auto const&... to) {
      if (context.where.is_cpu()) {
        cpu::store(context.where, true, cpu::output{to, n.lower(context, to.extents)}...);
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

/// Arrays and windows that take the values of fused expressions.
template <class... Targets>
class [[nodiscard]] tied {
 public:
  explicit tied(Targets&... targets) : targets_(targets...) {}

  /// Writes every expression into its target, reading what they share once. The expressions read the values from
  /// before the assignment, even where targets appear in them. Throws shape_error, changing nothing, when a shape
  /// differs from its target's or from another expression's.
  template <node... Es>
  requires(sizeof...(Es) == sizeof...(Targets)) void operator=(fused<Es...> const& values) const {
    auto const& first = std::get<0>(values.expressions);
    auto const together = [&](auto const&... e) {
      (require_shape(e, first.shape()), ...);
      std::apply([&](auto&... target) { (prepare(target, e), ...); }, targets_);
      auto const views = std::apply([](auto&... target) { return std::make_tuple(target.view()...); }, targets_);
      if (first.size() == 0) return;
      bool const apart = std::apply([&](auto const&... to) { return (independent(to, e...) && ...); }, views);
      if (apart) {
        lowering context{std::get<0>(targets_).device(), {}};
        std::apply([&](auto const&... to) { store_together(context, values.expressions, to...); }, views);
      } else {
        auto const kept = std::make_tuple(evaluate_to_array<value_t<Es>>(e)...);
        assign_each(kept, std::index_sequence_for<Targets...>{});
      }
    };
    std::apply(together, values.expressions);
  }

 private:
  template <class Target, node E>
  static void prepare(Target& target, E const& e) {
    if constexpr (is_array<Target>::value)
      if (!target.has_storage()) target = Target(device_or_default(e), e.shape());
    require_shape(e, target.shape());
    require_device(e, target.device());
  }
  template <class T, std::size_t R, node... Es>
  static bool independent(view<T, R> const& target, Es const&... es) {
    return ((overlap_of(es, target) == overlap::none) && ...);
  }
  template <class Kept, std::size_t... I>
  void assign_each(Kept const& kept, std::index_sequence<I...>) const {
    ((std::get<I>(targets_) = std::get<I>(kept)), ...);
  }

  std::tuple<Targets&...> targets_;
};

/// The left side of `tie(y, z) = fuse(e1, e2)`.
template <class... Targets>
tied<Targets...> tie(Targets&... targets) {
  return tied<Targets...>(targets...);
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
