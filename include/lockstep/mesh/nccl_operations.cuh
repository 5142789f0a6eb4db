// What ranks on GPUs do to each other's memory, on the stream of collectives: NCCL's operations and, where the order of
// the tree over ranks would be lost, an exchange and a kernel.
#pragma once

#include "composed.hpp"
#include "nccl_link.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

/// Queues operations for one rank. Nothing here waits. Memory: `room(...)` says how much on the device an operation
/// needs besides its operands.
class nccl_operations {
 public:
  nccl_operations(std::shared_ptr<nccl_link> link, std::size_t rank, std::size_t size)
      : link_(std::move(link)), rank_(rank), size_(size) {}

  nccl_link& link() const { return *link_; }
  cudaStream_t stream() const { return link_->stream(); }

  /// What is queued from now on comes after the event.
  void wait(event_state const& e) const {
    check(cudaStreamWaitEvent(stream(), static_cast<gpu_event const&>(e).get(), 0), "cudaStreamWaitEvent",
          "gpu:", link_->number());
  }

  std::size_t all_reduce_room(std::size_t count, rank_reduction const& how) const {
    std::size_t const bytes = count * how.element.bytes;
    if (how.on_gpu->order_free(size_) || size_ == 1) return 0;
    return bytes < parts_pay_from ? size_ * bytes : size_ * part(count, rank_).size() * how.element.bytes;
  }
  void all_reduce(void* data, std::size_t count, rank_reduction const& how, void* room) const {
    if (size_ == 1) return;
    std::size_t const width = how.element.bytes;
    if (how.on_gpu->order_free(size_)) {
      link_->call("ncclAllReduce", [&](ncclComm_t comm) {
        return ncclAllReduce(data, data, count, type_of(*how.on_gpu), function_of(*how.on_gpu), comm, stream());
      });
    } else if (count * width < parts_pay_from) {
      exchanged([&] { all_gather(data, room, count * width); });
      combine(how, room, data, data, count);
    } else {
      reduce_by_parts(static_cast<unsigned char*>(data), count, how, static_cast<unsigned char*>(room));
    }
  }

  std::size_t reduce_scatter_room(std::size_t count, rank_reduction const& how) const {
    return how.on_gpu->order_free(size_) ? 0 : size_ * count * how.element.bytes;
  }
  void reduce_scatter(void const* from, void* to, std::size_t count, rank_reduction const& how, void* room) const {
    if (how.on_gpu->order_free(size_))
      return link_->call("ncclReduceScatter", [&](ncclComm_t comm) {
        return ncclReduceScatter(from, to, count, type_of(*how.on_gpu), function_of(*how.on_gpu), comm, stream());
      });
    std::size_t const bytes = count * how.element.bytes;
    auto* const all = static_cast<unsigned char*>(const_cast<void*>(from));
    auto* const parts = static_cast<unsigned char*>(room);
    exchange(
        [&](std::size_t r) {
          return span{all + r * bytes, bytes};
        },
        [&](std::size_t r) {
          return span{parts + r * bytes, bytes};
        });
    combine(how, room, all + rank_ * bytes, to, count);
  }

  std::size_t reduce_room(std::size_t count, rank_reduction const& how, std::size_t root) const {
    return rank_ == root && !how.on_gpu->order_free(size_) ? size_ * count * how.element.bytes : 0;
  }
  void reduce(void const* from, void* to, std::size_t count, rank_reduction const& how, std::size_t root,
              void* room) const {
    if (how.on_gpu->order_free(size_))
      return link_->call("ncclReduce", [&](ncclComm_t comm) {
        return ncclReduce(from, to, count, type_of(*how.on_gpu), function_of(*how.on_gpu), static_cast<int>(root), comm,
                          stream());
      });
    std::size_t const bytes = count * how.element.bytes;
    auto* const parts = static_cast<unsigned char*>(room);
    exchange(
        [&](std::size_t r) {
          return span{const_cast<void*>(from), r == root ? bytes : 0};
        },
        [&](std::size_t r) {
          return span{parts + r * bytes, rank_ == root ? bytes : 0};
        });
    if (rank_ == root) combine(how, room, from, to, count);
  }

  void all_gather(void const* from, void* to, std::size_t bytes) const {
    link_->call("ncclAllGather",
                [&](ncclComm_t comm) { return ncclAllGather(from, to, bytes, ncclUint8, comm, stream()); });
  }
  void broadcast(void* data, std::size_t bytes, std::size_t root) const {
    link_->call("ncclBroadcast", [&](ncclComm_t comm) {
      return ncclBroadcast(data, data, bytes, ncclUint8, static_cast<int>(root), comm, stream());
    });
  }
  void transfer(transfer_blocks const& blocks) const {
    auto const& own = blocks.out[rank_];
    void* const place = blocks.in[rank_].data;
    if (own.bytes != 0 && own.data != place)
      check(cudaMemcpyAsync(place, own.data, own.bytes, cudaMemcpyDeviceToDevice, stream()), "cudaMemcpyAsync",
            "gpu:", link_->number());
    exchange(
        [&](std::size_t r) {
          return span{const_cast<void*>(blocks.out[r].data), blocks.out[r].bytes};
        },
        [&](std::size_t r) {
          return span{blocks.in[r].data, blocks.in[r].bytes};
        });
  }

 private:
  /// From so many bytes on, ranks reduce a part each instead of everything.
  static constexpr std::size_t parts_pay_from = std::size_t{1} << 16;

  static ncclDataType_t type_of(gpu_reduction const& how) {
    constexpr ncclDataType_t types[] = {ncclUint8, ncclInt8,   ncclUint8,   ncclInt32,  ncclUint32,
                                        ncclInt64, ncclUint64, ncclFloat32, ncclFloat64};
    return types[static_cast<std::size_t>(how.type)];
  }
  static ncclRedOp_t function_of(gpu_reduction const& how) {
    return how.combine == gpu_reduction::function::product ? ncclProd : ncclSum;
  }

  composed::part part(std::size_t count, std::size_t r) const { return composed::part_of(count, r, size_); }

  void reduce_by_parts(unsigned char* all, std::size_t count, rank_reduction const& how, unsigned char* parts) const {
    std::size_t const width = how.element.bytes, mine = part(count, rank_).size();
    auto const of = [&](std::size_t r) {
      return span{all + part(count, r).begin * width, part(count, r).size() * width};
    };
    exchange(of, [&](std::size_t r) { return span{parts + r * mine * width, mine * width}; });
    combine(how, parts, of(rank_).data, of(rank_).data, mine);
    exchange([&](std::size_t) { return of(rank_); }, of);
  }

  void combine(rank_reduction const& how, void const* parts, void const* own, void* to, std::size_t count) const {
    how.on_gpu->tree(how.op, parts, own, rank_, size_, to, count, stream());
  }

  /// Queues f, an exchange among ranks. What comes next is said to come after what came before, too: the stream has it
  /// so anyway, but a simulator does not look through exchanges, least of all through those that are aborted.
  template <class F>
  void exchanged(F const& f) const {
    gpu_event const before(link_->number(), stream(), "a collective");
    try {
      f();
      wait(before);
    } catch (...) {
      static_cast<void>(cudaStreamWaitEvent(stream(), before.get(), 0));
      throw;
    }
  }

  struct span {
    void* data;
    std::size_t bytes;
  };
  /// Sends outgoing(r) to every other rank r and receives incoming(r) from it, all at once.
  template <class Outgoing, class Incoming>
  void exchange(Outgoing const& outgoing, Incoming const& incoming) const {
    auto const call = [&](ncclComm_t comm) {
      ncclResult_t status = ncclGroupStart();
      if (status != ncclSuccess) return status;
      for (std::size_t r = 0; r < size_ && was_taken(status); ++r) {
        if (r == rank_) continue;
        span const out = outgoing(r), in = incoming(r);
        if (out.bytes > 0) status = ncclSend(out.data, out.bytes, ncclUint8, static_cast<int>(r), comm, stream());
        if (in.bytes > 0 && was_taken(status))
          status = ncclRecv(in.data, in.bytes, ncclUint8, static_cast<int>(r), comm, stream());
      }
      ncclResult_t const end = ncclGroupEnd();
      return was_taken(status) ? end : status;
    };
    exchanged([&] { link_->call("ncclSend and ncclRecv", call); });
  }

  std::shared_ptr<nccl_link> link_;
  std::size_t rank_, size_;
};

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
