// mpi_transport: messages between ranks of different processes, and the news that ranks have failed or returned.
//
// Every message begins with an envelope, which names both ranks; matching is done here and not by MPI, so that threads
// of one process can be ranks, messages can come before anybody asks for them, and news reach whoever waits for
// something else. All calls of MPI are non-blocking, under one mutex.
#pragma once

#include <cstdint>
#include <cstring>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "../core/algorithm.hpp"
#include "mpi_library.hpp"

namespace lockstep {

enum class mpi_message : std::uint32_t { data, failure, departure };

/// What stands before the bytes of a message.
struct mpi_envelope {
  mpi_message what;
  std::uint32_t source, target;  ///< ranks in the mesh
  std::int32_t tag;              ///< as in communication_engine
  std::uint32_t stream;          ///< MPI's tag of the bytes that are too many to follow at once
  std::uint32_t reserved;
  std::uint64_t run;     ///< number of the spmd call on this mesh
  std::uint64_t group;   ///< which split
  std::uint64_t number;  ///< of the collective that it belongs to
  std::uint64_t bytes;
  char call[88];  ///< that collective in words
};

template <class Compilation>
class mpi_transport {
 public:
  struct failure {
    bool failed = false;
    std::size_t rank = 0;
    std::string reason;
  };
  /// A message that has come, or is coming.
  struct letter {
    mpi_envelope head;
    std::unique_ptr<unsigned char[]> content;
    std::vector<MPI_Request> missing;
  };
  /// A message on its way out.
  struct sending {
    std::unique_ptr<unsigned char[]> first;
    std::vector<MPI_Request> requests;
  };

  mpi_transport(MPI_Comm processes, std::size_t ranks_per_process)
      : comm_(processes), ranks_per_process_(ranks_per_process) {
    int rank = 0, size = 0;
    MPI_Comm_rank(comm_, &rank);
    MPI_Comm_size(comm_, &size);
    me_ = static_cast<std::size_t>(rank);
    size_ = static_cast<std::size_t>(size);
    buffer_ = std::make_unique<unsigned char[]>(sizeof(mpi_envelope) + inline_bytes);
  }
  mpi_transport(mpi_transport const&) = delete;
  mpi_transport& operator=(mpi_transport const&) = delete;

  std::size_t process() const { return me_; }
  std::size_t processes() const { return size_; }
  std::size_t ranks() const { return size_ * ranks_per_process_; }

  /// Begins to send. The bytes must stay until `sent` says so.
  std::shared_ptr<sending> send(mpi_envelope head, void const* data) {
    std::lock_guard lock(mutex());
    return start(head, static_cast<unsigned char const*>(data), head.target / ranks_per_process_);
  }
  bool sent(sending& s) {
    std::lock_guard lock(mutex());
    advance();
    return done(s.requests);
  }

  /// The oldest message of `run`, `group`, `source`, `target` and `tag` that has come whole; null when it has not.
  std::unique_ptr<letter> take(mpi_envelope const& wanted) {
    std::lock_guard lock(mutex());
    advance();
    for (auto at = letters_.begin(); at != letters_.end(); ++at) {
      if (!same(at->head, wanted)) continue;
      if (!done(at->missing)) return nullptr;
      auto found = std::make_unique<letter>(std::move(*at));
      letters_.erase(at);
      return found;
    }
    return nullptr;
  }

  /// Rank `rank` fails: everybody will know. Only the first failure is kept.
  void fail(std::uint64_t run, std::size_t rank, std::string const& reason) {
    std::lock_guard lock(mutex());
    if (note_failure(run, rank, reason)) tell(run, mpi_message::failure, rank, reason);
  }
  failure failed(std::uint64_t run) {
    std::lock_guard lock(mutex());
    advance();
    return runs_[run].first;
  }
  void leave(std::uint64_t run, std::size_t rank) {
    std::lock_guard lock(mutex());
    left_at(run)[rank] = true;
    tell(run, mpi_message::departure, rank, "");
  }
  bool has_left(std::uint64_t run, std::size_t rank) {
    std::lock_guard lock(mutex());
    advance();
    return left_at(run)[rank];
  }
  /// Forgets runs and messages before `run`.
  void forget_before(std::uint64_t run) {
    std::lock_guard lock(mutex());
    runs_.erase(runs_.begin(), runs_.lower_bound(run));
    letters_.remove_if([&](letter& l) { return l.head.run < run && done(l.missing); });
  }

 private:
  /// Up to so many bytes travel with the envelope.
  static constexpr std::size_t inline_bytes = std::size_t{1} << 14;
  /// MPI counts in int.
  static constexpr std::size_t piece_bytes = std::size_t{1} << 28;
  static constexpr int envelope_tag = 0;
  static constexpr std::uint32_t streams = 32000;  // every MPI has tags up to 32767

  struct run_state {
    failure first;
    std::vector<bool> left;
  };

  std::mutex& mutex() { return mpi_library::get().calls(); }
  std::vector<bool>& left_at(std::uint64_t run) {
    auto& left = runs_[run].left;
    left.resize(ranks());
    return left;
  }
  static bool same(mpi_envelope const& a, mpi_envelope const& b) {
    return a.run == b.run && a.group == b.group && a.source == b.source && a.target == b.target && a.tag == b.tag;
  }
  static bool done(std::vector<MPI_Request>& requests) {
    int all = 1;
    if (!requests.empty())
      mpi_library::check(MPI_Testall(static_cast<int>(requests.size()), requests.data(), &all, MPI_STATUSES_IGNORE),
                         "MPI_Testall");
    if (all) requests.clear();
    return all != 0;
  }

  std::shared_ptr<sending> start(mpi_envelope head, unsigned char const* data, std::size_t process) {
    auto s = std::make_shared<sending>();
    std::size_t const now = head.bytes <= inline_bytes ? head.bytes : 0;
    head.stream = 1 + stream_++ % streams;
    s->first = std::make_unique<unsigned char[]>(sizeof head + now);
    std::memcpy(s->first.get(), &head, sizeof head);
    if (now) std::memcpy(s->first.get() + sizeof head, data, now);
    post_send(*s, s->first.get(), sizeof head + now, process, envelope_tag);
    for (std::size_t at = now; at < head.bytes; at += piece_bytes)
      post_send(*s, data + at, std::min(piece_bytes, head.bytes - at), process, static_cast<int>(head.stream));
    if (now == head.bytes) small_.push_back(s);
    return s;
  }
  void post_send(sending& s, void const* data, std::size_t bytes, std::size_t process, int tag) {
    s.requests.emplace_back();
    mpi_library::check(
        MPI_Isend(data, static_cast<int>(bytes), MPI_BYTE, static_cast<int>(process), tag, comm_, &s.requests.back()),
        "MPI_Isend");
  }

  /// Takes in what has come, and lets go of what has gone.
  void advance() {
    for (;;) {
      int found = 0;
      MPI_Message message;
      MPI_Status status;
      mpi_library::check(MPI_Improbe(MPI_ANY_SOURCE, envelope_tag, comm_, &found, &message, &status), "MPI_Improbe");
      if (!found) break;
      accept(message, status);
    }
    small_.remove_if([](auto& s) { return done(s->requests); });
  }

  void accept(MPI_Message& message, MPI_Status& status) {
    int bytes = 0;
    MPI_Get_count(&status, MPI_BYTE, &bytes);
    mpi_library::check(MPI_Mrecv(buffer_.get(), bytes, MPI_BYTE, &message, MPI_STATUS_IGNORE), "MPI_Mrecv");
    letter l;
    std::memcpy(&l.head, buffer_.get(), sizeof l.head);
    auto const* const content = buffer_.get() + sizeof l.head;
    std::size_t const now = static_cast<std::size_t>(bytes) - sizeof l.head;
    if (l.head.what == mpi_message::departure) {
      left_at(l.head.run)[l.head.source] = true;
    } else if (l.head.what == mpi_message::failure) {
      note_failure(l.head.run, l.head.source, std::string(reinterpret_cast<char const*>(content), now));
    } else {
      l.content = std::make_unique_for_overwrite<unsigned char[]>(l.head.bytes);
      std::memcpy(l.content.get(), content, now);
      for (std::size_t at = now; at < l.head.bytes; at += piece_bytes) {
        l.missing.emplace_back();
        mpi_library::check(
            MPI_Irecv(l.content.get() + at, static_cast<int>(std::min(piece_bytes, l.head.bytes - at)), MPI_BYTE,
                      status.MPI_SOURCE, static_cast<int>(l.head.stream), comm_, &l.missing.back()),
            "MPI_Irecv");
      }
      letters_.push_back(std::move(l));
    }
  }

  bool note_failure(std::uint64_t run, std::size_t rank, std::string const& reason) {
    failure& first = runs_[run].first;
    if (first.failed) return false;
    first = {true, rank, reason};
    return true;
  }
  void tell(std::uint64_t run, mpi_message what, std::size_t rank, std::string const& text) {
    mpi_envelope head = {};
    head.what = what;
    head.source = static_cast<std::uint32_t>(rank);
    head.run = run;
    head.bytes = std::min(text.size(), inline_bytes);
    for (std::size_t p = 0; p < size_; ++p)
      if (p != me_) start(head, reinterpret_cast<unsigned char const*>(text.data()), p);
  }

  MPI_Comm comm_;
  std::size_t ranks_per_process_, me_ = 0, size_ = 0;
  std::unique_ptr<unsigned char[]> buffer_;  // of the envelope that is being read
  std::list<letter> letters_;                // in the order they came
  std::list<std::shared_ptr<sending>> small_;
  std::map<std::uint64_t, run_state> runs_;
  std::uint32_t stream_ = 0;
};

}  // namespace lockstep
