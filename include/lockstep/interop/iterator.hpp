// Iterators over the elements of any expression in row-major order, for the algorithms of std:: and of Thrust.
#pragma once

#include <compare>
#include <iterator>
#include <memory>

#include "../algorithm/map.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {

/// A lowered expression and all that must live while it is read.
template <node E>
struct lowered_expression {
  using value_type = value_t<E>;
  static constexpr std::size_t rank = rank_v<E>;

  E expression;
  device where;
  lowering context;
  decltype(std::declval<E const&>().lower(std::declval<lowering&>(), std::declval<shape<rank> const&>())) evaluator;

  /// Computes what the expression needs computed before its elements are (such as the sum in x / sum(x)).
  explicit lowered_expression(E e)
      : expression(std::move(e)),
        where(device_or_default(expression)),
        context{where, {}},
        evaluator((require_device(expression, where), expression.lower(context, expression.shape()))) {}
  lowered_expression(lowered_expression const&) = delete;
};

/// The values themselves, trivially copyable, which kernels can call; what they read must live elsewhere.
template <class T, class Evaluator, std::size_t Rank>
struct direct_source {
  using value_type = T;
  static constexpr std::size_t rank = Rank;

  Evaluator evaluator;

  LOCKSTEP_FN T at(coordinates<Rank> const& c) const { return static_cast<T>(evaluator.at(c)); }
};

/// Random access to elements in row-major order; each is computed when it is read, so that a reference is a value. The
/// category is that of std::random_access_iterator_tag, as with std::views::iota: algorithms of C++17 with execution
/// policies take it, too.
template <class Source>
class element_iterator {
  static constexpr std::size_t Rank = Source::rank;

 public:
  using value_type = typename Source::value_type;
  using reference = value_type;
  using pointer = void;
  using difference_type = std::ptrdiff_t;
  using iterator_category = std::random_access_iterator_tag;
  using iterator_concept = std::random_access_iterator_tag;

  element_iterator() = default;
  LOCKSTEP_FN element_iterator(Source source, shape<Rank> const& extents, difference_type position)
      : source_(static_cast<Source&&>(source)), extents_(extents), position_(position) {
    find_coordinates();
  }

  LOCKSTEP_FN reference operator*() const { return source_.at(at_); }
  LOCKSTEP_FN reference operator[](difference_type n) const { return *(*this + n); }

  LOCKSTEP_FN element_iterator& operator+=(difference_type n) {
    position_ += n;
    find_coordinates();
    return *this;
  }
  LOCKSTEP_FN element_iterator& operator-=(difference_type n) { return *this += -n; }
  LOCKSTEP_FN element_iterator& operator++() {
    ++position_;
    for (std::size_t axis = Rank; axis-- > 0;) {
      if (++at_[axis] < extents_[axis] || axis == 0) break;
      at_[axis] = 0;
    }
    return *this;
  }
  LOCKSTEP_FN element_iterator& operator--() { return *this += -1; }
  LOCKSTEP_FN element_iterator operator++(int) {
    element_iterator before = *this;
    ++*this;
    return before;
  }
  LOCKSTEP_FN element_iterator operator--(int) {
    element_iterator before = *this;
    --*this;
    return before;
  }

  LOCKSTEP_FN friend element_iterator operator+(element_iterator i, difference_type n) { return i += n; }
  LOCKSTEP_FN friend element_iterator operator+(difference_type n, element_iterator i) { return i += n; }
  LOCKSTEP_FN friend element_iterator operator-(element_iterator i, difference_type n) { return i -= n; }
  LOCKSTEP_FN friend difference_type operator-(element_iterator const& a, element_iterator const& b) {
    return a.position_ - b.position_;
  }
  /// Of iterators over the same expression.
  LOCKSTEP_FN friend bool operator==(element_iterator const& a, element_iterator const& b) {
    return a.position_ == b.position_;
  }
  LOCKSTEP_FN friend std::strong_ordering operator<=>(element_iterator const& a, element_iterator const& b) {
    return a.position_ <=> b.position_;
  }

 private:
  // Where the position lies. Along the first axis it may lie outside: nothing is read there.
  LOCKSTEP_FN void find_coordinates() {
    index rest = position_;
    for (std::size_t axis = Rank; axis-- > 1;) {
      index const extent = extents_[axis] > 0 ? extents_[axis] : 1;
      at_[axis] = rest % extent;
      rest /= extent;
    }
    if constexpr (Rank > 0) at_[0] = rest;
  }

  Source source_;
  shape<Rank> extents_;
  difference_type position_ = 0;
  coordinates<Rank> at_;
};

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_not_on_cpu(device const& where) {
  throw device_error(text_of({"begin: found elements on ", where.name(),
                              ", expected a CPU device, for the host reads them; copy them there with "
                              "array::to(device), or give range_of(e) to algorithms that run on a GPU"}));
}

template <class T, std::size_t Rank>
T* readable(array<T, Rank> const& a, T* first) {
  if (a.has_storage() && !a.device().is_cpu()) throw_not_on_cpu(a.device());
  return first;
}

/// The first element: a plain pointer, as long as the array is there and keeps its memory. Throws device_error for
/// elements that are not on a CPU device, which is true of every begin and end.
template <class T, std::size_t Rank>
T* begin(array<T, Rank>& a) {
  return readable(a, a.data());
}
template <class T, std::size_t Rank>
T* end(array<T, Rank>& a) {
  return readable(a, a.data()) + a.size();
}
template <class T, std::size_t Rank>
T const* begin(array<T, Rank> const& a) {
  return begin(const_cast<array<T, Rank>&>(a));
}
template <class T, std::size_t Rank>
T const* end(array<T, Rank> const& a) {
  return end(const_cast<array<T, Rank>&>(a));
}
template <class T, std::size_t Rank>
T const* begin(array<T, Rank> const&&) = delete;  // its memory would be gone
template <class T, std::size_t Rank>
T const* end(array<T, Rank> const&&) = delete;

/// The same for windows without gaps, whose memory the caller's window or array keeps.
template <class T, std::size_t Rank>
T* begin(window<T, Rank, layout::dense> const& w) {
  if (!w.device().is_cpu()) throw_not_on_cpu(w.device());
  return w.elements.data;
}
template <class T, std::size_t Rank>
T* end(window<T, Rank, layout::dense> const& w) {
  return begin(w) + w.size();
}

#if !LOCKSTEP_CUDA  // the iterator is __host__ __device__, what it shares is not: nvcc would warn of every copy
/// Where an iterator finds the values: shared by all iterators that were made together.
template <node E>
struct shared_source {
  using value_type = value_t<E>;
  static constexpr std::size_t rank = rank_v<E>;

  std::shared_ptr<lowered_expression<E> const> lowered;

  value_type at(coordinates<rank> const& c) const { return static_cast<value_type>(lowered->evaluator.at(c)); }
};

template <node E>
element_iterator<shared_source<E>> iterator_at(E const& e, index position) {
  auto lowered = std::make_shared<lowered_expression<E> const>(e);
  if (!lowered->where.is_cpu()) throw_not_on_cpu(lowered->where);
  return {shared_source<E>{std::move(lowered)}, e.shape(), position};
}

/// The elements of any other expression, row-major, computed one by one as they are read. The iterators hold on to all
/// memory that they read. What the expression needs computed first (the sum in x / sum(x)) is computed by each call of
/// begin and end; range_of(e) does it once.
/// Files compiled by nvcc have range_of(e) only.
template <node E>
auto begin(E const& e) {
  return iterator_at(e, 0);
}
template <node E>
auto end(E const& e) {
  return iterator_at(e, static_cast<index>(e.size()));
}
#endif

/// The elements of an expression as a range whose iterators are trivially copyable and can be called in kernels: for
/// Thrust's and CUB's device algorithms (in files compiled by nvcc, with an execution policy such as thrust::device),
/// and the fastest on a CPU. The range, or a copy of it, must outlive its iterators; it keeps the memory alive.
template <node E>
class element_range {
  using lowered_type = lowered_expression<E>;
  using source = direct_source<value_t<E>, std::remove_const_t<decltype(lowered_type::evaluator)>, rank_v<E>>;

 public:
  using value_type = value_t<E>;
  using iterator = element_iterator<source>;

  explicit element_range(E const& e) : lowered_(std::make_shared<lowered_type const>(e)) {
    if (lowered_->where.is_cpu()) return;
    if constexpr (LOCKSTEP_CUDA) {
      lowered_->where.synchronize();  // others' kernels do not wait for the device's stream
    } else {
      throw_not_on_cpu(lowered_->where);
    }
  }
  iterator begin() const { return at(0); }
  iterator end() const { return at(size()); }
  std::size_t size() const { return lowered_->expression.size(); }

 private:
  iterator at(std::size_t position) const {
    return {source{lowered_->evaluator}, lowered_->expression.shape(), static_cast<std::ptrdiff_t>(position)};
  }

  std::shared_ptr<lowered_type const> lowered_;
};

/// On a GPU it waits for the device. Throws device_error for a GPU in a file compiled without CUDA.
template <expression E>
auto range_of(E const& e) {
  auto node = as_node(e);
  return element_range<decltype(node)>(node);
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
