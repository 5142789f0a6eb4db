// nccl_engine: one rank's side of the communication among GPUs. Data on the device go through NCCL, everything else
// through an engine among hosts, which also sees to it that all ranks mean the same collective before it is queued.
#pragma once

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "communicator_state.hpp"
#include "nccl_failures.cuh"
#include "nccl_operations.cuh"
#include "nccl_world.cuh"

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
/// between its start and its end the device's stream goes on.
///
/// Reductions keep the order of the tree: where rounding could make another order differ, ranks exchange their elements
/// by NCCL and a kernel combines them. Operators that GPUs cannot call go through host memory, and so do messages where
/// the host's engine does not take them from a GPU.
class nccl_engine {
 public:
  /// `world_rank` is this rank's number in the world. `messages` is what the host's engine takes messages on this
  /// rank's GPU from; null if it does not.
  nccl_engine(std::shared_ptr<communicator_state> host, std::shared_ptr<nccl_link> link,
              std::shared_ptr<nccl_world> world, std::size_t world_rank,
              std::shared_ptr<message_memory> messages = nullptr)
      : host_(std::move(host)),
        operations_(std::move(link), host_->rank(), host_->size()),
        world_(std::move(world)),
        world_rank_(world_rank),
        messages_(std::move(messages)) {}

  std::size_t rank() const { return host_->rank(); }
  std::size_t size() const { return host_->size(); }

  std::uint64_t start(collective_call const& call, traffic& sent) {
    bool on_device = lies_on_gpu(call.from) || lies_on_gpu(call.to);
    if (call.blocks) on_device = some_rank(call, blocks_lie_on_gpu(*call.blocks));
    if (call.blocks && on_device) check_sizes(call, *call.blocks);
    std::uint64_t const ticket = ++next_;
    if (!on_device) {
      through_host(sent, [&] { started_[ticket].host = host_->start(call) + 1; });
    } else if (is_reduction(call.kind) && !call.how.on_gpu) {
      staged(call, sent);
    } else {
      started_[ticket].end = queue(call);
      sent.bytes += bytes_sent(call);
    }
    return ticket;
  }
  void finish(std::uint64_t ticket) {
    auto const found = started_.find(ticket);
    if (found == started_.end()) return;
    started const what = std::move(found->second);
    started_.erase(found);
    if (!what.end) return host_->finish(what.host - 1);
    try {
      where().state().wait(*what.end);
    } catch (...) {  // no order of streams keeps the operands until the collective has ended
      static_cast<void>(cudaStreamSynchronize(operations_.stream()));
      throw;
    }
  }
  /// What all ranks have queued runs to its end by itself.
  void abandon(std::uint64_t ticket) noexcept {
    auto const found = started_.find(ticket);
    if (found == started_.end()) return;
    if (!found->second.end) {
      host_->abandon(found->second.host - 1);
      started_.erase(found);
      return;
    }
    try {
      finish(ticket);
    } catch (...) {  // the GPU has failed: whatever comes next on it says so
    }
  }
  void barrier() { host_->run({}); }

  nccl_engine split(std::int64_t color) {
    device_scope const scope(operations_.link().number());
    std::vector<std::int64_t> colors(size());
    gather_on_host(&color, 1, colors.data(), "color (split)");
    int const number = static_cast<int>(std::find(colors.begin(), colors.end(), color) - colors.begin());
    std::shared_ptr<nccl_link> link;
    as_agreed({collective_kind::split}, [&] {
      ncclComm_t const part = operations_.link().split(number, static_cast<int>(rank()));
      link = std::make_shared<nccl_link>(operations_.link().number(), part, operations_.link().timeout());
      world_->add_part(link);
      link->call("ncclCommSplit", state_of);
    });
    return nccl_engine(host_->split(color), link, world_, world_rank_, messages_);
  }

  void send(void const* from, std::size_t bytes, std::size_t peer, int tag) {
    if (!lies_on_gpu(from)) return host_->send(from, bytes, peer, tag);
    settle("send to rank ", peer);
    if (messages_ && host_->send_from(messages_, from, bytes, peer, tag)) return;
    auto const values = composed::scratch(bytes);
    where().state().copy_to_host(values.get(), from, bytes);
    host_->send(values.get(), bytes, peer, tag);
  }
  void receive(void* to, std::size_t bytes, std::size_t peer, int tag) {
    if (!lies_on_gpu(to)) return host_->receive(to, bytes, peer, tag);
    settle("receive from rank ", peer);
    if (messages_ && host_->receive_to(messages_, to, bytes, peer, tag)) return;
    auto const values = composed::scratch(bytes);
    host_->receive(values.get(), bytes, peer, tag);
    where().state().copy_from_host(to, values.get(), bytes);
  }

 private:
  /// A collective that was started: on the device, by its end there, or on the host, by its ticket + 1.
  struct started {
    counted_pointer<event_state> end;
    std::uint64_t host = 0;
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
  /// What a rank is about to call; all must be about to call the same.
  struct announcement {
    char text[119] = {};
    bool on_device;

    announcement(collective const& what, bool device) : on_device(device) {
      collective plain = what;
      plain.name = "";
      std::string const whole = to_string(plain);
      std::memcpy(text, whole.data(), std::min(whole.size(), sizeof text - 1));
    }
  };

  device const& where() const { return host_->where; }

  static bool blocks_lie_on_gpu(transfer_blocks const& blocks) {
    for (auto const& each : blocks.out)
      if (each.bytes > 0) return lies_on_gpu(each.data);
    for (auto const& each : blocks.in)
      if (each.bytes > 0) return lies_on_gpu(each.data);
    return false;
  }

  template <class T>
  void gather_on_host(T const* mine, std::size_t count, T* all, char const* what) {
    collective_call call;
    call.kind = collective_kind::all_gather;
    call.count = count;
    call.element = {sizeof(T), what};
    call.from = mine;
    call.to = all;
    host_->run(call);
  }
  template <class F>
  void through_host(traffic& sent, F const& f) {
    communication_statistics const before = host_->statistics;
    f();
    sent += {host_->statistics.messages - before.messages, host_->statistics.bytes - before.bytes};
  }

  /// Waits until all ranks are here, throws communication_error unless they mean the same, and tells whether one of
  /// them has memory of a GPU: a rank whose blocks are all empty has none.
  bool some_rank(collective const& what, bool on_device) {
    announcement const mine(what, on_device);
    std::vector<announcement> all(size(), mine);
    try {
      gather_on_host(&mine, 1, all.data(), "call of a collective on GPUs");
    } catch (communication_error const& e) {
      throw communication_error(text_of({to_string(what), ", on ", where().name(), ": ", e.what()}));
    }
    for (std::size_t r = 0; r < size(); ++r) {
      if (std::strcmp(all[r].text, mine.text) != 0)
        throw communication_error(text_of({"rank ", rank(), " calls ", mine.text, ", but rank ", r, " calls ",
                                           all[r].text, "; all ranks must call the same collectives"}));
      on_device = on_device || all[r].on_device;
    }
    return on_device;
  }

  /// Throws communication_error on every rank when a rank has more or less for another than that expects: their GPUs
  /// would wait for ever.
  void check_sizes(collective const& what, transfer_blocks const& blocks) {
    std::size_t const ranks = size();
    std::vector<std::uint64_t> mine, all(2 * ranks * ranks);
    for (auto const& each : blocks.out) mine.push_back(each.bytes);
    for (auto const& each : blocks.in) mine.push_back(each.bytes);
    gather_on_host(mine.data(), mine.size(), all.data(), "size of blocks on GPUs");
    for (std::size_t from = 0; from < ranks; ++from)
      for (std::size_t to = 0; to < ranks; ++to) {
        std::uint64_t const sent = all[2 * ranks * from + to], expected = all[2 * ranks * to + ranks + from];
        if (sent != expected)
          throw communication_error(
              text_of({to_string(what), ": found ", sent, " bytes that rank ", from, " has for rank ", to,
                       ", which expects ", expected, "; give all ranks the same counts"}));
      }
  }

  /// By copies in host memory, for operators that GPUs cannot call.
  void staged(collective_call const& call, traffic& sent) {
    bool const scatters = call.kind == collective_kind::reduce_scatter;
    std::size_t const part = call.count * call.element.bytes, whole = scatters ? size() * part : part;
    auto const in = composed::scratch(whole), out = composed::scratch(part);
    where().state().copy_to_host(in.get(), call.from, whole);
    collective_call on_host = call;
    on_host.from = in.get();
    on_host.to = out.get();
    through_host(sent, [&] { host_->run(on_host); });
    if (call.kind != collective_kind::reduce || rank() == call.root)
      where().state().copy_from_host(call.to, out.get(), part);
  }

  /// Other processes learn who failed first, and then end what their GPUs wait for.
  void abort(std::exception const& e) noexcept {
    try {
      host_->interrupt(text_of({": ", e.what()}).c_str());
    } catch (...) {  // no memory for the text: they learn it when this rank ends
    }
    world_->abort(world_rank_);
  }

  /// Calls f(), which all ranks have agreed to do: where this one fails, the others' GPUs would wait for ever.
  template <class F>
  void as_agreed(collective const& what, F const& f) {
    try {
      f();
    } catch (std::exception const& e) {
      std::string const cause = cause_elsewhere(*host_, operations_.link().timeout(), e);
      if (cause.empty())
        abort(e);
      else
        world_->abort_all();
      // What was queued has ended, and lets go of the operands.
      static_cast<void>(cudaStreamSynchronize(operations_.stream()));
      if (!cause.empty()) throw_cause(to_string(what), where(), cause, e);
      throw;
    }
  }

  /// Returns when the GPU has done what is queued before a message. A process that does not do its part of a collective
  /// can hold that up, so that the wait ends after the timeout.
  void settle(char const* doing, std::size_t peer) {
    double const timeout = operations_.link().timeout();
    if (timeout <= 0) return;  // in one process, where copies wait
    double const end = seconds_now() + timeout;
    auto const queued = where().state().record();
    for (backoff looks; !queued->done(); looks.pause())
      if (looks.naps() && seconds_now() > end) throw_unsettled(text_of({doing, peer}), timeout);
    queued->wait();  // no longer, but it orders what comes next after that
  }
  [[noreturn, gnu::cold, gnu::noinline]] void throw_unsettled(std::string const& doing, double timeout) {
    char seconds[32];
    std::snprintf(seconds, sizeof seconds, "%g", timeout);
    std::string const what = text_of({doing, " on rank ", rank(), " of ", size(), ", on ", where().name(), ": waited ",
                                      static_cast<char const*>(seconds), " s for what is queued there before"});
    std::string const why = text_of({last_.empty() ? "" : ", in which another rank may lack: ", last_,
                                     "; longer work needs a longer mesh::set_timeout"});
    communication_error const own(what + why);
    if (auto const cause = cause_elsewhere(*host_, timeout, own); !cause.empty())
      throw_cause(doing, where(), cause, own);
    host_->interrupt(text_of({": ", what, why}).c_str());
    throw own;
  }

  std::size_t room_for(collective_call const& call) const {
    if (call.kind == collective_kind::all_reduce) return operations_.all_reduce_room(call.count, call.how);
    if (call.kind == collective_kind::reduce_scatter) return operations_.reduce_scatter_room(call.count, call.how);
    if (call.kind == collective_kind::reduce) return operations_.reduce_room(call.count, call.how, call.root);
    return 0;
  }
  void perform(collective_call const& call, void* room) const {
    std::size_t const bytes = call.count * call.element.bytes;
    using enum collective_kind;
    if (call.blocks) return operations_.transfer(*call.blocks);
    if (call.kind == all_reduce) return operations_.all_reduce(call.to, call.count, call.how, room);
    if (call.kind == reduce_scatter) return operations_.reduce_scatter(call.from, call.to, call.count, call.how, room);
    if (call.kind == reduce) return operations_.reduce(call.from, call.to, call.count, call.how, call.root, room);
    if (call.kind == broadcast) return operations_.broadcast(call.to, bytes, call.root);
    operations_.all_gather(call.from, call.to, bytes);
  }

  /// Queues the collective after the device's work so far, and returns its end. What can fail for one rank alone comes
  /// before the ranks agree, so that no GPU waits for a rank that has failed. Of blocks they have agreed already.
  counted_pointer<event_state> queue(collective_call const& call) {
    operation const here(name_of(call.kind), shape<1>(static_cast<index>(call.count)));
    last_ = to_string(call);
    device_scope const scope(operations_.link().number());
    device_memory memory(operations_.stream());
    counted_pointer<event_state> end;
    auto const carry_out = [&] {
      perform(call, memory.data);
      memory.release();
      end = counted_pointer<event_state>(
          new gpu_event(operations_.link().number(), operations_.stream(), where().name()));
    };
    if (call.blocks) {
      as_agreed(call, [&] {
        prepare(call, memory);
        carry_out();
      });
    } else {
      prepare(call, memory);
      some_rank(call, true);
      as_agreed(call, carry_out);
    }
    return end;
  }
  void prepare(collective_call const& call, device_memory& memory) {
    std::size_t const bytes_needed = room_for(call);
    if (bytes_needed > 0)
      check(cudaMallocAsync(&memory.data, bytes_needed, memory.stream), "cudaMallocAsync", where().name(),
            ", asked for ", bytes_needed, " bytes");
    if (call.kind == collective_kind::all_reduce && call.from != call.to)
      where().state().copy(call.to, call.from, call.count * call.element.bytes);
    operations_.wait(*where().state().record());
  }

  std::size_t bytes_sent(collective_call const& call) const {
    std::size_t const others = size() - 1, bytes = call.count * call.element.bytes;
    using enum collective_kind;
    if (call.blocks) {
      std::size_t sum = 0;
      for (std::size_t r = 0; r < size(); ++r) sum += r == rank() ? 0 : call.blocks->out[r].bytes;
      return sum;
    }
    if (call.kind == all_reduce)
      return 2 * others * composed::part_of(call.count, rank(), size()).size() * call.element.bytes;
    if (call.kind == reduce) return rank() == call.root ? 0 : bytes;
    if (call.kind == broadcast) return rank() == call.root ? 0 : bytes;
    return others * bytes;
  }

  std::shared_ptr<communicator_state> host_;
  nccl_operations operations_;
  std::shared_ptr<nccl_world> world_;
  std::size_t world_rank_;
  std::shared_ptr<message_memory> messages_;
  std::string last_;  // collective that was queued, in words
  std::uint64_t next_ = 0;
  std::map<std::uint64_t, started> started_;
};

}  // namespace cuda
}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep
