// Every call of the CUDA runtime and of NCCL that layers, training and ranks on GPUs make fails once: that ends in the
// right exception on all ranks, the next run works, and (by the simulator's leak check) nothing is lost.
#include <doctest/doctest.h>

#include <lockstep/lockstep.hpp>
#include <lockstep/nn.hpp>
#include <vector>

#include "fail_each_call.hpp"

namespace fault_tests {

namespace nn = lockstep::nn;

using network = nn::sequential<nn::input<4, 4, 1>, nn::conv2d<3, 3, nn::same>, nn::max_pool2d<2>, nn::relu, nn::flatten,
                               nn::relu, nn::linear<2>>;

nn::data::dataset samples() {
  std::vector<std::uint8_t> images, labels;
  for (int i = 0; i < 6; ++i) {
    labels.push_back(static_cast<std::uint8_t>(i % 2));
    for (int p = 0; p < 16; ++p) images.push_back(static_cast<std::uint8_t>(50 * i + 3 * p));
  }
  return nn::data::dataset(ls::shape{4, 4, 1}, images, labels);
}

ls::mesh gpus(std::size_t count) { return ls::mesh::gpus(count).set_timeout(20); }

TEST_CASE("training: every call fails once, and the trainer is as it was before the epoch") {
  nn::data::dataset const data = samples();
  for (std::size_t count : {1, 2}) {
    std::uint64_t const before = network(ls::seed(1)).fingerprint();
    std::uint64_t after = 0;
    int const calls = fail_each_call("training", [&] {
      nn::trainer trainer(network(ls::seed(1)), nn::cross_entropy{}, nn::sgd{}, gpus(count), {.batch = 4, .shards = 2});
      try {
        trainer.fit(data, {.epochs = 1, .progress = false});
      } catch (...) {
        require(trainer.model().fingerprint() == before && trainer.epochs_done() == 0);
        throw;
      }
      if (after == 0) after = trainer.model().fingerprint();
      require(trainer.model().fingerprint() == after && after != before);
    });
    MESSAGE(calls, " calls failed in training on ", count, " GPUs, one at a time");
  }
}

/// f(comm) on each of `count` GPUs says whether it got what it should.
template <class F>
void fail_ranks(char const* name, std::size_t count, F const& f) {
  fail_each_call(name, [&] {
    std::vector<int> good(count, 0);
    ls::spmd(gpus(count), [&](ls::communicator& comm) { good[comm.rank()] = f(comm); });
    require(good == std::vector<int>(count, 1));
  });
}
ls::array<float> ones(ls::communicator& comm) { return ls::full<float>(comm.device(), 64, 1.0f); }
bool is_all(ls::array<float> const& x, float value) {
  return x.to_host() == std::vector<float>(static_cast<std::size_t>(x.size()), value);
}

TEST_CASE("collectives: every call fails once, on whatever rank that is") {
  fail_ranks("all_reduce", 2, [](ls::communicator& comm) {
    ls::array<float> x = ones(comm);
    comm.all_reduce(x, ls::plus{});
    return is_all(x, 2);
  });
  fail_ranks("all_reduce in the order of the tree, by parts", 2, [](ls::communicator& comm) {
    ls::array<float> x = ls::full<float>(comm.device(), 20000, 1.0f);
    comm.start_all_reduce(x, ls::maximum{}).wait();
    return is_all(x, 1);
  });
  fail_ranks("reduce_scatter, all_gather", 2, [](ls::communicator& comm) {
    ls::array<float> const part = comm.reduce_scatter(ones(comm), ls::plus{});
    return is_all(part, 2) && is_all(comm.all_gather(part), 2);
  });
  fail_ranks("broadcast, reduce", 2, [](ls::communicator& comm) {
    ls::array<float> x = ones(comm);
    comm.broadcast(x, 1);
    comm.reduce(x, ls::any_order(ls::plus{}), 0);
    return comm.rank() != 0 || is_all(x, 2);
  });
  fail_ranks("split", 2, [](ls::communicator& comm) {
    ls::array<float> x = ones(comm);
    comm.split(0).all_reduce(x, ls::minimum{});
    return is_all(x, 1);
  });
}

/// How often NCCL was asked to reduce, and to pass elements on, for three ranks' sum.
template <class Op>
std::pair<int, int> nccl_calls(Op op) {
  int const reductions = faults::calls_of("ncclAllReduce");
  int const exchanges = faults::calls_of("ncclAllGather") + faults::calls_of("ncclGroupStart");
  ls::spmd(gpus(3), [&](ls::communicator& comm) {
    ls::array<float> x = ones(comm);
    comm.all_reduce(x, op);
    REQUIRE(is_all(x, 3));
  });
  return {faults::calls_of("ncclAllReduce") - reductions,
          faults::calls_of("ncclAllGather") + faults::calls_of("ncclGroupStart") - exchanges};
}

TEST_CASE("a call of NCCL that goes on in the background is waited for") {
  struct delayed {
    delayed() { faults::delay_nccl(3); }
    ~delayed() { faults::delay_nccl(0); }
  } const here;
  ls::spmd(gpus(3), [](ls::communicator& comm) {
    ls::array<float> x = ones(comm), y = ones(comm);
    comm.all_reduce(x, ls::plus{});
    comm.split(0).all_reduce(y, ls::any_order(ls::plus{}));
    REQUIRE((is_all(x, 3) && is_all(y, 3) && is_all(comm.all_gather(x), 3)));
  });
}

TEST_CASE("a rank that fails gets through to one whose call of NCCL would never come back") {
  auto const sum = [](ls::communicator& comm) {
    ls::array<float> x = ones(comm);
    comm.all_reduce(x, ls::plus{});
  };
  ls::spmd(gpus(2), sum);
  faults::delay_nccl(-1);
  faults::fail_call_of("ncclAllReduce", 2);
  std::string message;
  try {
    ls::spmd(gpus(2), sum);
  } catch (ls::communication_error const& e) {
    message = e.what();
  }
  faults::delay_nccl(0);
  faults::fail_call(0);
  INFO(message);
  CHECK(message.find("unhandled system error") != std::string::npos);
  ls::spmd(gpus(2), sum);
}

TEST_CASE("a GPU that cannot be chosen ends the making of communicators on all, which can be made afterwards") {
  int refusals = 0;
  fail_each_call("communicators", [&] {
    try {
      ls::cuda::nccl_world const world(std::vector<int>{0, 1});
    } catch (ls::device_error const& e) {
      refusals += std::string(e.what()).find("asked to make a rank's communicator") != std::string::npos;
      throw;
    }
  });
  CHECK(refusals == 2);
}

TEST_CASE("sums of three GPUs are NCCL's own where any order will do, and only there") {
  CHECK(nccl_calls(ls::any_order(ls::plus{})) == std::pair(3, 0));
  CHECK(nccl_calls(ls::plus{}) == std::pair(0, 3));
}

TEST_CASE("a trainer's gradients are summed by NCCL where its options say so") {
  auto const reductions = [&](nn::gradient_order order) {
    int const before = faults::calls_of("ncclAllReduce");
    nn::trainer trainer(network(ls::seed(1)), nn::cross_entropy{}, nn::sgd{}, gpus(4),
                        {.batch = 6, .shards = 4, .order = order});
    trainer.fit(samples(), {.epochs = 1, .progress = false});
    return faults::calls_of("ncclAllReduce") - before;
  };
  CHECK(reductions(nn::gradient_order::tree) == 0);
  CHECK(reductions(nn::gradient_order::any) > 0);
}

}  // namespace fault_tests
