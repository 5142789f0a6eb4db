// One sort by several devices of a process, each of which has a part of the keys: all parts are split by the same keys
// while they are copied, and every thread sorts one bucket of what all parts come to.
#pragma once

#include <vector>

#include "merge_sort.hpp"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cpu {

/// Keys in sorts that devices share are those that vectors sort.
template <class T, class Order>
inline constexpr bool sorts_shared = natural_order<T, Order> && sizeof(T) >= 4;

/// What the others see of a device: its keys once they are split, and its buckets once they are sorted. A device has a
/// chunk of its keys and a bucket for each of its threads.
template <class K>
struct shared_sort_part {
  /// `size` keys are there now, and in the end.
  shared_sort_part(device const& where, index size)
      : size(size),
        threads(static_cast<index>(where.threads())),
        room_each(size / threads + size / threads / 4 + 1024),
        room(where, threads * room_each),
        filled(static_cast<std::size_t>(threads)),
        nans(filled.size()) {}

  index chunk_begin(index chunk) const { return size * chunk / threads; }
  index chunk_size(index chunk) const { return chunk_begin(chunk + 1) - chunk_begin(chunk); }
  K* bucket(index own) { return room.data() + own * room_each; }

  index size, threads;
  bool same = true;         ///< that keys are equal says that values are
  std::vector<K> sample;    ///< encoded
  K* split = nullptr;       ///< the keys, encoded, chunk by chunk
  std::vector<index> cuts;  ///< of each chunk, where each bucket begins in `split`, and the end of the last
  index room_each;
  scratch<K> room;
  std::vector<index> filled, nans;  ///< of each bucket: keys, and how many at its beginning are NaNs
};

/// The work of one device.
template <class T, class Codec>
class shared_sorter {
  using K = typename Codec::key;
  using part = shared_sort_part<K>;
  using plain = plain_codec<K>;

 public:
  /// A sample of the device's keys, for all to choose from.
  static void take_sample(T const* values, part& mine) {
    auto const* const keys = seen_as<K const>(values);
    index const count = mine.threads * std::min<index>(1024, 64 + mine.size / mine.threads / 512);
    std::uint64_t const step = static_cast<std::uint64_t>(mine.size / count);
    mine.sample.resize(static_cast<std::size_t>(count));
    for (std::uint64_t i = 0; i < mine.sample.size(); ++i)  // somewhere within its step: keys may have periods
      mine.sample[i] = Codec::encode(keys[i * step + (i * 2654435761u >> 8) % step]);
  }

  /// Of all devices in order, which have taken their samples.
  shared_sorter(device const& where, std::vector<part*> const& parts, std::size_t rank)
      : where_(where), parts_(parts), mine_(*parts[rank]) {
    for (std::size_t r = 0; r < parts.size(); ++r) {
      if (r == rank) first_own_ = buckets();
      for (index b = 0; b < parts[r]->threads; ++b) owners_.push_back({r, b});
      total_ += parts[r]->size;
    }
    choose_pivots();
  }
  /// Whether there is enough for every thread.
  bool worthwhile() const { return total_ / buckets() >= 4096; }

  /// Copies the keys to `to`, and splits each chunk.
  void split(T const* values, T* to) {
    auto const* const keys = seen_as<K const>(values);
    mine_.split = seen_as<K>(to);
    mine_.cuts.resize(static_cast<std::size_t>(mine_.threads * (buckets() + 1)));
    run_tasks(where_, mine_.threads, [&](index chunk) {
      index const begin = mine_.chunk_begin(chunk), size = mine_.chunk_size(chunk), middle = buckets() / 2;
      auto* const cuts = &mine_.cuts[static_cast<std::size_t>(chunk * (buckets() + 1))];
      typename splitter<Codec>::copier copier(mine_.split + begin, size, first_of(middle));
      copier.take_odd(keys + begin, size);
      copier.take_whole(keys + begin, size);
      cuts[0] = begin, cuts[middle] = copier.middle() - mine_.split, cuts[buckets()] = begin + size;
      split_more(cuts, 0, middle);
      split_more(cuts, middle, buckets());
    });
  }

  /// When all have split: whether every bucket has room. All devices find the same.
  bool fits() {
    starts_.assign(1, 0);
    bool good = true;
    for (index b = 0; b < buckets(); ++b) {
      starts_.push_back(starts_.back() + size_of(b));
      good = good && size_of(b) <= owner(b).room_each;
    }
    return good;
  }

  /// Brings each bucket together from all chunks, and sorts it.
  void sort_buckets() {
    run_tasks(where_, mine_.threads, [&](index own) {
      index const b = first_own_ + own, size = size_of(b);
      K* const keys = mine_.bucket(own);
      K const lowest = b == 0 ? std::numeric_limits<K>::min() : first_of(b), middle = middle_of(b);
      typename splitter<plain>::copier copier(keys, size, middle);
      each_piece(b, [&](K const* from, index count) { copier.take_odd(from, count); });
      each_piece(b, [&](K const* from, index count) { copier.take_whole(from, count); });
      index const below = copier.middle() - keys;
      if (below > 0) vector_sorter<Codec>::sort_encoded(keys, below, lowest);
      if (below < size) vector_sorter<Codec>::sort_encoded(keys + below, size - below, std::max(lowest, middle));
      mine_.filled[static_cast<std::size_t>(own)] = size;
      mine_.nans[static_cast<std::size_t>(own)] = nans_at_front(keys, size);
    });
  }

  /// When all have sorted: the device's part of the result, over the split keys.
  void collect() {
    index begin = 0;
    for (part const* each : parts_) {
      if (each == &mine_) break;
      begin += each->size;
    }
    index const shift = leading_nans();  // which belong at the end
    run_tasks(where_, mine_.threads, [&](index chunk) {
      index at = mine_.chunk_begin(chunk), left = mine_.chunk_size(chunk);
      while (left > 0) {
        index const place = (begin + at + shift) % total_;
        auto const b =
            static_cast<index>(std::upper_bound(starts_.begin(), starts_.end(), place) - starts_.begin()) - 1;
        index const within = place - starts_[static_cast<std::size_t>(b)], count = std::min(left, size_of(b) - within);
        copy_values(mine_.split + at, owner(b).bucket(owners_[static_cast<std::size_t>(b)].bucket) + within, count);
        at += count, left -= count;
      }
    });
  }

 private:
  struct owned_bucket {
    std::size_t rank;
    index bucket;
  };

  index buckets() const { return static_cast<index>(owners_.size()); }
  part& owner(index b) const { return *parts_[owners_[static_cast<std::size_t>(b)].rank]; }
  K first_of(index b) const { return pivots_[static_cast<std::size_t>(2 * b)]; }
  K middle_of(index b) const { return pivots_[static_cast<std::size_t>(2 * b + 1)]; }

  /// Where the sample says that buckets begin, and their middles.
  void choose_pivots() {
    std::vector<K> all;
    for (part const* each : parts_) all.insert(all.end(), each->sample.begin(), each->sample.end());
    vector_sorter<plain>::sort(all.data(), static_cast<index>(all.size()));
    double const scale = static_cast<double>(all.size()) / static_cast<double>(total_);
    auto const key_at = [&](double place) {
      return all[std::min(all.size() - 1, static_cast<std::size_t>(place * scale))];
    };
    index begin = 0;
    for (part const* each : parts_) {
      for (index b = 0; b < 2 * each->threads; ++b)
        pivots_.push_back(key_at(static_cast<double>(begin) + static_cast<double>(each->size) * static_cast<double>(b) /
                                                                  static_cast<double>(2 * each->threads)));
      begin += each->size;
    }
  }

  /// Of buckets [first, last) of a chunk it is known where the first begins and the last ends.
  void split_more(index* cuts, index first, index last) {
    if (last - first < 2) return;
    index const middle = (first + last) / 2, begin = cuts[first], size = cuts[last] - begin;
    K* const keys = mine_.split + begin;
    K const pivot = first_of(middle);
    if (size < splitter<plain>::fewest)
      cuts[middle] = std::partition(keys, keys + size, [=](K k) { return k < pivot; }) - mine_.split;
    else
      cuts[middle] = begin + splitter<plain>::split(keys, size, pivot);
    split_more(cuts, first, middle);
    split_more(cuts, middle, last);
  }

  template <class F>
  void each_piece(index b, F const& f) const {
    for (part const* each : parts_)
      for (index chunk = 0; chunk < each->threads; ++chunk) {
        auto const* const cuts = &each->cuts[static_cast<std::size_t>(chunk * (buckets() + 1) + b)];
        f(each->split + cuts[0], cuts[1] - cuts[0]);
      }
  }
  index size_of(index b) const {
    index size = 0;
    each_piece(b, [&](K const*, index count) { size += count; });
    return size;
  }

  static index nans_at_front(K const* keys, index size) {
    index count = 0;
    if constexpr (std::is_floating_point_v<T>)
      for (; count < size; ++count) {
        T value;
        std::memcpy(&value, keys + count, sizeof(T));
        if (value == value) break;
      }
    return count;
  }
  /// How many keys before the first number are NaNs: keys order all bit patterns.
  index leading_nans() const {
    index count = 0;
    for (part const* each : parts_)
      for (std::size_t b = 0; b < each->nans.size(); ++b) {
        count += each->nans[b];
        if (each->nans[b] < each->filled[b]) return count;
      }
    return 0;
  }

  device const& where_;
  std::vector<part*> parts_;
  part& mine_;
  std::vector<owned_bucket> owners_;  // of all buckets in order
  index first_own_ = 0, total_ = 0;
  std::vector<K> pivots_;      // the first key of each bucket, and its middle
  std::vector<index> starts_;  // of buckets in the result, but for NaNs
};

}  // namespace cpu
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
