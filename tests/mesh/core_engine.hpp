// An engine that offers the required core and nothing else, and whose sends wait for their receives, so that any circle
// of waiting ranks shows.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <thread>

#include "reference.hpp"

namespace mesh_test {
inline namespace LOCKSTEP_COMPILER {

namespace ls = lockstep;

/// What the ranks of a core_engine share.
class hub {
 public:
  explicit hub(std::size_t ranks, std::chrono::milliseconds patience = std::chrono::seconds(60))
      : ranks(ranks), patience_(patience) {}

  void send(std::size_t from, std::size_t to, int tag, void const* data, std::size_t bytes) {
    std::unique_lock lock(mutex_);
    ++between_[{from, to}];
    message mine{data, bytes};
    auto& queue = waiting_[{from, to, tag}];
    queue.push_back(&mine);
    changed_.notify_all();
    try {
      wait(lock, [&] { return mine.taken; });
    } catch (...) {
      std::erase(queue, &mine);  // nobody must find what goes away with this call
      throw;
    }
  }
  void receive(std::size_t from, std::size_t to, int tag, void* data, std::size_t bytes) {
    std::unique_lock lock(mutex_);
    auto& queue = waiting_[{from, to, tag}];
    wait(lock, [&] { return !queue.empty(); });
    message& next = *queue.front();
    if (next.bytes != bytes) throw ls::communication_error("core_engine: a message of another size");
    std::memcpy(data, next.data, bytes);
    next.taken = true;
    queue.pop_front();
    changed_.notify_all();
  }
  void barrier() {
    std::unique_lock lock(mutex_);
    std::size_t const round = arrived_++ / ranks;
    changed_.notify_all();
    wait(lock, [&] { return arrived_ / ranks > round; });
  }
  std::shared_ptr<hub> part(std::int64_t color, std::size_t size) {
    std::lock_guard lock(mutex_);
    auto& found = parts_[color];
    if (!found) found = std::make_shared<hub>(size);
    return found;
  }

  /// Messages from rank `from` to rank `to` so far.
  std::size_t sent(std::size_t from, std::size_t to) {
    std::lock_guard lock(mutex_);
    return between_[{from, to}];
  }

  std::size_t const ranks;

 private:
  struct message {
    void const* data;
    std::size_t bytes;
    bool taken = false;
  };
  template <class Ready>
  void wait(std::unique_lock<std::mutex>& lock, Ready const& ready) {
    if (!changed_.wait_for(lock, patience_, ready)) throw ls::communication_error("core_engine: waited too long");
  }

  std::chrono::milliseconds const patience_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::tuple<std::size_t, std::size_t, int>, std::deque<message*>> waiting_;
  std::map<std::int64_t, std::shared_ptr<hub>> parts_;
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> between_;
  std::size_t arrived_ = 0;
};

class core_engine {
 public:
  core_engine(std::shared_ptr<hub> h, std::size_t rank) : hub_(std::move(h)), rank_(rank) {}
  std::size_t rank() const { return rank_; }
  std::size_t size() const { return hub_->ranks; }
  void send(void const* from, std::size_t bytes, std::size_t peer, int tag) {
    hub_->send(rank_, peer, tag, from, bytes);
  }
  void receive(void* to, std::size_t bytes, std::size_t peer, int tag) { hub_->receive(peer, rank_, tag, to, bytes); }
  void barrier() { hub_->barrier(); }
  core_engine split(std::int64_t color) {
    std::vector<std::int64_t> colors(size());
    ls::traffic ignored;
    ls::composed::all_gather(ls::composed::link<core_engine>{*this, ignored}, &color, colors.data(), sizeof color);
    std::size_t members = 0, mine = 0;
    for (std::size_t r = 0; r < size(); ++r) {
      if (r == rank_) mine = members;
      members += colors[r] == color;
    }
    return core_engine(hub_->part(color, members), mine);
  }

 private:
  std::shared_ptr<hub> hub_;
  std::size_t rank_;
};
template <class Engine, class F>
std::shared_ptr<hub> on_engines(std::size_t ranks, F const& f) {
  auto const shared = std::make_shared<hub>(ranks);
  std::vector<std::exception_ptr> thrown(ranks);
  std::vector<std::thread> threads;
  for (std::size_t rank = 0; rank < ranks; ++rank)
    threads.emplace_back([&, rank] {
      try {
        ls::communicator comm(Engine(shared, rank), ls::device::cpu(1));
        f(comm);
      } catch (...) {
        thrown[rank] = std::current_exception();
      }
    });
  for (auto& thread : threads) thread.join();
  for (auto const& each : thrown)
    if (each) std::rethrow_exception(each);
  return shared;
}

/// What all ranks together sent for f.
template <class Engine, class F>
ls::traffic sent_by(std::size_t ranks, F const& f) {
  std::mutex mutex;
  ls::traffic total;
  on_engines<Engine>(ranks, [&](ls::communicator& comm) {
    f(comm);
    std::lock_guard lock(mutex);
    total += {comm.statistics().messages, comm.statistics().bytes};
  });
  return total;
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace mesh_test
