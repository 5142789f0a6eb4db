// array: a dense, row-major, n-dimensional value on one device.
#pragma once

#include <span>
#include <vector>

#include "../core/owned_array.hpp"
#include "storage.hpp"
#include "view.hpp"

namespace lockstep {

template <class T, std::size_t Rank>
class array;

inline namespace LOCKSTEP_COMPILER {
/// What can be evaluated into an array: defined with the expressions.
template <class E, class T, std::size_t Rank>
struct is_source_of;
template <class E, class T, std::size_t Rank>
struct is_assignable_from;
template <class E>
struct expression_traits;
}  // namespace LOCKSTEP_COMPILER

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_too_many(index const* extents, std::size_t rank) {
  throw_text<out_of_memory>({"array: found the shape ", extents_of(extents, rank), ", expected at most 2^63 elements"});
}
[[noreturn, gnu::cold, gnu::noinline]] inline void throw_array_without_shape() {
  throw_text<shape_error>({"array = value: found an array without a shape; construct it as array<T>(device, shape)"});
}
[[noreturn, gnu::cold, gnu::noinline]] inline void throw_array_without_device() {
  throw_text<device_error>({"array: found an array without a device; assign to it or construct it with one"});
}

/// A dense, row-major array of `Rank` axes on one device, and an ordinary C++ value: copying copies, moving is cheap,
/// assigning one array to another replaces it whole. Writing an expression into an array that has a shape keeps that
/// shape. Elements of a new array are uninitialized. T must be trivially copyable.
template <class T, std::size_t Rank = 1>
class array {
  static_assert(std::is_trivially_copyable_v<T> && !std::is_const_v<T>,
                "array<T>: T must be trivially copyable and not const, for it is moved between devices as bytes");

 public:
  using value_type = T;
  static constexpr std::size_t rank = Rank;

  /// No device and no shape yet: the first expression or array assigned gives both.
  array() = default;

  /// Uninitialized elements. Throws out_of_memory.
  explicit array(lockstep::device const& where, lockstep::shape<Rank> const& extents)
      : extents_(extents), storage_(make_storage(where, element_count(extents), sizeof(T))) {}
  explicit array(lockstep::shape<Rank> const& extents) : array(default_device(), extents) {}

  /// Copies host data in row-major order. Throws shape_error when there are not as many values as elements.
  array(lockstep::device const& where, lockstep::shape<Rank> const& extents, std::span<T const> host)
      : array(where, extents) {
    if (host.size() != size())
      throw shape_error(
          text_of({"array: found ", host.size(), " values for the shape ", to_string(extents), ", expected ", size()}));
    if (!host.empty()) state().copy_from_host(data(), host.data(), host.size_bytes());
  }
  array(lockstep::device const& where, std::vector<T> const& host) requires(Rank == 1 && !std::is_same_v<T, bool>)
      : array(where, lockstep::shape<1>(host.size()), std::span<T const>(host)) {}
  /// std::span, std::array and whatever else lies in one piece; `std::span(pointer, count)` for a raw pointer.
  template <std::convertible_to<std::span<T const>> Host>
  requires(Rank == 1 && !std::is_same_v<Host, std::vector<T>>) array(lockstep::device const& where, Host const& host)
      : array(where, lockstep::shape<1>(std::span<T const>(host).size()), std::span<T const>(host)) {}
  array(lockstep::device const& where, std::vector<bool> const& host) requires(Rank == 1 && std::is_same_v<T, bool>)
      : array(where, lockstep::shape<1>(host.size())) {
    owned_array<bool> bytes(new bool[host.size()]);
    for (std::size_t i = 0; i < host.size(); ++i) bytes[i] = host[i];
    if (!host.empty()) state().copy_from_host(data(), bytes.get(), host.size());
  }
  array(lockstep::device const& where, std::initializer_list<T> host) requires(Rank == 1 && !std::is_integral_v<T>)
      : array(where, lockstep::shape<1>(host.size()), std::span<T const>(host.begin(), host.size())) {}

  /// Elements that lie in memory already, row-major from its beginning. Throws shape_error when it is too small.
  array(counted_pointer<lockstep::storage> memory, lockstep::shape<Rank> const& extents)
      : extents_(extents), storage_(std::move(memory)) {
    if (storage_->bytes / sizeof(T) < element_count(extents)) throw_memory_too_small(storage_->bytes, extents);
  }

  /// Evaluates an expression into a new array on the expression's device.
  template <class E, class Compilation = compilation>
  requires is_source_of<E, T, Rank>::value array(E const& expression) { assign_expression(*this, expression); }

  array(array const& other)
      : extents_(other.extents_),
        storage_(other.storage_ ? make_storage(other.device(), other.size(), sizeof(T)) : nullptr) {
    copy_elements(other);
  }
  array(array&& other) noexcept : extents_(other.extents_), storage_(std::move(other.storage_)) { other.extents_ = {}; }

  array& operator=(array const& other) {
    if (this == &other) return *this;
    if (storage_ && other.storage_ && extents_ == other.extents_ && device() == other.device())
      copy_elements(other);
    else
      *this = array(other);
    return *this;
  }
  array& operator=(array&& other) noexcept {
    storage_ = std::move(other.storage_);
    extents_ = other.extents_;
    if (this != &other) other.extents_ = {};
    return *this;
  }

  /// Evaluates an expression into the elements that are there. Throws shape_error, changing nothing, when the shapes
  /// differ. An array without storage takes the expression's shape and device.
  /// A rank-0 expression gives every element its value.
  template <class E, class Compilation = compilation>
  requires is_assignable_from<E, T, Rank>::value array& operator=(E const& expression) {
    assign_expression(*this, expression);
    return *this;
  }
  /// Gives every element the same value.
  array& operator=(T const& value) {
    if (!storage_) throw_array_without_shape();
    if (size() != 0) state().fill(data(), &value, sizeof(T), size());
    return *this;
  }

  bool has_storage() const { return storage_ != nullptr; }
  lockstep::shape<Rank> const& shape() const { return extents_; }
  index extent(std::size_t axis) const { return extents_[axis]; }
  std::size_t size() const { return storage_ ? extents_.size() : 0; }
  bool empty() const { return size() == 0; }
  /// Where the elements are. Throws device_error for an array without storage.
  lockstep::device const& device() const {
    if (!storage_) throw_array_without_device();
    return storage_->where;
  }
  /// The first element, in the device's memory; nullptr without storage.
  T* data() { return storage_ ? static_cast<T*>(storage_->data) : nullptr; }
  T const* data() const { return storage_ ? static_cast<T const*>(storage_->data) : nullptr; }
  counted_pointer<lockstep::storage> const& shared_storage() const { return storage_; }

  lockstep::view<T, Rank> view() { return {data(), extents_}; }
  lockstep::view<T const, Rank> view() const { return {data(), extents_}; }

  /// The elements in row-major order. Waits for the device.
  std::vector<T> to_host() const {
    if constexpr (std::is_same_v<T, bool>) {
      owned_array<bool> bytes(new bool[size()]);
      if (size() != 0) state().copy_to_host(bytes.get(), data(), size());
      return std::vector<bool>(bytes.get(), bytes.get() + size());
    } else {
      std::vector<T> host(size());
      if (size() != 0) state().copy_to_host(host.data(), data(), size() * sizeof(T));
      return host;
    }
  }

  /// The value of a rank-0 array. Waits for the device.
  operator T() const requires(Rank == 0) {
    T value;
    static_cast<void>(device());
    state().copy_to_host(&value, data(), sizeof(T));
    return value;
  }

  /// The same elements on another device. Between GPUs, and between streams of one, nothing waits but the devices.
  array to(lockstep::device const& where) const {
    if (where == device()) return *this;
    array moved(where, extents_);
    if (size() == 0) return moved;
    if (device().is_cpu()) {
      where.state().copy_from_host(moved.data(), data(), size() * sizeof(T));
    } else if (where.is_cpu()) {
      state().copy_to_host(moved.data(), data(), size() * sizeof(T));
    } else {
      where.state().copy_from_device(moved.data(), state(), data(), size() * sizeof(T));
    }
    return moved;
  }

  /// The elements from index `from` up to but not including `to`, along every axis: a window, no copy.
  template <class Compilation = compilation>
  auto slice(lockstep::shape<Rank> const& from, lockstep::shape<Rank> const& to) {
    return make_window<Compilation>(*this).slice(from, to);
  }
  template <class Compilation = compilation>
  auto slice(lockstep::shape<Rank> const& from, lockstep::shape<Rank> const& to) const {
    return make_window<Compilation>(*this).slice(from, to);
  }
  /// The same elements, in row-major order, under another shape of the same size: a window, no copy.
  template <std::size_t NewRank, class Compilation = compilation>
  auto reshape(lockstep::shape<NewRank> const& extents) {
    return make_window<Compilation>(*this).reshape(extents);
  }
  template <std::size_t NewRank, class Compilation = compilation>
  auto reshape(lockstep::shape<NewRank> const& extents) const {
    return make_window<Compilation>(*this).reshape(extents);
  }
  /// Axes in reverse order: a window, no copy.
  template <class Compilation = compilation>
  auto transpose() {
    return make_window<Compilation>(*this).transpose();
  }
  template <class Compilation = compilation>
  auto transpose() const {
    return make_window<Compilation>(*this).transpose();
  }
  /// Repeated along axes of extent 1 and along new leading axes, as in NumPy: an expression.
  template <std::size_t NewRank, class Compilation = compilation>
  auto broadcast_to(lockstep::shape<NewRank> const& extents) const {
    return make_window<Compilation>(*this).broadcast_to(extents);
  }

 private:
  static std::size_t element_count(lockstep::shape<Rank> const& extents) {
    std::size_t count = 1;
    for (std::size_t axis = 0; axis < Rank; ++axis)
      if (__builtin_mul_overflow(count, static_cast<std::size_t>(extents[axis]), &count))
        throw_too_many(extents.extents, Rank);
    return count;
  }
  [[noreturn, gnu::cold, gnu::noinline]] static void throw_memory_too_small(std::size_t bytes,
                                                                            lockstep::shape<Rank> const& extents) {
    throw shape_error(text_of({"array: found ", bytes, " bytes of memory, expected at least ",
                               element_count(extents) * sizeof(T), " for the shape ", to_string(extents)}));
  }
  device_state& state() const { return storage_->where.state(); }
  void copy_elements(array const& other) {
    if (other.size() != 0) state().copy(data(), other.data(), other.size() * sizeof(T));
  }

  lockstep::shape<Rank> extents_;
  counted_pointer<lockstep::storage> storage_;
};

template <class E>
array(E const&) -> array<typename expression_traits<E>::value_type, expression_traits<E>::rank>;

}  // namespace lockstep
