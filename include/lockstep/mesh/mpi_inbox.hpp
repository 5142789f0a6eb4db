// mpi_inbox: messages that come. Everything is taken in as it comes, without ever waiting for the process that sends:
// it may have been stopped within a message.
#pragma once

#include <algorithm>
#include <cstring>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mpi_message.hpp"

namespace lockstep {

/// For one thread at a time.
template <class Compilation>
class mpi_inbox {
 public:
  /// A message that has come, or is coming.
  class letter {
   public:
    mpi_envelope head = {};

    /// To memory of head.bytes, when it has come whole: on `device`, if that is not null.
    void copy_to(void* to, message_memory* device = nullptr) const {
      auto* out = static_cast<unsigned char*>(to);
      for (piece const& each : pieces_) {
        message_memory* const copies = device ? device : each.bytes.device();
        if (each.size != 0 && copies)
          copies->copy(out, each.begin, each.size);
        else if (each.size != 0)
          std::memcpy(out, each.begin, each.size);
        out += each.size;
      }
    }
    std::string text() const {
      std::string all(head.bytes, ' ');
      copy_to(all.data());
      return all;
    }

   private:
    friend mpi_inbox;
    struct piece {
      mpi_buffer bytes;
      unsigned char const* begin;
      std::size_t size;
      MPI_Request request;
    };
    int process_ = 0, stream_ = 0;
    bool opened_ = false;      // head is there
    bool unwanted_ = false;    // its run is over, or it has been abandoned
    std::size_t matched_ = 0;  // bytes that have come or are coming
    std::size_t landed_ = 0;   // pieces before this one have come
    std::size_t read_ = 0;     // pieces before this one have been read
    std::vector<piece> pieces_;
    typename std::list<letter>::iterator self_;
  };
  /// Bytes of a message that have come.
  struct segment {
    unsigned char const* begin = nullptr;
    std::size_t size = 0;
  };

  explicit mpi_inbox(MPI_Comm processes) : comm_(processes) {}

  /// Takes in what has come, at most `most` messages. Calls news(letter const&) for what is not data, returning false
  /// for "later".
  template <class News>
  void advance(News const& news, std::size_t most) {
    for (std::size_t i = 0; i < most; ++i) {
      int found = 0;
      MPI_Message message;
      MPI_Status status;
      mpi_library::check(MPI_Improbe(MPI_ANY_SOURCE, MPI_ANY_TAG, comm_, &found, &message, &status), "MPI_Improbe");
      if (!found) break;
      accept(message, status);
    }
    if (!arriving_.empty()) open_arrivals(news);
    if (!unwanted_.empty()) unwanted_.remove_if([&](letter& l) { return (l.unwanted_ || whole(l)) && landed(l); });
  }

  /// Where pieces go that come from memory of devices: null for the host.
  void receive_on(std::shared_ptr<message_memory> device) { device_ = std::move(device); }
  /// Keeps no memory of devices.
  void leave_devices() {
    device_ = nullptr;
    buffers_.leave_devices();
  }

  /// A message within this process. `device` is where the data lie, if not in the host's memory.
  void put(mpi_envelope const& head, void const* data, message_memory* device = nullptr) {
    letter& l = add(letters_);
    l.head = head;
    l.opened_ = true;
    l.matched_ = head.bytes;
    if (head.bytes == 0) return;
    mpi_buffer copy = buffers_.take(head.bytes);
    if (device)
      device->copy(copy.get(), data, head.bytes);
    else
      std::memcpy(copy.get(), data, head.bytes);
    unsigned char const* const begin = copy.get();
    l.pieces_.push_back({std::move(copy), begin, head.bytes, MPI_REQUEST_NULL});
  }

  /// The oldest message that is `same(head)`, once it has come whole; null before. `recycle` must follow.
  template <class Same>
  letter* take(Same const& same) {
    letter* const found = find(same);
    return found && whole(*found) ? taken(*found) : nullptr;
  }
  /// The same as soon as its head has come: pieces of it can be read as they come.
  template <class Same>
  letter* take_head(Same const& same) {
    letter* const found = find(same);
    return found ? taken(*found) : nullptr;
  }
  /// The next bytes of a message that has been taken, none before they have come. `drop_segment` must follow.
  segment next_segment(letter& l) {
    landed(l);
    while (l.read_ < l.landed_ && l.pieces_[l.read_].size == 0) drop_segment(l);
    if (l.read_ == l.landed_) return {};
    return {l.pieces_[l.read_].begin, l.pieces_[l.read_].size};
  }
  void drop_segment(letter& l) { buffers_.give(std::move(l.pieces_[l.read_++].bytes)); }

  /// A message that has been taken is no longer needed. Its memory may serve the next ones.
  void recycle(letter& used) {
    if (!whole(used)) return unwanted_.splice(unwanted_.end(), taken_, used.self_);
    for (auto& each : used.pieces_) buffers_.give(std::move(each.bytes));
    used.pieces_.clear();
    idle_.splice(idle_.end(), taken_, used.self_);
  }

  /// Pieces of long messages that have come from any process so far.
  std::uint64_t pieces() const { return piece_count_; }

  /// Whether something from rank `source` of run `run` has not come whole.
  bool still_coming(std::uint64_t run, std::uint32_t source) {
    auto const coming = [&](letter& each) {
      return each.head.run == run && each.head.source == source && !whole(each);
    };
    return std::any_of(letters_.begin(), letters_.end(), coming) || std::any_of(taken_.begin(), taken_.end(), coming);
  }

  /// The rest of a message will never come.
  void drop_stream(int process, std::uint64_t stream) {
    auto const at = open_.find({process, static_cast<int>(stream)});
    if (at == open_.end()) return;
    letter* const l = at->second;
    open_.erase(at);
    l->unwanted_ = true;
    move_unwanted([&](letter const& each) { return &each == l; });
  }
  void forget_before(std::uint64_t run) {
    move_unwanted([&](letter const& each) { return each.head.run < run; });
  }

 private:
  void accept(MPI_Message& message, MPI_Status const& status) {
    int bytes = 0;
    MPI_Get_count(&status, MPI_BYTE, &bytes);
    std::pair<int, int> const key{status.MPI_SOURCE, status.MPI_TAG};
    auto const open = key.second == 0 ? open_.end() : open_.find(key);
    if (open != open_.end()) {
      letter& l = *open->second;
      bool const on_device = static_cast<std::uint32_t>(key.second) >= first_device_stream;
      receive(l, message, on_device ? device_ : nullptr, static_cast<std::size_t>(bytes));
      l.matched_ += static_cast<std::size_t>(bytes);
      ++piece_count_;
      close_when_matched(l);
      return;
    }
    letter& l = add(arriving_);
    l.process_ = key.first;
    l.stream_ = key.second;
    if (l.stream_ != 0) open_[key] = &l;
    receive(l, message, nullptr, static_cast<std::size_t>(bytes));
  }
  void receive(letter& l, MPI_Message& message, std::shared_ptr<message_memory> const& device, std::size_t size) {
    mpi_buffer bytes = buffers_.take(size, device);
    unsigned char* const begin = bytes.get();
    l.pieces_.push_back({std::move(bytes), begin, size, MPI_REQUEST_NULL});
    mpi_library::check(MPI_Imrecv(begin, static_cast<int>(size), MPI_BYTE, &message, &l.pieces_.back().request),
                       "MPI_Imrecv");
  }
  /// Its stream is free for another message.
  void close_when_matched(letter const& l) {
    if (l.opened_ && l.stream_ != 0 && l.matched_ == l.head.bytes) open_.erase({l.process_, l.stream_});
  }

  bool landed(letter& l) {
    while (l.landed_ < l.pieces_.size() && mpi_done(l.pieces_[l.landed_].request)) ++l.landed_;
    return l.landed_ == l.pieces_.size();
  }
  bool whole(letter& l) { return l.opened_ && l.matched_ == l.head.bytes && landed(l); }

  /// In the order in which they came from each process.
  template <class News>
  void open_arrivals(News const& news) {
    std::vector<int> waiting;  // processes whose next message is still coming
    for (auto at = arriving_.begin(); at != arriving_.end();) {
      auto const next = std::next(at);
      bool const early = std::find(waiting.begin(), waiting.end(), at->process_) != waiting.end();
      if (early || !(at->opened_ || open(*at)))
        waiting.push_back(at->process_);
      else if (at->head.what == mpi_message::data)
        letters_.splice(letters_.end(), arriving_, at);
      else if (news(*at))
        arriving_.erase(at);
      at = next;
    }
  }
  bool open(letter& l) {
    auto& first = l.pieces_.front();
    if (l.landed_ == 0 && !mpi_done(first.request)) return false;
    std::memcpy(&l.head, first.begin, sizeof l.head);
    first.begin += sizeof l.head;
    first.size -= sizeof l.head;
    l.landed_ = std::max<std::size_t>(l.landed_, 1);
    l.matched_ += first.size;
    l.opened_ = true;
    close_when_matched(l);
    return true;
  }

  /// A new message at the end of a list.
  letter& add(std::list<letter>& to) {
    if (idle_.empty()) idle_.emplace_back();
    letter& l = idle_.front();
    auto pieces = std::move(l.pieces_);  // whose memory serves again
    l = letter();
    l.pieces_ = std::move(pieces);
    l.self_ = idle_.begin();
    to.splice(to.end(), idle_, idle_.begin());
    return l;
  }
  template <class Same>
  letter* find(Same const& same) {
    for (letter& each : letters_)
      if (same(each.head)) return &each;
    return nullptr;
  }
  letter* taken(letter& l) {
    taken_.splice(taken_.end(), letters_, l.self_);
    return &l;
  }

  template <class Which>
  void move_unwanted(Which const& which) {
    for (auto at = letters_.begin(); at != letters_.end();) {
      auto const next = std::next(at);
      if (which(*at)) unwanted_.splice(unwanted_.end(), letters_, at);
      at = next;
    }
  }

  MPI_Comm comm_;
  std::list<letter> arriving_;                   // those without a head, and news that must wait
  std::list<letter> letters_;                    // in the order they came
  std::list<letter> taken_;                      // by ranks that read them
  std::list<letter> unwanted_;                   // until MPI is through with them
  std::list<letter> idle_;                       // for the next ones
  std::map<std::pair<int, int>, letter*> open_;  // by process and stream: of which more will come
  mpi_buffers buffers_;
  std::shared_ptr<message_memory> device_;
  std::uint64_t piece_count_ = 0;
};

}  // namespace lockstep
