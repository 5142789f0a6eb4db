// Random expressions (random_tree.hpp) over random shapes, strides, offsets and types against plain loops (table.hpp).
// A case that fails is made smaller for as long as it still fails, and then reported with the seed that repeats it.
#pragma once

#include <cstdlib>

#include "expression/random_tree.hpp"
#include "support/devices.hpp"
#include "support/values.hpp"

namespace property_tests {

using lockstep::array, lockstep::device;

/// Everything about a case but its tree and its type.
template <std::size_t R>
struct plan {
  std::uint64_t seed = 0;       ///< of the values
  shape<R> common;              ///< the index space
  shape<R> ones_b, ones_c;      ///< 1 where the operand has extent 1 instead
  shape<R> before_b, before_c;  ///< the operands are parts of wider arrays: elements in front
  shape<R> behind_b, behind_c;  ///< and behind
  shape<R> near, far;
  boundary outside = boundary::clamp;
  index along = 0, shift = 0, split = 0;
  shape<R> low, high;  ///< the part of the result that is stored as well

  shape<R> extents_of(shape<R> const& ones) const {
    shape<R> s = common;
    for (std::size_t a = 0; a < R; ++a)
      if (ones[a] == 1) s[a] = 1;
    return s;
  }
};

template <std::size_t R>
plan<R> random_plan(std::uint64_t seed, index most) {
  lockstep::test::generator random(seed);
  plan<R> p;
  p.seed = seed;
  auto const each_axis = [](shape<R>& s, auto f) {
    for (std::size_t a = 0; a < R; ++a) s[a] = f();
  };
  each_axis(p.common, [&] {
    index const kind = random.below(8);
    return kind == 0 ? random.below(3) : kind == 1 ? most : 1 + random.below(most);
  });
  for (shape<R>* ones : {&p.ones_b, &p.ones_c}) each_axis(*ones, [&] { return index{random.below(4) == 0}; });
  for (shape<R>* margin : {&p.before_b, &p.before_c, &p.behind_b, &p.behind_c})
    each_axis(*margin, [&] { return random.below(3); });
  each_axis(p.near, [&] { return random.below(7) - 3; });
  each_axis(p.far, [&] { return random.below(4 * most + 1) - 2 * most; });
  p.outside = boundary(random.below(3));
  p.along = random.below(R);
  p.shift = random.below(2 * most + 1) - most;
  p.split = random.below(p.common[static_cast<std::size_t>(p.along)] + 1);
  for (std::size_t a = 0; a < R; ++a) {
    p.low[a] = random.below(p.common[a] + 1);
    p.high[a] = p.low[a] + random.below(p.common[a] - p.low[a] + 1);
  }
  return p;
}

// --- shrinking -------------------------------------------------------------------------------------------------------

/// The numbers of a plan that can be smaller, each of them down to 0.
template <std::size_t R>
std::vector<index*> numbers_of(plan<R>& p) {
  std::vector<index*> found;
  for (shape<R>* s : {&p.common, &p.far, &p.near, &p.low, &p.high, &p.before_b, &p.before_c, &p.behind_b, &p.behind_c,
                      &p.ones_b, &p.ones_c})
    for (std::size_t a = 0; a < R; ++a) found.push_back(&(*s)[a]);
  for (index* number : {&p.shift, &p.split, &p.along}) found.push_back(number);
  return found;
}
/// Keeps the numbers that depend on the extents inside of them.
template <std::size_t R>
void keep_inside(plan<R>& p) {
  p.split = std::min(p.split, p.common[static_cast<std::size_t>(p.along)]);
  for (std::size_t a = 0; a < R; ++a) {
    p.high[a] = std::min(p.high[a], p.common[a]);
    p.low[a] = std::min(p.low[a], p.high[a]);
  }
}

/// The smallest plan for which fails(plan) still holds, one number at a time: 0, half, one less.
template <std::size_t R, class Fails>
plan<R> shrunk(plan<R> p, Fails fails) {
  for (bool smaller = true; smaller;) {
    smaller = false;
    for (std::size_t i = 0; i < numbers_of(p).size(); ++i)
      for (auto less : {+[](index) { return index{0}; }, +[](index v) { return v / 2; },
                        +[](index v) { return v > 0 ? v - 1 : v + 1; }}) {
        plan<R> candidate = p;
        index& number = *numbers_of(candidate)[i];
        if (number == 0) break;
        number = less(number);
        keep_inside(candidate);
        if (fails(candidate)) {
          p = candidate;
          smaller = true;
          break;
        }
      }
  }
  return p;
}

// --- a case ----------------------------------------------------------------------------------------------------------

template <class A, class B, class C, std::size_t R>
struct operands {
  A a;
  B b;
  C c;
  choices<R> pick;
};
template <class A, class B, class C, std::size_t R>
operands(A, B, C, choices<R>) -> operands<A, B, C, R>;

/// The values of a plan's operands and its choices, and the same as arrays of T on a device: b is part of a wider
/// array, c of a wider and transposed one.
template <class T, std::size_t R>
class test_case {
 public:
  test_case(device const& dev, plan<R> const& p)
      : random_(p.seed),
        tables_{values(p.common), values(p.extents_of(p.ones_b)), values(p.extents_of(p.ones_c)), pick(p)},
        a_(dev, p.common, typed(tables_.a)),
        b_(lockstep::full<T>(dev, wider(tables_.b.extents, p.before_b, p.behind_b), T{99})),
        c_(lockstep::full<T>(dev, wider(transposed(tables_.c).extents, p.before_c, p.behind_c), T{77})),
        b_part_(part(b_, tables_.b, p.before_b)),
        c_turned_(part(c_, transposed(tables_.c), p.before_c)) {}

  auto tables() const { return tables_; }
  auto nodes() const {
    return operands{lockstep::as_node(a_), lockstep::as_node(b_part_), lockstep::as_node(c_turned_.transpose()),
                    tables_.pick};
  }
  /// Stores e over operand a or, where it has another shape, over c; "" when that holds `expected` afterwards.
  template <expression E>
  std::string stored_over_operand(E const& e, table<R> const& expected) {
    using lockstep::test::difference;
    if (e.shape() == a_.shape()) {
      a_ = cast<T>(e);
      return difference(a_.to_host(), expected.values);
    }
    auto const c = c_turned_.transpose();
    if (!(e.shape() == c.shape())) return "";
    c = cast<T>(e);
    return difference(array<T, R>(c).to_host(), expected.values);
  }

 private:
  static std::vector<T> typed(table<R> const& t) { return std::vector<T>(t.values.begin(), t.values.end()); }
  static shape<R> wider(shape<R> s, shape<R> const& before, shape<R> const& behind) {
    for (std::size_t a = 0; a < R; ++a) s[a] += before[a] + behind[a];
    return s;
  }
  static auto part(array<T, R>& whole, table<R> const& t, shape<R> const& before) {
    auto const window = whole.slice(before, wider(t.extents, before, {}));
    window = array<T, R>(whole.device(), t.extents, typed(t));
    return window;
  }
  table<R> values(shape<R> const& s) {
    return table<R>(s, [&](auto const&) { return random_.below(199) - 99; });
  }
  choices<R> pick(plan<R> const& p) {
    auto const along = static_cast<std::size_t>(p.along);
    choices<R> c{p.common, p.near, p.far, p.outside, along, p.shift, p.split, {}};
    for (index i = 0; i < p.common[along]; ++i) c.taken.push_back(random_.below(p.common[along]));
    return c;
  }

  lockstep::test::generator random_;
  operands<table<R>, table<R>, table<R>, R> tables_;
  array<T, R> a_, b_, c_;
  decltype(a_.slice({}, {})) b_part_, c_turned_;
};

/// "" when the tree's values are right in every way of using it; otherwise which one is not, where, and the expression.
template <class Tree, class T, std::size_t R>
std::string failure_of(device const& dev, plan<R> const& p) {
  using lockstep::test::difference;
  test_case<T, R> one(dev, p);
  auto const expected = Tree::of(one.tables());
  auto const e = Tree::of(one.nodes());
  auto const report = [&](std::string const& what, std::string const& problem) {
    return problem.empty() ? "" : what + ": " + problem + ", of " + to_text(e);
  };
  if (!(e.shape() == expected.extents)) return report("shape", "found " + to_string(e.shape()));
  if (auto const text = report("values", difference(e.to_host(), expected.values)); !text.empty()) return text;
  auto const s = limited(e, 9);
  auto const expected_s = limited(expected, 9);
  std::vector<number> const total{number(lockstep::sum(s))}, expected_total{sum(expected_s)};
  if (auto const text = report("sum", difference(total, expected_total)); !text.empty()) return text;
  auto const along = static_cast<std::size_t>(p.along);
  auto const lines = difference(line_sums(s, along).to_host(), line_sums(expected_s, along).values);
  if (auto const text = report("sums along an axis", lines); !text.empty()) return text;
  if (expected.extents == p.common) {
    shape<R> s_part;
    for (std::size_t a = 0; a < R; ++a) s_part[a] = p.high[a] - p.low[a];
    table<R> const part(s_part, [&](shape<R> c) {
      for (std::size_t a = 0; a < R; ++a) c[a] += p.low[a];
      index place = 0;
      for (std::size_t a = 0; a < R; ++a) place = place * p.common[a] + c[a];
      return expected.values[static_cast<std::size_t>(place)];
    });
    auto const text = report("a slice", difference(e.slice(p.low, p.high).to_host(), part.values));
    if (!text.empty()) return text;
  }
  return report("stored over an operand", one.stored_over_operand(e, expected));
}

template <std::size_t R>
std::string describe(plan<R> const& p) {
  std::string text = "index space " + to_string(p.common) + ", numbers";
  plan<R> copy = p;
  for (index const* number : numbers_of(copy)) text += " " + std::to_string(*number);
  return text + ", boundary " + std::to_string(int(p.outside));
}

template <class Tree, class T, std::size_t R>
void check_tree(device const& dev, std::uint64_t seed, index most) {
  plan<R> const p = random_plan<R>(seed, most);
  if (failure_of<Tree, T>(dev, p).empty()) return;
  plan<R> const smallest = shrunk(p, [&](plan<R> const& q) { return !failure_of<Tree, T>(dev, q).empty(); });
  FAIL("LOCKSTEP_TEST_SEED=", seed, " smallest: ", describe(smallest), ": ", failure_of<Tree, T>(dev, smallest));
}

/// Runs `count` cases of each tree on every device. LOCKSTEP_TEST_SEED begins with another seed than 1: a failure
/// prints its own, which repeats it.
template <int Depth, std::uint64_t FirstTree, std::uint64_t... Trees>
void check_cases(std::integer_sequence<std::uint64_t, Trees...>, std::uint64_t count, index most_2, index most_3) {
  char const* const chosen = std::getenv("LOCKSTEP_TEST_SEED");
  std::uint64_t const first = chosen ? std::strtoull(chosen, nullptr, 10) : 1;
  lockstep::test::for_each_device([&](device const& dev) {
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
      auto const check = [&]<std::uint64_t Tree>(std::integral_constant<std::uint64_t, Tree>) {
        using drawn = tree<mixed(Tree + 1), Depth>;
        constexpr std::uint64_t kind = Tree % 4;
        using T = std::conditional_t<kind == 0, std::int64_t,
                                     std::conditional_t<kind == 1, float, std::conditional_t<kind == 2, int, double>>>;
        if constexpr (mixed(Tree) % 2 == 0)
          check_tree<drawn, T, 2>(dev, seed, most_2);
        else
          check_tree<drawn, T, 3>(dev, seed, most_3);
      };
      (check(std::integral_constant<std::uint64_t, FirstTree + Trees>{}), ...);
    }
  });
}

}  // namespace property_tests
