// What goes wrong on one rank ends the others at once, says who did what, and comes out as it was thrown. Everything is
// repeated, since threads meet differently each time.
#include <doctest/doctest.h>

#include <atomic>
#include <lockstep/mesh/spmd.hpp>
#include <string>
#include <thread>

#include "reference.hpp"

namespace ls = lockstep;

namespace {

constexpr int repeats = 100;

struct strange {  // not a std::exception
  int code;
};

bool contains(std::string const& text, std::string const& part) { return text.find(part) != std::string::npos; }

/// Runs f on every rank and says what each rank threw: the type's first letter and the message.
template <class F>
std::vector<std::string> outcomes(ls::mesh const& mesh, F const& f) {
  std::vector<std::string> found(mesh.size(), "nothing");
  auto const run = [&](ls::communicator& comm) {
    std::string& mine = found[comm.rank()];
    try {
      f(comm);
    } catch (ls::communication_error const& e) {
      mine = std::string("communication: ") + e.what();
      throw;
    } catch (std::exception const& e) {
      mine = std::string("own: ") + e.what();
      throw;
    } catch (...) {
      mine = "own: strange";
      throw;
    }
  };
  try {
    ls::spmd(mesh, run);
  } catch (...) {
  }
  return found;
}

void gives_up(ls::communicator& comm) {
  if (comm.rank() == 1) throw std::domain_error("rank 1 gives up");
}
void add_up(ls::communicator& comm, std::size_t count = 10) {
  std::vector<float> values(count, 1.0f);
  comm.all_reduce(std::span(values), ls::plus{});
}

}  // namespace

TEST_CASE("a rank that throws before, between or after collectives releases the others, and its exception comes out") {
  for (std::size_t ranks : {2, 3, 5})
    for (int before : {0, 1, 3, 70}) {
      CAPTURE(before);
      auto const f = [&](ls::communicator& comm) {
        for (int i = 0; i < before; ++i) add_up(comm);
        gives_up(comm);
        add_up(comm);
      };
      for (int i = 0; i < repeats / 4; ++i) {
        CHECK_THROWS_WITH_AS(ls::spmd(ls::mesh::cpu(ranks), f), "rank 1 gives up", std::domain_error);
        auto const found = outcomes(ls::mesh::cpu(ranks), f);
        for (std::size_t rank = 0; rank < ranks; ++rank) {
          if (rank == 1) continue;
          CHECK(contains(found[rank], "communication: all_reduce of 10 float by + (collective " +
                                          std::to_string(before) + ") on rank " + std::to_string(rank)));
          CHECK(contains(found[rank], "rank 1 failed: rank 1 gives up"));
        }
      }
    }
}

TEST_CASE("every collective is released") {
  using call = void (*)(ls::communicator&);
  call const calls[] = {
      [](ls::communicator& comm) { comm.barrier(); },
      [](ls::communicator& comm) { add_up(comm, 100000); },
      [](ls::communicator& comm) {
        int value = 0;
        comm.broadcast(value, 1);
      },
      [](ls::communicator& comm) { static_cast<void>(comm.all_gather(ls::array<int>(comm.device(), ls::shape{3}))); },
      [](ls::communicator& comm) {
        static_cast<void>(comm.reduce_scatter(ls::array<int>(comm.device(), ls::shape{6}), ls::plus{}));
      },
      [](ls::communicator& comm) { static_cast<void>(comm.split(0)); },
      [](ls::communicator& comm) {
        int value = 0;
        comm.receive(std::span(&value, 1), 1);
      },
      [](ls::communicator& comm) {
        std::vector<float> values(10);
        comm.start_all_reduce(std::span(values), ls::plus{}).wait();
      }};
  for (call const& each : calls)
    for (int i = 0; i < repeats; ++i) {
      auto const found = outcomes(ls::mesh::cpu(3), [&](ls::communicator& comm) {
        gives_up(comm);
        each(comm);
      });
      CHECK(contains(found[0], "rank 1 failed: rank 1 gives up"));
      CHECK(contains(found[2], "rank 1 failed: rank 1 gives up"));
      CHECK(found[1] == "own: rank 1 gives up");
    }
}

TEST_CASE("any type can be thrown, from the calling thread's rank, too") {
  for (int i = 0; i < repeats; ++i)
    for (std::size_t culprit : {0, 2}) {
      int code = 0;
      auto const f = [&](ls::communicator& comm) {
        if (comm.rank() == culprit) throw strange{7};
        comm.barrier();
      };
      try {
        ls::spmd(ls::mesh::cpu(3), f);
      } catch (strange const& s) {
        code = s.code;
      }
      CHECK(code == 7);
      auto const found = outcomes(ls::mesh::cpu(3), f);
      CHECK(contains(found[1], "rank " + std::to_string(culprit) + " failed with an exception that is not a std::"));
    }
  CHECK_THROWS_AS(ls::spmd(ls::mesh::cpu(1), [](ls::communicator&) { throw strange{1}; }), strange);
}

TEST_CASE("a collective happens on all ranks or leaves the data alone") {
  for (int i = 0; i < repeats; ++i) {
    std::vector<std::vector<int>> data(4, std::vector<int>(5000, 1));
    auto const found = outcomes(ls::mesh::cpu(4), [&](ls::communicator& comm) {
      auto const values = std::span(data[comm.rank()]);
      auto first = comm.start_all_reduce(values.first(2500), ls::plus{});
      if (comm.rank() == 3) throw std::domain_error("now");
      auto second = comm.start_all_reduce(values.last(2500), ls::plus{});
      first.wait();
      second.wait();
    });
    for (std::size_t rank = 0; rank < 4; ++rank) {
      CHECK(found[rank] != "nothing");
      CHECK(data[rank][0] == data[0][0]);
      CHECK((data[rank][0] == 1 || data[rank][0] == 4));
      CHECK(data[rank] == [&] {
        std::vector<int> want(5000, 1);
        std::fill_n(want.begin(), 2500, data[0][0]);
        return want;
      }());
    }
  }
}

TEST_CASE("memory of a rank that fails with collectives under way is not touched afterwards") {
  for (int i = 0; i < repeats; ++i)
    CHECK_THROWS_WITH_AS(ls::spmd(ls::mesh::cpu(3),
                                  [](ls::communicator& comm) {
                                    std::vector<float> own(100000, 1.0f);  // freed as the exception passes
                                    ls::array<float> values(comm.device(), own);
                                    auto a = comm.start_all_reduce(std::span(own), ls::plus{});
                                    auto b = comm.start_all_reduce(values, ls::plus{});
                                    gives_up(comm);
                                    b.wait();
                                    add_up(comm);
                                  }),
                         "rank 1 gives up", std::domain_error);
}

TEST_CASE("a rank that returns early is named by those who wait for it") {
  for (int i = 0; i < repeats; ++i) {
    auto const found = outcomes(ls::mesh::cpu(3), [](ls::communicator& comm) {
      comm.barrier();
      if (comm.rank() == 2) return;
      add_up(comm);
    });
    for (std::size_t rank : {0, 1}) {
      CHECK(contains(found[rank], "communication: all_reduce of 10 float by + (collective 1)"));
      CHECK(contains(found[rank], "rank 2 has returned without calling all_reduce of 10 float by + (collective 1)"));
    }
    CHECK(found[2] == "nothing");
    auto const receiving = outcomes(ls::mesh::cpu(2), [](ls::communicator& comm) {
      int value = 0;
      if (comm.rank() == 0) comm.receive(std::span(&value, 1), 1, 5);
    });
    CHECK(contains(receiving[0], "receive of 4 bytes from rank 1 with tag 5"));
    CHECK(contains(receiving[0], "rank 1 has returned without sending it"));
  }
}

TEST_CASE("a rank may leave when it has done its part") {
  for (int i = 0; i < repeats; ++i) {
    std::atomic<int> sum = 0;
    ls::spmd(ls::mesh::cpu(3), [&](ls::communicator& comm) {
      if (comm.rank() == 1) {
        int const value = 5;
        comm.send(std::span(&value, 1), 0);
        return;
      }
      ls::communicator others = comm;
      std::this_thread::yield();
      if (comm.rank() == 0) {
        int value = 0;
        comm.receive(std::span(&value, 1), 1);
        sum += value;
      }
    });
    CHECK(sum == 5);
  }
}

TEST_CASE("ranks that disagree all learn what each of two called") {
  using call = void (*)(ls::communicator&);
  struct disagreement {
    call zero, others;
    char const *zero_text, *other_text;
  };
  disagreement const all[] = {
      {[](ls::communicator& comm) { comm.barrier(); }, [](ls::communicator& comm) { add_up(comm); }, "barrier",
       "all_reduce of 10 float by +"},
      {[](ls::communicator& comm) { add_up(comm, 11); }, [](ls::communicator& comm) { add_up(comm, 12); },
       "all_reduce of 11 float by +", "all_reduce of 12 float by +"},
      {[](ls::communicator& comm) { add_up(comm, 0); }, [](ls::communicator& comm) { add_up(comm, 100000); },
       "all_reduce of 0 float by +", "all_reduce of 100000 float by +"},
      {[](ls::communicator& comm) {
         int x = 1;
         comm.all_reduce(x, ls::plus{});
       },
       [](ls::communicator& comm) {
         float x = 1;
         comm.all_reduce(x, ls::plus{});
       },
       "all_reduce of 1 int by +", "all_reduce of 1 float by +"},
      {[](ls::communicator& comm) {
         int x = 1;
         comm.all_reduce(x, ls::plus{});
       },
       [](ls::communicator& comm) {
         int x = 1;
         comm.all_reduce(x, mesh_test::twice_left{});
       },
       "all_reduce of 1 int by +", "twice_left"},
      {[](ls::communicator& comm) {
         int x = 1;
         comm.broadcast(x, 0);
       },
       [](ls::communicator& comm) {
         int x = 1;
         comm.broadcast(x, 1);
       },
       "broadcast of 1 int from rank 0", "broadcast of 1 int from rank 1"},
      {[](ls::communicator& comm) {
         std::vector<int> x(2), all(6);
         comm.gather(std::span<int const>(x), std::span(all), 1, "weights");
       },
       [](ls::communicator& comm) {
         std::vector<int> x(3), all(9);
         comm.gather(std::span<int const>(x), std::span(all), 1);
       },
       "gather of 2 int to rank 1 (weights)", "gather of 3 int to rank 1"},
      {[](ls::communicator& comm) {
         std::vector<int> x(2), all(2);
         std::vector<std::size_t> const counts{2, 0, 0};
         comm.all_gather_v(std::span<int const>(x), std::span(all), counts);
       },
       [](ls::communicator& comm) {
         std::vector<int> x(1), all(3);
         std::vector<std::size_t> const counts{1, 1, 1};
         comm.all_gather_v(std::span<int const>(x), std::span(all), counts);
       },
       "all_gather_v of int, rank 0 has 2 elements for rank 1, which expects 1", "the counts of both must be equal"}};
  for (disagreement const& each : all)
    for (int i = 0; i < repeats; ++i) {
      auto const found = outcomes(ls::mesh::cpu(3), [&](ls::communicator& comm) {
        (comm.rank() == 0 ? each.zero : each.others)(comm);
        comm.barrier();
      });
      for (std::string const& text : found) {
        CHECK(contains(text, "communication: "));
        CHECK(contains(text, each.zero_text));
        CHECK(contains(text, each.other_text));
        CHECK(contains(text, "in collective 0, "));
      }
    }
}

TEST_CASE("whoever waits longer than the timeout says for whom") {
  ls::mesh mesh = ls::mesh::cpu(4);
  mesh.set_timeout(0.2);
  std::atomic<bool> over = false;
  auto const sleep = [&] {
    while (!over) std::this_thread::yield();
  };
  auto const found = outcomes(mesh, [&](ls::communicator& comm) {
    add_up(comm);
    if (comm.rank() == 1 || comm.rank() == 3) return sleep();
    try {
      add_up(comm, 20);
    } catch (...) {
      over = true;
      throw;
    }
  });
  for (std::size_t rank : {0, 2}) {
    CHECK(contains(found[rank], "communication: all_reduce of 20 float by + (collective 1) on rank"));
    CHECK(contains(found[rank], "waited 0.2 s in all_reduce of 20 float by + (collective 1) for rank 1, 3"));
  }
  over = false;
  mesh.set_timeout(0.01);
  auto const receiving = outcomes(mesh, [&](ls::communicator& comm) {
    int value = 0;
    if (comm.rank() != 2) return sleep();
    try {
      comm.receive(std::span(&value, 1), 1, 8);
    } catch (...) {
      over = true;
      throw;
    }
  });
  CHECK(contains(receiving[2], "receive of 4 bytes from rank 1 with tag 8 on rank 2 of 4"));
  CHECK(contains(receiving[2], "waited 0.01 s for rank 1"));
}

TEST_CASE("waiting for ranks that are far behind has an end, too") {
  ls::mesh mesh = ls::mesh::cpu(2);
  mesh.set_timeout(0.05);
  std::atomic<bool> over = false;
  auto const found = outcomes(mesh, [&](ls::communicator& comm) {
    std::vector<std::vector<int>> data(65, std::vector<int>(1));
    std::vector<ls::pending> all;
    for (std::size_t i = 0; i < (comm.rank() == 0 ? 65 : 64); ++i) try {
        all.push_back(comm.start_all_reduce(std::span(data[i]), ls::plus{}));
      } catch (...) {
        over = true;
        throw;
      }
    while (!over) std::this_thread::yield();
  });
  CHECK(contains(found[0], "all_reduce of 1 int by + (collective 64)"));
  CHECK(contains(found[0], "waited 0.05 s for ranks that are 64 collectives behind"));
}

TEST_CASE("a message of another size is refused") {
  for (int i = 0; i < repeats; ++i) {
    auto const found = outcomes(ls::mesh::cpu(2), [](ls::communicator& comm) {
      std::vector<int> values(3);
      if (comm.rank() == 0) comm.send(std::span(values), 1);
      if (comm.rank() == 1) comm.receive(std::span(values).first(2), 0);
    });
    CHECK(contains(found[1], "receive of 8 bytes from rank 0 with tag 0"));
    CHECK(contains(found[1], "rank 0 sent 12 bytes"));
  }
}

TEST_CASE("what an operator throws comes out on every rank") {
  for (std::size_t count : {3, 100000})
    for (int i = 0; i < repeats / 2; ++i) {
      auto const f = [&](ls::communicator& comm) {
        std::vector<int> values(count, static_cast<int>(comm.rank()));
        comm.all_reduce(std::span(values), [](int a, int b) {
          if (b == 2) throw std::out_of_range("two is too much");
          return a + b;
        });
      };
      for (std::string const& text : outcomes(ls::mesh::cpu(3), f)) CHECK(text == "own: two is too much");
      CHECK_THROWS_AS(ls::spmd(ls::mesh::cpu(3), f), std::out_of_range);
    }
}

TEST_CASE("a failure ends the collectives of all parts of a split") {
  for (int i = 0; i < repeats; ++i) {
    auto const found = outcomes(ls::mesh::cpu(4), [](ls::communicator& comm) {
      ls::communicator part = comm.split(static_cast<std::int64_t>(comm.rank() / 2));
      gives_up(comm);
      for (;;) add_up(part);
    });
    CHECK(contains(found[0], "rank 1 failed: rank 1 gives up"));
    CHECK(contains(found[2], "rank 1 failed: rank 1 gives up"));
    CHECK(contains(found[3], "rank 1 failed: rank 1 gives up"));
  }
}

TEST_CASE("after a failure every further collective fails, whatever a rank catches") {
  for (int i = 0; i < repeats; ++i) {
    std::atomic<int> caught = 0;
    CHECK_THROWS_WITH_AS(ls::spmd(ls::mesh::cpu(3),
                                  [&](ls::communicator& comm) {
                                    gives_up(comm);
                                    for (int k = 0; k < 3; ++k) try {
                                        comm.barrier();
                                      } catch (ls::communication_error const&) {
                                        ++caught;
                                      }
                                  }),
                         "rank 1 gives up", std::domain_error);
    CHECK(caught == 6);
  }
}

TEST_CASE("a communicator that is kept longer than its ranks live says so") {
  std::vector<ls::communicator> kept;
  ls::spmd(ls::mesh::cpu(2), [&](ls::communicator& comm) {
    if (comm.rank() == 0) kept.push_back(comm);
  });
  CHECK_THROWS_AS(kept.front().barrier(), ls::communication_error);
}
