// nccl_engine: one rank's side of the communication among GPUs. Data on the device go through NCCL, everything else
// through an engine among hosts, which also sees to it that all ranks mean the same collective before it is queued.
#pragma once

#include <cstring>
#include <map>
#include <type_traits>
#include <utility>

#include "communicator_state.hpp"
#include "nccl_link.cuh"

namespace lockstep {
inline namespace LOCKSTEP_COMPILER {
namespace cuda {

/// Whether the pointer is to memory of a GPU.
inline bool lies_on_gpu(void const* data) {
  if (!data) return false;
  cudaPointerAttributes found = {};
  check(cudaPointerGetAttributes(&found, data), "cudaPointerGetAttributes", "a collective");
  return found.type == cudaMemoryTypeDevice || found.type == cudaMemoryTypeManaged;
}

/// A communication_engine that offers everything. A collective of device memory returns when it is queued, in the order
/// of the device's work; the host waits for the other ranks to call it, never for GPUs. It runs on a stream of its own;
/// between start_all_reduce and its end the device's stream goes on.
///
/// Reductions keep the order of the tree: where rounding could make another order differ, ranks exchange their elements
/// by NCCL and a kernel combines them. Operators that GPUs cannot call, and messages, go through host memory.
class nccl_engine {
 public:
  nccl_engine(std::shared_ptr<communicator_state> host, std::shared_ptr<nccl_link> link,
              std::shared_ptr<nccl_world> world)
      : host_(std::move(host)), link_(std::move(link)), world_(std::move(world)) {}

  std::size_t rank() const { return host_->rank(); }
  std::size_t size() const { return host_->size(); }

  bool all_reduce(void* data, std::size_t count, rank_reduction const& how, traffic& sent) {
    finish(start_all_reduce(data, count, how, sent));
    return true;
  }
  /// Tickets of collectives on the device are odd, those of the host even.
  std::uint64_t start_all_reduce(void* data, std::size_t count, rank_reduction const& how, traffic& sent) {
    if (!lies_on_gpu(data)) return 2 * through_host(sent, [&] { return host_->start_all_reduce(data, count, how); });
    if (!how.on_gpu) {
      staged(data, data, count * how.element.bytes, count * how.element.bytes, sent,
             [&](void* values, void*) { host_->all_reduce(values, count, how); });
      return done_;
    }
    return queue(
        {"all_reduce", count, how.element, how.name}, [&] { return exchange_room(count, how); },
        [&](void* room) { reduce_everywhere(data, count, how, room); }, sent,
        2 * (size() - 1) * composed::part_of(count, rank(), size()).size() * how.element.bytes);
  }
  void finish(std::uint64_t ticket) {
    if (ticket % 2 == 0) return host_->finish(ticket / 2);
    auto const found = queued_.find(ticket);
    if (found == queued_.end()) return;
    auto const end = std::move(found->second);
    queued_.erase(found);
    where().state().wait(*end);
  }
  /// What all ranks have queued runs to its end by itself.
  void abandon(std::uint64_t ticket) noexcept {
    if (ticket % 2 == 0) return host_->abandon(ticket / 2);
    try {
      finish(ticket);
    } catch (...) {  // the GPU has failed: whatever comes next on it says so
    }
  }

  bool reduce_scatter(void const* from, void* to, std::size_t count, rank_reduction const& how, traffic& sent) {
    if (!lies_on_gpu(from)) {
      through_host(sent, [&] { host_->reduce_scatter(from, to, count, how); });
    } else if (!how.on_gpu) {
      std::size_t const bytes = count * how.element.bytes;
      staged(from, to, size() * bytes, bytes, sent,
             [&](void* in, void* out) { host_->reduce_scatter(in, out, count, how); });
    } else {
      std::size_t const room = how.on_gpu->order_free(size()) ? 0 : size() * count * how.element.bytes;
      finish(queue(
          {"reduce_scatter", count, how.element, how.name}, [&] { return room; },
          [&](void* parts) { reduce_part(from, to, count, how, parts); }, sent,
          (size() - 1) * count * how.element.bytes));
    }
    return true;
  }
  void all_gather(void const* from, void* to, std::size_t count, element_kind const& element, traffic& sent) {
    if (!lies_on_gpu(from)) return through_host(sent, [&] { host_->all_gather(from, to, count, element); });
    finish(queue(
        {"all_gather", count, element, ""}, no_room, [&](void*) { gather(from, to, count * element.bytes); }, sent,
        (size() - 1) * count * element.bytes));
  }
  void broadcast(void* data, std::size_t count, element_kind const& element, std::size_t root, traffic& sent) {
    if (!lies_on_gpu(data)) return through_host(sent, [&] { host_->broadcast(data, count, element, root); });
    auto const call = [&](ncclComm_t comm) {
      return ncclBroadcast(data, data, count * element.bytes, ncclUint8, static_cast<int>(root), comm, stream());
    };
    finish(queue(
        {"broadcast", count, element, "", root}, no_room, [&](void*) { link_->call("ncclBroadcast", call); }, sent,
        rank() == root ? 0 : count * element.bytes));
  }
  void barrier() { host_->barrier(); }

  nccl_engine split(std::int64_t color) {
    std::vector<std::int64_t> colors(size());
    host_->all_gather(&color, colors.data(), 1, {sizeof color, "color (split)"});
    int const number = static_cast<int>(std::find(colors.begin(), colors.end(), color) - colors.begin());
    ncclComm_t part = nullptr;
    link_->call("ncclCommSplit",
                [&](ncclComm_t comm) { return ncclCommSplit(comm, number, static_cast<int>(rank()), &part, nullptr); });
    auto const link = std::make_shared<nccl_link>(link_->number(), part);
    world_->add_part(link);
    return nccl_engine(host_->split(color), link, world_);
  }

  void send(void const* from, std::size_t bytes, std::size_t peer, int tag) {
    if (!lies_on_gpu(from)) return host_->send(from, bytes, peer, tag);
    auto const values = composed::scratch(bytes);
    where().state().copy_to_host(values.get(), from, bytes);
    host_->send(values.get(), bytes, peer, tag);
  }
  void receive(void* to, std::size_t bytes, std::size_t peer, int tag) {
    if (!lies_on_gpu(to)) return host_->receive(to, bytes, peer, tag);
    auto const values = composed::scratch(bytes);
    host_->receive(values.get(), bytes, peer, tag);
    where().state().copy_from_host(to, values.get(), bytes);
  }

 private:
  static constexpr std::uint64_t done_ = 1;  // the ticket of what ended when it was started
  /// From so many bytes on, ranks reduce a part each instead of everything.
  static constexpr std::size_t parts_pay_from = std::size_t{1} << 16;
  static constexpr auto no_room = [] { return std::size_t{0}; };

  /// What a rank is about to call; all must be about to call the same.
  struct call {
    char text[88] = {};
    std::uint64_t count, bytes, root;

    call(char const* name, std::size_t n, element_kind const& element, char const* op, std::size_t from = 0)
        : count(n), bytes(element.bytes), root(from) {
      std::string const whole = text_of({name, " of ", element.name, *op ? " by " : "", op});
      std::memcpy(text, whole.data(), std::min(whole.size(), sizeof text - 1));
    }
    bool operator==(call const&) const = default;
    std::string describe() const {
      std::string all = text_of({text, ", ", count, " elements"});
      if (std::strncmp(text, "broadcast", 9) == 0) append_text(all, {" from rank ", root});
      return all;
    }
  };

  /// Room for one collective, given back in the order of its stream.
  struct device_memory {
    explicit device_memory(cudaStream_t s) : stream(s) {}
    device_memory(device_memory const&) = delete;
    device_memory& operator=(device_memory const&) = delete;
    ~device_memory() { release(); }
    void release() noexcept {
      if (data) static_cast<void>(cudaFreeAsync(std::exchange(data, nullptr), stream));
    }
    cudaStream_t stream;
    void* data = nullptr;
  };

  device const& where() const { return host_->where; }
  cudaStream_t stream() const { return link_->stream(); }

  template <class F>
  std::invoke_result_t<F const&> through_host(traffic& sent, F const& f) {
    communication_statistics const before = host_->statistics;
    struct counted_traffic {
      traffic& sent;
      communication_statistics const &before, &after;
      ~counted_traffic() { sent += {after.messages - before.messages, after.bytes - before.bytes}; }
    } const count{sent, before, host_->statistics};
    return f();
  }
  /// f(in, out) on copies in host memory.
  template <class F>
  void staged(void const* from, void* to, std::size_t from_bytes, std::size_t to_bytes, traffic& sent, F const& f) {
    auto const in = composed::scratch(from_bytes), out = composed::scratch(to == from ? 0 : to_bytes);
    where().state().copy_to_host(in.get(), from, from_bytes);
    through_host(sent, [&] { f(in.get(), out.get()); });
    where().state().copy_from_host(to, to == from ? in.get() : out.get(), to_bytes);
  }

  /// Waits until all ranks are here, and throws communication_error unless they mean the same.
  void agree(call const& mine) {
    std::vector<call> all(size(), mine);
    try {
      host_->all_gather(&mine, all.data(), 1, {sizeof mine, "call of a collective on GPUs"});
    } catch (communication_error const& e) {
      throw communication_error(text_of({mine.describe(), ", on ", where().name(), ": ", e.what()}));
    }
    for (std::size_t r = 0; r < size(); ++r)
      if (all[r] != mine)
        throw communication_error(text_of({"rank ", rank(), " calls ", mine.describe(), ", but rank ", r, " calls ",
                                           all[r].describe(), "; all ranks must call the same collectives"}));
  }

  /// Queues run(room) on the stream of collectives, after the device's work so far; the room is on the device. What can
  /// fail for one rank alone comes before the ranks agree, so that no GPU waits for a rank that has failed.
  template <class Room, class F>
  std::uint64_t queue(call const& what, Room const& room, F const& run, traffic& sent, std::size_t bytes) {
    operation const here(what.text, shape<1>(static_cast<index>(what.count)));
    device_scope const scope(link_->number());
    std::size_t const bytes_needed = room();
    device_memory memory(stream());
    if (bytes_needed > 0)
      check(cudaMallocAsync(&memory.data, bytes_needed, stream()), "cudaMallocAsync", where().name(), ", asked for ",
            bytes_needed, " bytes");
    auto const begun = where().state().record();
    wait(*begun);
    agree(what);
    run(memory.data);
    memory.release();
    sent.bytes += bytes;
    std::uint64_t const ticket = next_ += 2;
    queued_[ticket] = counted_pointer<event_state>(new gpu_event(link_->number(), stream(), where().name()));
    return ticket;
  }

  /// What is queued on the stream of collectives from now on comes after the event.
  void wait(event_state const& e) {
    check(cudaStreamWaitEvent(stream(), static_cast<gpu_event const&>(e).get(), 0), "cudaStreamWaitEvent",
          where().name());
  }

  static ncclDataType_t type_of(gpu_reduction::number type) {
    switch (type) {
      case gpu_reduction::number::int8:
        return ncclInt8;
      case gpu_reduction::number::uint8:
        return ncclUint8;
      case gpu_reduction::number::int32:
        return ncclInt32;
      case gpu_reduction::number::uint32:
        return ncclUint32;
      case gpu_reduction::number::int64:
        return ncclInt64;
      case gpu_reduction::number::uint64:
        return ncclUint64;
      case gpu_reduction::number::float64:
        return ncclFloat64;
      default:
        return ncclFloat32;
    }
  }
  static ncclRedOp_t function_of(gpu_reduction const& how) {
    return how.combine == gpu_reduction::function::product ? ncclProd : ncclSum;
  }

  std::size_t exchange_room(std::size_t count, rank_reduction const& how) const {
    if (how.on_gpu->order_free(size()) || size() == 1) return 0;
    std::size_t const bytes = count * how.element.bytes;
    return bytes < parts_pay_from ? size() * bytes
                                  : size() * composed::part_of(count, rank(), size()).size() * how.element.bytes;
  }

  void reduce_everywhere(void* data, std::size_t count, rank_reduction const& how, void* room) {
    if (how.on_gpu->order_free(size())) {
      auto const call = [&](ncclComm_t comm) {
        return ncclAllReduce(data, data, count, type_of(how.on_gpu->type), function_of(*how.on_gpu), comm, stream());
      };
      return link_->call("ncclAllReduce", call);
    }
    if (size() == 1) return;
    std::size_t const width = how.element.bytes;
    if (count * width < parts_pay_from) {
      exchanged([&] { gather(data, room, count * width); });
      return combine(how, room, data, data, count);
    }
    auto* const all = static_cast<unsigned char*>(data);
    auto* const parts = static_cast<unsigned char*>(room);
    composed::part const mine = composed::part_of(count, rank(), size());
    auto const of = [&](std::size_t r) { return composed::part_of(count, r, size()); };
    exchange(
        [&](std::size_t r) {
          return span{all + of(r).begin * width, of(r).size() * width};
        },
        [&](std::size_t r) {
          return span{parts + r * mine.size() * width, mine.size() * width};
        });
    void* const own = all + mine.begin * width;
    combine(how, room, own, own, mine.size());
    exchange(
        [&](std::size_t) {
          return span{own, mine.size() * width};
        },
        [&](std::size_t r) {
          return span{all + of(r).begin * width, of(r).size() * width};
        });
  }

  void reduce_part(void const* from, void* to, std::size_t count, rank_reduction const& how, void* parts) {
    if (how.on_gpu->order_free(size())) {
      auto const call = [&](ncclComm_t comm) {
        return ncclReduceScatter(from, to, count, type_of(how.on_gpu->type), function_of(*how.on_gpu), comm, stream());
      };
      return link_->call("ncclReduceScatter", call);
    }
    std::size_t const bytes = count * how.element.bytes;
    auto const* const all = static_cast<unsigned char const*>(from);
    exchange(
        [&](std::size_t r) {
          return span{const_cast<unsigned char*>(all) + r * bytes, bytes};
        },
        [&](std::size_t r) {
          return span{static_cast<unsigned char*>(parts) + r * bytes, bytes};
        });
    combine(how, parts, all + rank() * bytes, to, count);
  }

  void combine(rank_reduction const& how, void const* parts, void const* own, void* to, std::size_t count) {
    how.on_gpu->tree(how.op, parts, own, rank(), size(), to, count, stream());
  }

  /// Queues f, an exchange among ranks. What comes next is said to come after what came before, too: the stream has it
  /// so anyway, but a simulator's check of the order of streams does not look through exchanges.
  template <class F>
  void exchanged(F const& f) {
    gpu_event const before(link_->number(), stream(), where().name());
    f();
    wait(before);
  }

  void gather(void const* from, void* to, std::size_t bytes) {
    link_->call("ncclAllGather",
                [&](ncclComm_t comm) { return ncclAllGather(from, to, bytes, ncclUint8, comm, stream()); });
  }

  struct span {
    void* data;
    std::size_t bytes;
  };
  /// Sends outgoing(r) to every other rank r and receives incoming(r) from it, all at once.
  template <class Outgoing, class Incoming>
  void exchange(Outgoing const& outgoing, Incoming const& incoming) {
    auto const call = [&](ncclComm_t comm) {
      ncclResult_t status = ncclGroupStart();
      for (std::size_t r = 0; r < size() && status == ncclSuccess; ++r) {
        if (r == rank()) continue;
        span const out = outgoing(r), in = incoming(r);
        if (out.bytes > 0) status = ncclSend(out.data, out.bytes, ncclUint8, static_cast<int>(r), comm, stream());
        if (in.bytes > 0 && status == ncclSuccess)
          status = ncclRecv(in.data, in.bytes, ncclUint8, static_cast<int>(r), comm, stream());
      }
      ncclResult_t const end = ncclGroupEnd();
      return status == ncclSuccess ? end : status;
    };
    exchanged([&] { link_->call("ncclSend and ncclRecv", call); });
  }

  std::shared_ptr<communicator_state> host_;
  std::shared_ptr<nccl_link> link_;
  std::shared_ptr<nccl_world> world_;
  std::uint64_t next_ = done_;
  std::map<std::uint64_t, counted_pointer<event_state>> queued_;
};

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
