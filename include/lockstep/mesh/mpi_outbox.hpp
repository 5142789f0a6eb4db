// mpi_outbox: messages on their way out. MPI gets copies, piece by piece: once a rank has given up, nobody reads its
// memory any more, whatever state MPI and the other process are in.
#pragma once

#include <algorithm>
#include <cstring>
#include <deque>
#include <list>
#include <memory>
#include <vector>

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
    std::size_t copied_ = 0, ready_ = 0;
    std::size_t unit_ = 1;  // bytes of an element: pieces hold whole ones
    std::deque<piece> pieces_;
  };

  explicit mpi_outbox(MPI_Comm processes) : comm_(processes) {}

  /// `device` is where the data lie, if not in the host's memory. Null when all has been copied at once.
  std::shared_ptr<message> send(mpi_envelope head, void const* data, std::size_t process,
                                std::shared_ptr<message_memory> device = nullptr) {
    if (head.bytes > mpi_inline_bytes) return send_pieces(head, data, head.bytes, 1, process, std::move(device));
    head.stream = 0;
    going_.push_back({buffers_.take(sizeof head + head.bytes), MPI_REQUEST_NULL});
    unsigned char* const begin = going_.back().bytes.get();
    std::memcpy(begin, &head, sizeof head);
    if (head.bytes != 0 && device)
      device->copy(begin + sizeof head, data, head.bytes);
    else if (head.bytes != 0)
      std::memcpy(begin + sizeof head, data, head.bytes);
    post(begin, sizeof head + head.bytes, static_cast<int>(process), 0, going_.back().request);
    return nullptr;
  }

  /// More than mpi_inline_bytes, in elements of `unit` bytes, the first `ready` bytes of which may be read by now.
  std::shared_ptr<message> send_pieces(mpi_envelope head, void const* data, std::size_t ready, std::size_t unit,
                                       std::size_t process, std::shared_ptr<message_memory> device = nullptr) {
    auto m = std::make_shared<message>();
    head.stream = (device ? first_device_stream : 1) + stream_++ % mpi_streams;
    m->head_ = head;
    m->data_ = static_cast<unsigned char const*>(data);
    m->device_ = std::move(device);
    m->process_ = static_cast<int>(process);
    m->ready_ = ready;
    m->unit_ = unit;
    post_piece(*m, m->device_ ? 0 : next_piece(*m), &m->head_);
    messages_.push_back(m);
    post_pieces(*m);
    return m;
  }
  /// The first `bytes` of it may be read.
  void allow(message& m, std::size_t bytes) {
    m.ready_ = bytes;
    post_pieces(m);
  }

  /// No more of it is sent; the other process will know.
  void abandon(message& m) {
    if (m.gone()) return;
    m.head_.bytes = m.ready_ = m.copied_;
    mpi_envelope head = m.head_;
    head.what = mpi_message::abandoned;
    head.number = head.stream;
    head.bytes = 0;
    send(head, nullptr, static_cast<std::size_t>(m.process_));
  }

  /// Keeps no memory of devices.
  void leave_devices() { buffers_.leave_devices(); }

  void advance() {
    for (std::size_t i = 0; i < going_.size();) {
      if (!mpi_done(going_[i].request)) {
        ++i;
        continue;
      }
      buffers_.give(std::move(going_[i].bytes));
      std::swap(going_[i], going_.back());
      going_.pop_back();
    }
    if (!messages_.empty())
      messages_.remove_if([&](auto& m) {
        post_pieces(*m);
        return m->gone() && m->pieces_.empty();
      });
  }

 private:
  /// Pieces of a message on their way at once: few on hosts, so that they stay in the caches.
  static std::size_t most_pieces(message const& m) { return m.device_ ? 4 : 8; }

  void post(void const* data, std::size_t bytes, int process, std::uint32_t tag, MPI_Request& request) {
    mpi_library::check(
        MPI_Isend(data, static_cast<int>(bytes), MPI_BYTE, process, static_cast<int>(tag), comm_, &request),
        "MPI_Isend");
  }
  static std::size_t piece_bytes(message const& m) { return m.device_ ? mpi_device_piece_bytes : mpi_piece_bytes; }
  /// The bytes of the next piece: whole elements.
  static std::size_t next_piece(message const& m) {
    std::size_t const most = std::max(m.unit_, piece_bytes(m) / m.unit_ * m.unit_);
    return std::min<std::size_t>(most, m.ready_ - m.copied_);
  }
  void post_pieces(message& m) {
    while (!m.pieces_.empty() && mpi_done(m.pieces_.front().request)) {
      buffers_.give(std::move(m.pieces_.front().bytes));
      m.pieces_.pop_front();
    }
    while (m.copied_ < m.ready_ && m.pieces_.size() < most_pieces(m)) post_piece(m, next_piece(m), nullptr);
  }
  /// `head` goes before the bytes, if it is not null.
  void post_piece(message& m, std::size_t size, mpi_envelope const* head) {
    std::size_t const before = head ? sizeof *head : 0;
    m.pieces_.push_back({buffers_.take(before + size, head ? nullptr : m.device_), MPI_REQUEST_NULL});
    unsigned char* const begin = m.pieces_.back().bytes.get();
    if (head) std::memcpy(begin, head, sizeof *head);
    try {
      if (size != 0) m.copy(begin + before, m.copied_, size);
    } catch (...) {  // a device has failed; nobody is to wait for the rest
      m.pieces_.pop_back();
      abandon(m);
      throw;
    }
    post(begin, before + size, m.process_, m.head_.stream, m.pieces_.back().request);
    m.copied_ += size;
  }

  MPI_Comm comm_;
  std::list<std::shared_ptr<message>> messages_;
  std::vector<typename message::piece> going_;  // short ones
  mpi_buffers buffers_;
  std::uint32_t stream_ = 0;
};

}  // namespace lockstep
