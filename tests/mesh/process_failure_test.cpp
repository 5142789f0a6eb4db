// A process that throws, is killed, is stopped, leaves early or disagrees ends the others in time, and they say who and
// where. Nothing is left behind.
#include <dirent.h>

#include "process_failures.hpp"

#ifndef __SANITIZE_THREAD__  // which loses track of threads when a process forks

using namespace mesh_test;

namespace {

std::size_t files_in(char const* folder) {
  std::size_t count = 0;
  if (DIR* const open = opendir(folder)) {
    while (readdir(open)) ++count;
    closedir(open);
  }
  return count;
}

}  // namespace

TEST_CASE("every failure of a process is reported by all others, and leaves no descriptor behind") {
  std::size_t const descriptors = files_in("/proc/self/fd");
  for (process_failure const& each : process_failures())
    check_failure(each, 3, 10);  // seconds: other tests have the processors, too
  CHECK(files_in("/proc/self/fd") == descriptors);
}

TEST_CASE("whoever waits for a message learns of the failure, too") {
  for (int how : {0, 1, 2}) {
    auto const found = in_processes(2, 1, 0.3, [&](ls::mesh const& mesh) {
      return thrown_by([&] {
        ls::spmd(mesh, [&](ls::communicator& comm) {
          int value = 0;
          if (comm.rank() == 0) return comm.receive(std::span(&value, 1), 1, 8);
          if (how == 0) raise(SIGKILL);
          if (how == 1) raise(SIGSTOP);
        });
      });
    });
    std::string const text = found[0].text;
    CAPTURE(text);
    CHECK(text.find("receive of 4 bytes from rank 1 with tag 8 on rank 0 of 2") != std::string::npos);
    CHECK(text.find(how == 0   ? "it was killed, or exited within spmd"
                    : how == 1 ? "waited 0.3 s for rank 1 (process "
                               : "rank 1 has returned without sending it") != std::string::npos);
    CHECK(found[0].seconds < 1.3);
  }
}

TEST_CASE("a failing process gets its own exception, and the mesh can be used again") {
  auto const found = in_processes(3, 1, 5, [&](ls::mesh const& mesh) {
    std::string const first = thrown_by([&] {
      ls::spmd(mesh, [&](ls::communicator& comm) {
        if (comm.rank() == 2) throw std::domain_error("not me");
        std::vector<float> large(200000, 1.0f);
        if (comm.rank() == 0) comm.send(std::span(large), 1);  // which nobody receives
        comm.barrier();
      });
    });
    int sum = 0;
    std::string const second = thrown_by([&] {
      ls::spmd(mesh, [&](ls::communicator& comm) {
        int mine = 1;
        comm.all_reduce(mine, ls::plus{});
        int token = static_cast<int>(comm.rank());
        if (comm.rank() == 0) comm.send(std::span<int const>(&token, 1), 1);
        if (comm.rank() == 1) comm.receive(std::span(&token, 1), 0);
        sum = mine + (comm.rank() == 1 ? token : 0);
      });
    });
    return first + "|" + second + "|" + std::to_string(sum);
  });
  for (std::size_t rank : {0, 1, 2}) {
    std::string const text = found[rank].text;
    CAPTURE(text);
    CHECK(text.substr(text.find('|')) == "||3");
    if (rank == 2)
      CHECK(text.find("own: not me|") == 0);
    else
      CHECK(text.find("rank 2 failed: not me") != std::string::npos);
  }
}

TEST_CASE("who wakes up within a message when the others have given up does not disturb the next call") {
  auto const found = in_processes(2, 1, 5, [&](ls::mesh const& mesh) {
    std::string const first = thrown_by([&] {
      ls::spmd(mesh, [&](ls::communicator& comm) {
        if (comm.rank() == 0) {
          usleep(200000);
          throw std::domain_error("gives up");
        }
        std::vector<float> large(500000, 1.0f);
        signal(SIGALRM, [](int) { usleep(1500000); });  // longer than the other waits for this process
        ualarm(100000, 0);
        comm.send(std::span(large), 0);
      });
    });
    int token = 7;
    std::string const second = thrown_by([&] {
      ls::spmd(mesh, [&](ls::communicator& comm) {
        if (comm.rank() == 1) comm.send(std::span<int const>(&token, 1), 0, 3);
        if (comm.rank() == 0) token = 0, comm.receive(std::span(&token, 1), 1, 3);
      });
    });
    return first + "|" + second + "|" + std::to_string(token);
  });
  for (outcome const& each : found) {
    std::string const text = each.text;
    CAPTURE(text);
    CHECK(text.find("gives up") != std::string::npos);
    CHECK(text.substr(text.find('|')) == "||7");
  }
}

TEST_CASE("what a started collective throws is not lost when nobody waits for it") {
  struct overflow {
    std::size_t me;
    int operator()(int a, int b) const {
      if (me == 1) throw std::out_of_range("too much");
      return a + b;
    }
  };
  for (bool calls_again : {false, true}) {
    auto const found = in_processes(2, 1, 5, [&](ls::mesh const& mesh) {
      return thrown_by([&] {
        ls::spmd(mesh, [&](ls::communicator& comm) {
          std::vector<int> values(100000, 1);
          static_cast<void>(comm.start_all_reduce(std::span(values), overflow{comm.rank()}));
          if (calls_again || comm.rank() == 0) comm.barrier();
        });
      });
    });
    std::string const culprit = found[1].text, other = found[0].text;
    CAPTURE(calls_again);
    CHECK(culprit == (calls_again ? "own: too much" : "communication: spmd: rank 1 failed: too much"));
    CHECK(other.find("rank 1 failed: too much") != std::string::npos);
  }
}

TEST_CASE("a mesh that has lost a process says so from then on") {
  auto const found = in_processes(2, 1, 5, [&](ls::mesh const& mesh) {
    std::string texts;
    for (int i = 0; i < 2; ++i)
      texts += thrown_by([&] {
                 ls::spmd(mesh, [&](ls::communicator& comm) {
                   if (comm.rank() == 1) raise(SIGKILL);
                   comm.barrier();
                 });
               }) +
               "|";
    return texts;
  });
  std::string const text = found[0].text;
  CAPTURE(text);
  CHECK(text.find("barrier (collective 0) on rank 0 of 2") != std::string::npos);
  CHECK(text.find("the mesh cannot be used any more|") != std::string::npos);
}

TEST_CASE("what an operator throws in a process comes out there, and the others learn of it") {
  auto const found = in_processes(2, 1, 5, [&](ls::mesh const& mesh) {
    return thrown_by([&] {
      ls::spmd(mesh, [&](ls::communicator& comm) {
        std::vector<int> values(100000, static_cast<int>(comm.rank()));
        std::size_t const me = comm.rank();
        comm.start_all_reduce(std::span(values),
                              [me](int a, int b) {
                                if (me == 1) throw std::out_of_range("too much");
                                return a + b;
                              })
            .wait();
      });
    });
  });
  CHECK(std::string(found[1].text) == "own: too much");
  CHECK(std::string(found[0].text).find("rank 1 failed: too much") != std::string::npos);
}

#endif
