// mesh: an ordered set of devices that can talk to each other. Its position in the set is a device's rank.
#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "../device/device.hpp"

namespace lockstep {

/// Devices by rank, and how long their collectives may wait. A cheap value: copies share the devices.
class mesh {
 public:
  static constexpr double default_timeout = 30;  ///< seconds

  /// Throws device_error unless there is at least one device and all are of one kind.
  explicit mesh(std::vector<lockstep::device> devices)
      : devices_(std::make_shared<std::vector<lockstep::device> const>(std::move(devices))) {
    if (devices_->empty()) throw device_error("mesh: found no devices, expected at least one");
    for (std::size_t rank = 0; rank < size(); ++rank)
      if (device(rank).is_cpu() != is_cpu())
        throw device_error(text_of({"mesh: found ", device(0).name(), " at rank 0 and ", device(rank).name(),
                                    " at rank ", rank, ", expected devices of one kind"}));
  }

  /// `devices` distinct CPU devices that share the machine: each has `threads_per_device` threads, 0 meaning an equal
  /// part of all, at least one. The same numbers give the same devices. Throws device_error for no devices.
  static mesh cpu(std::size_t devices, std::size_t threads_per_device = 0);

  /// "cpu:4" (four CPU devices), "cpu" (one with all threads), "gpu:2" (GPUs 0 and 1). Throws device_error for
  /// anything else.
  static mesh parse(std::string const& text);

  std::size_t size() const { return devices_->size(); }
  bool is_cpu() const { return devices_->front().is_cpu(); }
  /// Whether all devices belong to this process.
  bool is_local() const { return true; }
  /// Throws device_error when there is no such rank.
  lockstep::device const& device(std::size_t rank) const {
    if (rank >= size())
      throw device_error(text_of({"mesh::device: found rank ", rank, ", expected less than ", size()}));
    return (*devices_)[rank];
  }

  /// Seconds after which a collective that still waits for other ranks gives up.
  double timeout() const { return timeout_; }
  /// Changes the timeout of this value and of later copies of it. Throws lockstep::error unless it is positive.
  mesh& set_timeout(double seconds) {
    if (!(seconds > 0)) throw_timeout(seconds);
    timeout_ = seconds;
    return *this;
  }

  /// Whether both have the same devices in the same order.
  friend bool operator==(mesh const& a, mesh const& b) { return *a.devices_ == *b.devices_; }

 private:
  [[noreturn, gnu::cold, gnu::noinline]] static void throw_timeout(double seconds) {
    std::string text = "mesh::set_timeout: found ";
    append_number(text, seconds);
    append_text(text, {" seconds, expected a positive number"});
    throw error(text);
  }

  std::shared_ptr<std::vector<lockstep::device> const> devices_;
  double timeout_ = default_timeout;
};

inline mesh mesh::cpu(std::size_t devices, std::size_t threads_per_device) {
  if (devices == 0) throw device_error("mesh::cpu: found 0 devices, expected at least one");
  if (threads_per_device == 0) threads_per_device = std::max<std::size_t>(1, device::cpu().threads() / devices);
  static std::mutex mutex;
  static std::vector<mesh> known;
  std::lock_guard lock(mutex);
  for (mesh const& each : known)
    if (each.size() == devices && each.device(0).threads() == threads_per_device) return each;
  std::vector<lockstep::device> all;
  for (std::size_t i = 0; i < devices; ++i)
    all.push_back(lockstep::device::new_cpu(threads_per_device, static_cast<int>(i)));
  return known.emplace_back(std::move(all));
}

inline mesh mesh::parse(std::string const& text) {
  std::size_t const colon = text.find(':');
  std::string const kind = text.substr(0, colon);
  std::string const digits = colon == std::string::npos ? "1" : text.substr(colon + 1);
  bool good = (kind == "cpu" || kind == "gpu") && !digits.empty() && digits.size() <= 4;
  for (char c : digits) good = good && c >= '0' && c <= '9';
  std::size_t const count = good ? std::stoul(digits) : 0;
  if (count == 0)
    throw device_error(text_of({"mesh::parse: found \"", text, "\", expected cpu, cpu:DEVICES or gpu:DEVICES"}));
  if (kind == "cpu") return cpu(count);
  std::vector<lockstep::device> all;
  for (std::size_t i = 0; i < count; ++i) all.push_back(lockstep::device::gpu(static_cast<int>(i)));
  return mesh(std::move(all));
}

}  // namespace lockstep
