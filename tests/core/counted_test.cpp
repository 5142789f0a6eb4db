// counted: objects are deleted once, when their last owner is gone, whatever threads own and keep them.
#include <doctest/doctest.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <lockstep/core/counted.hpp>
#include <mutex>
#include <thread>
#include <vector>

namespace ls = lockstep;

namespace {

struct object final : ls::counted {
  std::atomic<int>& alive;
  object(std::atomic<int>& count, bool lingers) : alive(count) {
    ++alive;
    may_linger = lingers;
  }
  ~object() override { --alive; }
};
using owner = ls::counted_pointer<object>;
using frequent_owner = ls::counted_pointer<object, true>;

/// Another thread that does as it is told, and until it ends keeps this one from being alone.
class other_thread {
 public:
  ~other_thread() { end(); }
  template <class F>
  void run(F work) {
    std::unique_lock lock(mutex_);
    task_ = work;
    changed_.notify_all();
    changed_.wait(lock, [&] { return !task_; });
  }
  void end() {
    if (!thread_.joinable()) return;
    {
      std::lock_guard const lock(mutex_);
      ends_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return task_ || ends_; });
      if (!task_) return;
      task_();
      task_ = nullptr;
      changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> task_;
  bool ends_ = false;
  std::thread thread_{[this] { work(); }};
};

/// What an expression does: owners that come and go, several at once.
void use(owner const& o) {
  for (int i = 0; i < 3; ++i) {
    frequent_owner const one = o, two = o, three = one;
  }
}

}  // namespace

TEST_CASE("an object goes with its last owner where one thread has them all") {
  std::atomic<int> alive = 0;
  other_thread other;
  for (bool const lingers : {false, true}) {
    {
      owner o(new object(alive, lingers));
      use(o);
      CHECK(alive == 1);
    }
    CHECK(alive == 0);
    frequent_owner last;
    {
      owner o(new object(alive, lingers));
      use(o);
      last = o;
      use(o);
    }
    CHECK(alive == 1);
    last = nullptr;
    CHECK(alive == 0);
  }
}

TEST_CASE("more objects than a thread keeps owners of") {
  std::atomic<int> alive = 0;
  other_thread other;
  {
    std::vector<owner> many;
    for (int i = 0; i < 100; ++i) many.emplace_back(new object(alive, true));
    for (int round = 0; round < 3; ++round)
      for (owner const& o : many) use(o);
    CHECK(alive == 100);
    many.resize(50);
    CHECK(alive == 50);
  }
  CHECK(alive == 0);
}

TEST_CASE("what another thread keeps goes when that thread uses other objects, or ends") {
  std::atomic<int> alive = 0, others = 0;
  std::vector<owner> many;
  for (int i = 0; i < 1000; ++i) many.emplace_back(new object(others, true));
  for (bool const ends : {false, true}) {
    other_thread other;
    owner o(new object(alive, true));
    other.run([&] { use(o); });
    o = nullptr;
    CHECK(alive == 1);
    if (ends)
      other.end();
    else
      other.run([&] {
        for (owner const& each : many) use(each);
      });
    CHECK(alive == 0);
  }
  owner o(new object(alive, false));  // may not linger
  other_thread other;
  other.run([&] { use(o); });
  o = nullptr;
  CHECK(alive == 0);
}

TEST_CASE("threads that share objects delete each once") {
  std::atomic<int> alive = 0;
  for (int round = 0; round < 20; ++round) {
    std::vector<owner> shared;
    for (int i = 0; i < 40; ++i) shared.emplace_back(new object(alive, true));
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([mine = shared] {
        for (int i = 0; i < 50; ++i)
          for (owner const& o : mine) use(o);
      });
    shared.clear();
    for (std::thread& t : threads) t.join();
    CHECK(alive == 0);
  }
}
