// communicator: what one rank of a mesh holds while it runs SPMD code: rank, size, device, and the collectives.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "../array/array.hpp"
#include "../core/function_objects.hpp"
#include "../core/memory.hpp"
#include "collective_calls.hpp"
#include "communicator_state.hpp"
#include "pending.hpp"

namespace lockstep {

/// A value over any communication_engine; copies stand for the same rank. All ranks call the same collectives in the
/// same order with the same counts, those whose names end in _v excepted; a rank's calls may come from any of its
/// threads, one at a time. Reductions follow the fixed tree over ranks that `rank_reduction` describes, so every rank
/// gets the same bits, always.
///
/// Spans are host memory; arrays lie on this rank's device. `name` says in errors what the data are; it must outlive
/// the call. Each `start_` form returns at once, and its result is there when `pending::wait` returns: started
/// collectives begin in the order in which they are called, and go on while the rank does something else.
///
/// Collectives throw shape_error for arguments that do not fit, and communication_error when another rank failed, left,
/// disagrees, or does not come in time. They have then changed nothing in shared memory; over messages the data may be
/// changed. An operator's exception comes out, too, and the data are undefined.
class communicator {
 public:
  template <communication_engine Engine>
  communicator(Engine engine, lockstep::device where)
      : communicator(std::make_shared<engine_state<Engine>>(std::move(engine), std::move(where))) {}

  std::size_t rank() const { return state_->rank(); }
  std::size_t size() const { return state_->size(); }
  lockstep::device const& device() const { return state_->where; }
  communication_statistics const& statistics() const { return state_->statistics; }

  // all_reduce: every element becomes op over all ranks' elements.

  template <communicable T, std::size_t Rank, reduces<T> Op, class Compilation = compilation>
  void all_reduce(array<T, Rank>& values, Op op, char const* name = "") {
    check_device(values);
    state_->run(reducing(collective_kind::all_reduce, values.data(), values.data(), values.size(), op, 0, name));
  }
  template <communicable T, std::size_t N, reduces<T> Op, class Compilation = compilation>
  void all_reduce(std::span<T, N> values, Op op, char const* name = "") {
    state_->run(reducing(collective_kind::all_reduce, values.data(), values.data(), values.size(), op, 0, name));
  }
  /// The results go to `results`, of the same size.
  template <communicable T, reduces<T> Op, class Compilation = compilation>
  void all_reduce(std::span<T const> values, std::span<T> results, Op op, char const* name = "") {
    check_room(collective_kind::all_reduce, results.size(), values.size(), "one for each value");
    state_->run(reducing(collective_kind::all_reduce, values.data(), results.data(), values.size(), op, 0, name));
  }
  /// One value in host memory.
  template <communicable T, reduces<T> Op, class Compilation = compilation>
  void all_reduce(T& value, Op op, char const* name = "") {
    all_reduce(std::span<T>(&value, 1), op, name);
  }
  /// Ranks that wait do the work of threads' meshes. A rank has at most 64 collectives under way there: starting one
  /// more waits for the oldest.
  template <communicable T, std::size_t Rank, reduces<T> Op, class Compilation = compilation>
  [[nodiscard]] pending start_all_reduce(array<T, Rank>& values, Op op, char const* name = "") {
    check_device(values);
    return start(reducing(collective_kind::all_reduce, values.data(), values.data(), values.size(), op, 0, name),
                 values.shared_storage());
  }
  template <communicable T, std::size_t N, reduces<T> Op, class Compilation = compilation>
  [[nodiscard]] pending start_all_reduce(std::span<T, N> values, Op op, char const* name = "") {
    return start(reducing(collective_kind::all_reduce, values.data(), values.data(), values.size(), op, 0, name));
  }

  // reduce: as all_reduce, but rank `root` alone gets the results; the others' values stay as they are.

  template <communicable T, std::size_t Rank, reduces<T> Op, class Compilation = compilation>
  void reduce(array<T, Rank>& values, Op op, std::size_t root, char const* name = "") {
    check_device(values);
    reduce(std::span<T>(values.data(), values.size()), op, root, name);
  }
  template <communicable T, std::size_t N, reduces<T> Op, class Compilation = compilation>
  void reduce(std::span<T, N> values, Op op, std::size_t root, char const* name = "") {
    check_rank("reduce", root);
    state_->run(reducing(collective_kind::reduce, values.data(), values.data(), values.size(), op, root, name));
  }
  template <communicable T, reduces<T> Op, class Compilation = compilation>
  void reduce(T& value, Op op, std::size_t root, char const* name = "") {
    reduce(std::span<T>(&value, 1), op, root, name);
  }
  template <communicable T, std::size_t Rank, reduces<T> Op, class Compilation = compilation>
  [[nodiscard]] pending start_reduce(array<T, Rank>& values, Op op, std::size_t root, char const* name = "") {
    check_device(values);
    check_rank("reduce", root);
    return start(reducing(collective_kind::reduce, values.data(), values.data(), values.size(), op, root, name),
                 values.shared_storage());
  }
  template <communicable T, std::size_t N, reduces<T> Op, class Compilation = compilation>
  [[nodiscard]] pending start_reduce(std::span<T, N> values, Op op, std::size_t root, char const* name = "") {
    check_rank("reduce", root);
    return start(reducing(collective_kind::reduce, values.data(), values.data(), values.size(), op, root, name));
  }

  // reduce_scatter: reduces as all_reduce does; each rank gets its part, of 1 / size() of the elements.

  /// Returns this rank's part along axis 0. Throws shape_error when extent(0) / size() is not a whole number.
  template <communicable T, std::size_t Rank, reduces<T> Op, class Compilation = compilation>
  [[nodiscard]] array<T, Rank> reduce_scatter(array<T, Rank> const& values, Op op, char const* name = "") {
    static_assert(Rank > 0, "reduce_scatter: an array of rank 0 has no axis to be cut along");
    check_device(values);
    shape<Rank> extents = values.shape();
    extents[0] = share_of("reduce_scatter", values.extent(0));
    array<T, Rank> mine(device(), extents);
    state_->run(reducing(collective_kind::reduce_scatter, values.data(), mine.data(), mine.size(), op, 0, name));
    return mine;
  }
  /// `part` may be this rank's part of `values`.
  template <communicable T, reduces<T> Op, class Compilation = compilation>
  void reduce_scatter(std::span<T const> values, std::span<T> part, Op op, char const* name = "") {
    state_->run(scattered_reduction(values, part, op, name));
  }
  template <communicable T, reduces<T> Op, class Compilation = compilation>
  [[nodiscard]] pending start_reduce_scatter(std::span<T const> values, std::span<T> part, Op op,
                                             char const* name = "") {
    return start(scattered_reduction(values, part, op, name));
  }

  // broadcast: every rank gets the values of rank `root`; all have the same number of them.

  template <communicable T, std::size_t Rank, class Compilation = compilation>
  void broadcast(array<T, Rank>& values, std::size_t root, char const* name = "") {
    check_device(values);
    broadcast(std::span<T>(values.data(), values.size()), root, name);
  }
  template <communicable T, std::size_t N, class Compilation = compilation>
  void broadcast(std::span<T, N> values, std::size_t root, char const* name = "") {
    check_rank("broadcast", root);
    state_->run(moving(collective_kind::broadcast, values.data(), values.data(), values.size(), root, name));
  }
  template <communicable T, class Compilation = compilation>
  void broadcast(T& value, std::size_t root, char const* name = "") {
    broadcast(std::span<T>(&value, 1), root, name);
  }
  template <communicable T, std::size_t Rank, class Compilation = compilation>
  [[nodiscard]] pending start_broadcast(array<T, Rank>& values, std::size_t root, char const* name = "") {
    check_device(values);
    check_rank("broadcast", root);
    return start(moving(collective_kind::broadcast, values.data(), values.data(), values.size(), root, name),
                 values.shared_storage());
  }
  template <communicable T, std::size_t N, class Compilation = compilation>
  [[nodiscard]] pending start_broadcast(std::span<T, N> values, std::size_t root, char const* name = "") {
    check_rank("broadcast", root);
    return start(moving(collective_kind::broadcast, values.data(), values.data(), values.size(), root, name));
  }

  // all_gather: all ranks' values one after another, on every rank. gather: on rank `root` alone.

  /// Along axis 0, on this rank's device. All have the same shape.
  template <communicable T, std::size_t Rank, class Compilation = compilation>
  [[nodiscard]] array<T, Rank> all_gather(array<T, Rank> const& values, char const* name = "") {
    static_assert(Rank > 0, "all_gather: an array of rank 0 has no axis to gather along; gather a span instead");
    check_device(values);
    shape<Rank> extents = values.shape();
    extents[0] *= static_cast<index>(size());
    array<T, Rank> all(device(), extents);
    state_->run(moving(collective_kind::all_gather, values.data(), all.data(), values.size(), 0, name));
    return all;
  }
  /// `all` has room for exactly size() times the values, which may lie in their place there.
  template <communicable T, class Compilation = compilation>
  void all_gather(std::span<T const> values, std::span<T> all, char const* name = "") {
    check_room(collective_kind::all_gather, all.size(), values.size() * size(), "as many from each rank");
    state_->run(moving(collective_kind::all_gather, values.data(), all.data(), values.size(), 0, name));
  }
  template <communicable T, class Compilation = compilation>
  [[nodiscard]] pending start_all_gather(std::span<T const> values, std::span<T> all, char const* name = "") {
    check_room(collective_kind::all_gather, all.size(), values.size() * size(), "as many from each rank");
    return start(moving(collective_kind::all_gather, values.data(), all.data(), values.size(), 0, name));
  }

  /// Ranks may have different extents along axis 0.
  template <communicable T, std::size_t Rank, class Compilation = compilation>
  [[nodiscard]] array<T, Rank> all_gather_v(array<T, Rank> const& values, char const* name = "") {
    static_assert(Rank > 0, "all_gather_v: an array of rank 0 has no axis to gather along; gather a span instead");
    check_device(values);
    auto [counts, extents] = all_counts(values);
    array<T, Rank> all(device(), extents);
    state_->run(gathering(collective_kind::all_gather_v, values_of(values), room_of(all), counts, me(), 0, name));
    return all;
  }
  /// counts[r] are rank r's; `all` has room for exactly their sum.
  template <communicable T, class Compilation = compilation>
  void all_gather_v(std::span<T const> values, std::span<T> all, rank_counts counts, char const* name = "") {
    state_->run(gathering(collective_kind::all_gather_v, values, all, counts, me(), 0, name));
  }
  template <communicable T, class Compilation = compilation>
  [[nodiscard]] pending start_all_gather_v(std::span<T const> values, std::span<T> all, rank_counts counts,
                                           char const* name = "") {
    return start(gathering(collective_kind::all_gather_v, values, all, counts, me(), 0, name));
  }

  /// Along axis 0; the other ranks get an array without elements. All have the same shape.
  template <communicable T, std::size_t Rank, class Compilation = compilation>
  [[nodiscard]] array<T, Rank> gather(array<T, Rank> const& values, std::size_t root, char const* name = "") {
    static_assert(Rank > 0, "gather: an array of rank 0 has no axis to gather along; gather a span instead");
    check_device(values);
    shape<Rank> extents = values.shape();
    extents[0] *= rank() == root ? static_cast<index>(size()) : 0;
    array<T, Rank> all(device(), extents);
    gather(values_of(values), room_of(all), root, name);
    return all;
  }
  /// On the root `all` has room for exactly size() times the values; the others' is ignored.
  template <communicable T, class Compilation = compilation>
  void gather(std::span<T const> values, std::span<T> all, std::size_t root, char const* name = "") {
    state_->run(equal_gathering(values, all, root, name));
  }
  template <communicable T, class Compilation = compilation>
  [[nodiscard]] pending start_gather(std::span<T const> values, std::span<T> all, std::size_t root,
                                     char const* name = "") {
    return start(equal_gathering(values, all, root, name));
  }

  /// Ranks may have different extents along axis 0.
  template <communicable T, std::size_t Rank, class Compilation = compilation>
  [[nodiscard]] array<T, Rank> gather_v(array<T, Rank> const& values, std::size_t root, char const* name = "") {
    static_assert(Rank > 0, "gather_v: an array of rank 0 has no axis to gather along; gather a span instead");
    check_device(values);
    check_rank("gather_v", root);
    auto [counts, extents] = all_counts(values);
    if (rank() != root) extents[0] = 0;
    array<T, Rank> all(device(), extents);
    state_->run(gathering(collective_kind::gather_v, values_of(values), room_of(all), counts, me(), root, name));
    return all;
  }
  /// counts[r] are rank r's, and `all` has room for exactly their sum; both are ignored on other ranks than the root.
  template <communicable T, class Compilation = compilation>
  void gather_v(std::span<T const> values, std::span<T> all, rank_counts counts, std::size_t root,
                char const* name = "") {
    check_rank("gather_v", root);
    state_->run(gathering(collective_kind::gather_v, values, all, counts, me(), root, name));
  }
  template <communicable T, class Compilation = compilation>
  [[nodiscard]] pending start_gather_v(std::span<T const> values, std::span<T> all, rank_counts counts,
                                       std::size_t root, char const* name = "") {
    check_rank("gather_v", root);
    return start(gathering(collective_kind::gather_v, values, all, counts, me(), root, name));
  }

  // scatter: rank r gets the r-th part of what rank `root` has.

  /// `all` has exactly size() times the elements of `values`; it is ignored on other ranks than the root.
  template <communicable T, class Compilation = compilation>
  void scatter(std::span<T const> all, std::span<T> values, std::size_t root, char const* name = "") {
    state_->run(equal_scattering(all, values, root, name));
  }
  template <communicable T, class Compilation = compilation>
  [[nodiscard]] pending start_scatter(std::span<T const> all, std::span<T> values, std::size_t root,
                                      char const* name = "") {
    return start(equal_scattering(all, values, root, name));
  }
  /// Rank r gets counts[r] elements; `all` and `counts` are ignored on other ranks than the root.
  template <communicable T, class Compilation = compilation>
  void scatter_v(std::span<T const> all, rank_counts counts, std::span<T> values, std::size_t root,
                 char const* name = "") {
    check_rank("scatter_v", root);
    state_->run(scattering(collective_kind::scatter_v, all, counts, values, me(), root, name));
  }
  template <communicable T, class Compilation = compilation>
  [[nodiscard]] pending start_scatter_v(std::span<T const> all, rank_counts counts, std::span<T> values,
                                        std::size_t root, char const* name = "") {
    check_rank("scatter_v", root);
    return start(scattering(collective_kind::scatter_v, all, counts, values, me(), root, name));
  }

  // all_to_all: part r of each rank's values goes to rank r, where those of all ranks lie one after another.

  /// Parts along axis 0. Throws shape_error when extent(0) / size() is not a whole number.
  template <communicable T, std::size_t Rank, class Compilation = compilation>
  [[nodiscard]] array<T, Rank> all_to_all(array<T, Rank> const& values, char const* name = "") {
    static_assert(Rank > 0, "all_to_all: an array of rank 0 has no axis to be cut along");
    check_device(values);
    static_cast<void>(share_of("all_to_all", values.extent(0)));
    array<T, Rank> received(device(), values.shape());
    all_to_all(values_of(values), room_of(received), name);
    return received;
  }
  /// Both have the same size, a multiple of size(), and do not overlap.
  template <communicable T, class Compilation = compilation>
  void all_to_all(std::span<T const> values, std::span<T> received, char const* name = "") {
    state_->run(equal_exchange(values, received, name));
  }
  template <communicable T, class Compilation = compilation>
  [[nodiscard]] pending start_all_to_all(std::span<T const> values, std::span<T> received, char const* name = "") {
    return start(equal_exchange(values, received, name));
  }
  /// counts[r] of the values are for rank r; received_counts[r] are rank r's for this rank.
  template <communicable T, class Compilation = compilation>
  void all_to_all_v(std::span<T const> values, rank_counts counts, std::span<T> received, rank_counts received_counts,
                    char const* name = "") {
    state_->run(exchanging(collective_kind::all_to_all_v, values, counts, received, received_counts, me(), name));
  }
  template <communicable T, class Compilation = compilation>
  [[nodiscard]] pending start_all_to_all_v(std::span<T const> values, rank_counts counts, std::span<T> received,
                                           rank_counts received_counts, char const* name = "") {
    return start(exchanging(collective_kind::all_to_all_v, values, counts, received, received_counts, me(), name));
  }
  /// As all_to_all_v, for what lies in places of its own instead of one after another.
  template <communicable T, class Compilation = compilation>
  void exchange(std::shared_ptr<transfer_blocks const> blocks, char const* name = "") {
    state_->run(exchanging_blocks<T>(std::move(blocks), name));
  }
  template <communicable T, class Compilation = compilation>
  [[nodiscard]] pending start_exchange(std::shared_ptr<transfer_blocks const> blocks, char const* name = "") {
    return start(exchanging_blocks<T>(std::move(blocks), name));
  }
  /// Ranks do not know beforehand what they get: returns it, and how much of it is whose.
  template <communicable T, class Compilation = compilation>
  [[nodiscard]] std::pair<std::vector<T>, std::vector<std::size_t>> all_to_all_v(std::span<T const> values,
                                                                                 rank_counts counts,
                                                                                 char const* name = "") {
    std::vector<std::size_t> theirs(size());
    check_counts(collective_kind::all_to_all_v, counts, me());
    all_to_all(counts, std::span<std::size_t>(theirs), "counts of all_to_all_v");
    std::vector<T> received(total_of(theirs));
    all_to_all_v(values, counts, std::span<T>(received), rank_counts(theirs), name);
    return {std::move(received), std::move(theirs)};
  }

  /// Returns when every rank has called it.
  void barrier() { state_->run({}); }

  /// A communicator among the ranks that gave the same color, in their order here.
  [[nodiscard]] communicator split(std::int64_t color) { return communicator(state_->split(color)); }

  /// Sends the values to rank `peer`, which receives them with the same tag (at least 0) and count. May wait for it.
  template <class T, std::size_t N, class Compilation = compilation>
  requires communicable<std::remove_const_t<T>>
  void send(std::span<T, N> values, std::size_t peer, int tag = 0) {
    check_message("send", peer, tag);
    state_->send(values.data(), values.size_bytes(), peer, tag);
  }
  template <communicable T, std::size_t N, class Compilation = compilation>
  void receive(std::span<T, N> values, std::size_t peer, int tag = 0) {
    check_message("receive", peer, tag);
    state_->receive(values.data(), values.size_bytes(), peer, tag);
  }

 private:
  explicit communicator(std::shared_ptr<communicator_state> state) : state_(std::move(state)) {}

  pending start(collective_call const& call, counted_pointer<storage> kept = nullptr) {
    return pending(state_, state_->start(call), std::move(kept));
  }
  rank_of me() const { return {rank(), size()}; }

  template <class T, std::size_t Rank>
  static std::span<T const> values_of(array<T, Rank> const& values) {
    return {values.data(), static_cast<std::size_t>(values.size())};
  }
  template <class T, std::size_t Rank>
  static std::span<T> room_of(array<T, Rank>& values) {
    return {values.data(), static_cast<std::size_t>(values.size())};
  }

  template <class T, class Op>
  collective_call scattered_reduction(std::span<T const> values, std::span<T> part, Op const& op, char const* name) {
    check_room(collective_kind::reduce_scatter, part.size() * size(), values.size(), "all ranks' parts together");
    return reducing(collective_kind::reduce_scatter, values.data(), part.data(), part.size(), op, 0, name);
  }
  template <class T>
  collective_call equal_gathering(std::span<T const> values, std::span<T> all, std::size_t root, char const* name) {
    check_rank("gather", root);
    std::vector<std::size_t> const counts(size(), values.size());
    return gathering(collective_kind::gather, values, all, counts, me(), root, name);
  }
  template <class T>
  collective_call equal_scattering(std::span<T const> all, std::span<T> values, std::size_t root, char const* name) {
    check_rank("scatter", root);
    std::vector<std::size_t> const counts(size(), values.size());
    return scattering(collective_kind::scatter, all, counts, values, me(), root, name);
  }
  template <class T>
  collective_call equal_exchange(std::span<T const> values, std::span<T> received, char const* name) {
    std::vector<std::size_t> const counts(
        size(), static_cast<std::size_t>(share_of("all_to_all", static_cast<index>(values.size()))));
    return exchanging(collective_kind::all_to_all, values, counts, received, counts, me(), name);
  }

  /// How many elements each rank has, and the shape of all of them along axis 0.
  template <class T, std::size_t Rank>
  std::pair<std::vector<std::size_t>, shape<Rank>> all_counts(array<T, Rank> const& values) {
    shape<Rank> extents = values.shape();
    std::vector<index> rows(size());
    all_gather(std::span<index const>(&extents[0], 1), std::span<index>(rows), "extents along axis 0");
    index others = 1;
    for (std::size_t axis = 1; axis < Rank; ++axis) others *= extents[axis];
    std::vector<std::size_t> counts;
    extents[0] = 0;
    for (index each : rows) {
      counts.push_back(static_cast<std::size_t>(each * others));
      extents[0] += each;
    }
    return {std::move(counts), extents};
  }

  template <class T, std::size_t Rank>
  void check_device(array<T, Rank> const& values) const {
    if (values.device().is_cpu() != device().is_cpu() || (device().is_gpu() && values.device() != device()))
      throw device_error(
          text_of({"communicator: found an array on ", values.device().name(), ", expected one on this rank's ",
                   device().name(), "; move it with .to(comm.device())"}));
  }
  void check_rank(char const* what, std::size_t other) const {
    if (other >= size())
      throw communication_error(text_of({what, ": found rank ", other, ", expected less than ", size()}));
  }
  void check_message(char const* what, std::size_t peer, int tag) const {
    check_rank(what, peer);
    if (tag < 0) throw communication_error(text_of({what, ": found tag ", tag, ", expected at least 0"}));
  }
  index share_of(char const* what, index extent) const {
    auto const ranks = static_cast<index>(size());
    if (extent % ranks != 0)
      throw shape_error(text_of({what, ": found ", extent, " elements along axis 0, expected a multiple of the ", ranks,
                                 " ranks; pad the array"}));
    return extent / ranks;
  }

  std::shared_ptr<communicator_state> state_;
};

}  // namespace lockstep
