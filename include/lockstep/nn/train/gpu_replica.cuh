// What one rank of a data-parallel trainer holds when its device is a GPU. The host queues steps and runs ahead of the
// GPU by at most two of them; nothing in a step waits for the GPU's work of that step.
#pragma once

#include <cstring>
#include <span>
#include <vector>

#include "../../array/array.hpp"
#include "../../backend/cuda/nn/network.cuh"
#include "../../core/function_objects.hpp"
#include "../../mesh/communicator.hpp"
#include "replica.hpp"

namespace lockstep::nn {
inline namespace LOCKSTEP_COMPILER {

/// Memory of the host that a GPU reads and writes by itself, and the point in its work from when on it is ours again.
template <class T>
class staging {
 public:
  staging(device where, std::size_t count) : where_(std::move(where)), count_(count) {
    data_ = static_cast<T*>(where_.state().allocate_host(count * sizeof(T)));
    if (!data_)
      throw out_of_memory(text_of({where_.name(), ": found no ", count * sizeof(T),
                                   " bytes of pinned memory; release some, or take smaller batches"}));
  }
  staging(staging&& other) noexcept
      : where_(other.where_), count_(other.count_), data_(std::exchange(other.data_, nullptr)), free_(other.free_) {}
  staging& operator=(staging&&) = delete;
  ~staging() {
    if (!data_) return;
    try {
      free_.wait();
    } catch (...) {  // the GPU has failed, and does nothing more
    }
    where_.state().deallocate_host(data_, count_ * sizeof(T));
  }

  /// Waits until the GPU has done what was asked of it with this memory.
  T* data() {
    free_.wait();
    return data_;
  }
  void send(void* to, std::size_t bytes) {
    where_.state().copy_from_host_async(to, data_, bytes);
    free_ = where_.record();
  }
  void fetch(void const* from, std::size_t bytes) {
    where_.state().copy_to_host_async(data_, from, bytes);
    free_ = where_.record();
  }

 private:
  device where_;
  std::size_t count_;
  T* data_;
  event free_;
};

/// A replica of the network on one GPU: all of a rank's shards run together, each with the bits it has alone.
template <class Network, class Loss, class Optimizer>
class gpu_replica {
  static constexpr bool known = gpu::has_kernels<Loss> && std::is_same_v<Optimizer, sgd>;

 public:
  gpu_replica(communicator& comm, Network const& model, std::span<float const> velocity, train_options const& options)
      : where_(comm.device()),
        shards_(part_of(options.shards, static_cast<index>(comm.rank()), static_cast<index>(comm.size()))),
        all_shards_(options.shards),
        chunk_(samples_at_once(options)),
        order_(options.order),
        buckets_(make_buckets(Network::parameter_blocks, options.buckets)),
        pending_(buckets_.size()),
        network_(checked(where_), gpu::stages_of<float>(typename Network::evaluator::plan()), shards_.count(), chunk_) {
    std::size_t const samples = static_cast<std::size_t>(shards_.count() * chunk_);
    std::size_t const numbers = Network::parameter_count * sizeof(float);
    parameters_ = memory_.plan(numbers);
    velocity_ = memory_.plan(numbers);
    gpu::require_countable(static_cast<index>(samples * pixels), "a batch");
    images_ = memory_.plan(samples * pixels * sizeof(float));
    bytes_ = memory_.plan(samples * (pixels + 1));
    standards_ = memory_.plan(2 * channels * sizeof(float));
    results_ = memory_.plan(samples * sizeof(gpu::sample_result));
    sums_ = memory_.plan(static_cast<std::size_t>(shards_.count()) * sizeof(gpu::sample_result));
    memory_.take(where_);
    for (bucket const& each : buckets_) gradients_.emplace_back(where_, shape<1>(static_cast<index>(each.count)));
    where_.state().copy_from_host(at<float>(parameters_), model.parameters().data(), numbers);
    where_.state().copy_from_host(at<float>(velocity_), velocity.data(), numbers);
    for (int i = 0; i < steps_ahead; ++i) {
      samples_.emplace_back(where_, samples * (pixels + 1));
      found_.emplace_back(where_, 1);
    }
  }
  ~gpu_replica() {
    try {
      where_.synchronize();
    } catch (...) {  // the GPU has failed, and does nothing more
    }
  }

  /// Copies from the device; wait for it.
  Network model() const {
    Network copy(seed(0));
    where_.state().copy_to_host(copy.parameters().data(), at<float>(parameters_), copy.parameters().size_bytes());
    return copy;
  }
  std::vector<float> velocity() const {
    std::vector<float> copy(Network::parameter_count);
    where_.state().copy_to_host(copy.data(), at<float>(velocity_), copy.size() * sizeof(float));
    return copy;
  }

  /// Queues one step over the samples `batch` of `source`: all ranks call it with the same arguments, and end with the
  /// same parameters. Calls take(totals) for earlier steps that have ended meanwhile, in order.
  template <class Take>
  void step(communicator& comm, Loss const& loss, Optimizer const& optimizer, sample_source const& source,
            std::span<index const> batch, float learning_rate, float gradient_scale, Take const& take) {
    if (queued_ - taken_ == steps_ahead) take_one(take);
    auto const size = static_cast<index>(batch.size());
    gpu::shard_samples const shards{size, shards_.begin, all_shards_, static_cast<std::uint32_t>(shards_.count())};
    index const first = part_of(size, shards_.begin, all_shards_).begin;
    load(source, shards.samples(), [&](index i) { return batch[static_cast<std::size_t>(first + i)]; });
    float const* const logits = network_.forward(at<float>(parameters_), at<float>(images_), shards.samples());
    queue_loss(loss, logits, shards.samples(), network_.logits_gradient());
    gpu::sum_results(where_, at<gpu::sample_result>(results_), shards, at<gpu::sample_result>(sums_), true);
    agree(comm);
    std::size_t b = 0;
    auto const place = [&](std::size_t layer) {
      return gradients_[b].data() + (Network::parameter_blocks[layer].offset - buckets_[b].offset);
    };
    network_.backward(at<float>(parameters_), at<float>(images_), shards, place, [&](std::size_t layer) {
      if (layer != buckets_[b].completed_by) return;
      if (comm.size() > 1) pending_[b] = start_sum(comm, gradients_[b]);
      ++b;
    });
    for (b = 0; b < buckets_.size(); ++b) {
      pending_[b].wait();
      update(optimizer, b, learning_rate, gradient_scale);
    }
    ++queued_;
  }

  /// Waits for all steps: take(totals) for those that it has not been called for.
  template <class Take>
  void finish_steps(Take const& take) {
    while (taken_ < queued_) take_one(take);
  }

  /// Sums over all samples of `source`, shared among the ranks; the same on every rank, whatever their number.
  totals evaluate(communicator& comm, Loss const& loss, sample_source const& source) {
    auto const samples = static_cast<index>(source.data.size()), chunks = (samples + chunk_ - 1) / chunk_;
    number_range const mine = part_of(chunks, static_cast<index>(comm.rank()), static_cast<index>(comm.size()));
    array<gpu::sample_result> found(where_, shape<1>(std::max<index>(1, mine.count())));
    for (index chunk = mine.begin; chunk < mine.end; chunk += shards_.count()) {
      index const first = chunk * chunk_, end = std::min(mine.end, chunk + shards_.count());
      index const count = std::min(samples, end * chunk_) - first;
      load(source, count, [&](index i) { return first + i; });
      float const* const logits = network_.forward(at<float>(parameters_), at<float>(images_), count);
      queue_loss(loss, logits, count, nullptr);
      gpu::sum_chunks(where_, at<gpu::sample_result>(results_), count, chunk_, found.data() + (chunk - mine.begin));
    }
    std::vector<gpu::sample_result> all(static_cast<std::size_t>(chunks));
    where_.state().copy_to_host(all.data() + mine.begin, found.data(),
                                static_cast<std::size_t>(mine.count()) * sizeof(gpu::sample_result));
    std::span<double> const numbers(&all.data()->loss, 2 * all.size());
    comm.all_reduce(numbers, plus{});  // the others hold zeros there: exact
    totals result;
    for (gpu::sample_result const& each : all) result += {each.loss, each.correct};
    return result;
  }

 private:
  static constexpr int steps_ahead = 2;
  static constexpr index classes = static_cast<index>(Network::output_shape.size());
  static constexpr std::size_t pixels = Network::input_shape.size();
  static constexpr std::size_t channels = [] {
    if constexpr (Network::input_shape.rank() == 3)
      return static_cast<std::size_t>(Network::input_shape[2]);
    else
      return pixels;  // at most; the data set knows
  }();

  static device const& checked(device const& where) {
    if constexpr (!known)
      throw device_error(where.name() +
                         ": found a trainer with a loss or an optimizer that has no kernels for GPUs, expected "
                         "nn::cross_entropy or an nn::custom_loss, and nn::sgd");
    return where;
  }
  static index samples_at_once(train_options const& options) {
    return replica<Network, Loss, Optimizer>::chunk_size(options);
  }

  template <class T>
  T* at(std::size_t offset) const {
    return memory_.at<T>(offset);
  }
  std::uint8_t const* labels(index samples) const {
    return at<std::uint8_t>(bytes_) + static_cast<std::size_t>(samples) * pixels;
  }
  void queue_loss(Loss const& loss, float const* logits, index samples, float* gradient) {
    if constexpr (known)
      gpu::queue_loss(loss, where_, logits, labels(samples), samples, classes, gradient,
                      at<gpu::sample_result>(results_));
  }
  /// Brings samples to the device as bytes, and standardizes them there.
  template <class Order>
  void load(sample_source const& source, index count, Order const& sample_of) {
    use_standards(source.how);
    staging<std::uint8_t>& slot = samples_[next_slot_++ % steps_ahead];
    std::uint8_t* const data = slot.data();
    auto const size = static_cast<std::size_t>(count);
    for (std::size_t i = 0; i < size; ++i) {
      index const sample = sample_of(static_cast<index>(i));
      std::memcpy(data + i * pixels, source.data.image(sample), pixels);
      data[size * pixels + i] = source.data.label(sample);
    }
    slot.send(at<std::uint8_t>(bytes_), size * (pixels + 1));
    auto const used = static_cast<index>(source.how.scale.size());
    float const* const scale = at<float>(standards_);
    gpu::each_element(
        where_, "standardizing images", count * static_cast<index>(pixels),
        gpu::standardize<float>{at<std::uint8_t>(bytes_), at<float>(images_), scale, scale + used, gpu::divider(used)});
  }
  void use_standards(data::standardization const& how) {
    if (how.scale == known_.scale && how.shift == known_.shift) return;
    std::vector<float> both = how.scale;
    both.insert(both.end(), how.shift.begin(), how.shift.end());
    where_.state().copy_from_host(at<float>(standards_), both.data(), both.size() * sizeof(float));
    known_ = how;
  }

  pending start_sum(communicator& comm, array<float>& gradient) const {
    if (order_ == gradient_order::any) return comm.start_all_reduce(gradient, any_order(plus{}), "gradients");
    return comm.start_all_reduce(gradient, plus{}, "gradients");
  }
  /// The batch's totals, of all ranks, on their way to the host.
  void agree(communicator& comm) {
    auto* const sums = at<gpu::sample_result>(sums_);
    if (comm.size() > 1) comm.all_reduce(std::span<double>(&sums->loss, 2), plus{});
    found_[static_cast<std::size_t>(queued_ % steps_ahead)].fetch(sums, sizeof *sums);
  }
  template <class Take>
  void take_one(Take const& take) {
    gpu::sample_result const found = *found_[static_cast<std::size_t>(taken_++ % steps_ahead)].data();
    take(totals{found.loss, found.correct});
  }

  void update(Optimizer const& optimizer, std::size_t b, float learning_rate, float gradient_scale) {
    if constexpr (known) {
      auto const count = static_cast<index>(buckets_[b].count);
      gpu::each_element(where_, "a step of gradient descent", count,
                        gpu::descend<float>{at<float>(parameters_) + buckets_[b].offset, gradients_[b].data(),
                                            at<float>(velocity_) + buckets_[b].offset, learning_rate, gradient_scale,
                                            optimizer.momentum, optimizer.weight_decay, optimizer.nesterov});
    }
  }

  device where_;
  number_range shards_;
  index all_shards_, chunk_;
  gradient_order order_;
  std::vector<bucket> buckets_;
  std::vector<array<float>> gradients_;  // of each bucket; apart, since one travels while the next is computed
  std::vector<pending> pending_;
  gpu::network<float> network_;
  gpu::device_arena memory_;
  std::size_t parameters_, velocity_, images_, bytes_, standards_, results_, sums_;
  std::vector<staging<std::uint8_t>> samples_;
  std::vector<staging<gpu::sample_result>> found_;
  data::standardization known_;
  std::size_t next_slot_ = 0;
  index queued_ = 0, taken_ = 0;
};

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn
