// mpi_outbox: messages on their way out. MPI gets copies, piece by piece: once a rank has given up, nobody reads its
// memory any more, whatever state MPI and the other process are in.
#pragma once

#include <algorithm>
#include <cstring>
#include <deque>
#include <list>
#include <memory>

#include "mpi_message.hpp"

namespace lockstep {

/// For one thread at a time.
template <class Compilation>
class mpi_outbox {
 public:
  /// A message whose bytes the caller keeps until `gone`, or until it abandons the message.
  class message {
   public:
    /// Whether all has been copied, and how much has been.
    bool gone() const { return copied_ == head_.bytes; }
    std::size_t copied() const { return copied_; }

   private:
    friend mpi_outbox;
    struct piece {
      mpi_buffer bytes;
      MPI_Request request;
    };
    void copy(void* to, std::size_t begin, std::size_t bytes) const {
      if (device_)
        device_->copy(to, data_ + begin, bytes);
      else
        std::memcpy(to, data_ + begin, bytes);
    }

    mpi_envelope head_;
    unsigned char const* data_;
    std::shared_ptr<message_memory> device_;  // where the data lie; null for the host
    int process_;
    std::size_t copied_ = 0;
    mpi_buffer first_;
    MPI_Request first_request_;
    std::deque<piece> pieces_;
  };

  explicit mpi_outbox(MPI_Comm processes) : comm_(processes) {}

  /// `device` is where the data lie, if not in the host's memory.
  std::shared_ptr<message> send(mpi_envelope head, void const* data, std::size_t process,
                                std::shared_ptr<message_memory> device = nullptr) {
    auto m = std::make_shared<message>();
    std::size_t const now = head.bytes <= mpi_inline_bytes ? head.bytes : 0;
    head.stream = now == head.bytes ? 0 : (device ? first_device_stream : 1) + stream_++ % mpi_streams;
    m->head_ = head;
    m->data_ = static_cast<unsigned char const*>(data);
    m->device_ = std::move(device);
    m->process_ = static_cast<int>(process);
    m->copied_ = now;
    m->first_ = mpi_buffer(sizeof head + now);
    std::memcpy(m->first_.get(), &head, sizeof head);
    if (now != 0) m->copy(m->first_.get() + sizeof head, 0, now);
    post(*m, m->first_.get(), sizeof head + now, m->first_request_);
    messages_.push_back(m);
    post_pieces(*m);
    return m;
  }

  /// No more of it is sent; the other process will know.
  void abandon(message& m) {
    if (m.gone()) return;
    m.head_.bytes = m.copied_;
    mpi_envelope head = m.head_;
    head.what = mpi_message::abandoned;
    head.number = head.stream;
    head.bytes = 0;
    send(head, nullptr, static_cast<std::size_t>(m.process_));
  }

  /// Keeps no memory of devices.
  void leave_devices() { spare_.leave_devices(); }

  void advance() {
    messages_.remove_if([&](auto& m) {
      post_pieces(*m);
      return m->gone() && m->pieces_.empty() && mpi_done(m->first_request_);
    });
  }

 private:
  static constexpr std::size_t most_pieces = 4;  // of a message at once

  void post(message const& m, void const* data, std::size_t bytes, MPI_Request& request) {
    mpi_library::check(MPI_Isend(data, static_cast<int>(bytes), MPI_BYTE, m.process_, static_cast<int>(m.head_.stream),
                                 comm_, &request),
                       "MPI_Isend");
  }
  void post_pieces(message& m) {
    while (!m.pieces_.empty() && mpi_done(m.pieces_.front().request)) {
      spare_.give(std::move(m.pieces_.front().bytes));
      m.pieces_.pop_front();
    }
    while (!m.gone() && m.pieces_.size() < most_pieces) {
      std::size_t const size = std::min<std::size_t>(mpi_piece_bytes, m.head_.bytes - m.copied_);
      m.pieces_.push_back({spare_.take(m.device_), MPI_REQUEST_NULL});
      try {
        m.copy(m.pieces_.back().bytes.get(), m.copied_, size);
      } catch (...) {  // a device has failed; nobody is to wait for the rest
        m.pieces_.pop_back();
        abandon(m);
        throw;
      }
      post(m, m.pieces_.back().bytes.get(), size, m.pieces_.back().request);
      m.copied_ += size;
    }
  }

  MPI_Comm comm_;
  std::list<std::shared_ptr<message>> messages_;
  mpi_pieces spare_;
  std::uint32_t stream_ = 0;
};

}  // namespace lockstep
