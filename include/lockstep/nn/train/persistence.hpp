// What a trainer keeps between epochs, and how that becomes a checkpoint and comes back.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "../../io/checkpoint.hpp"
#include "../optimizer.hpp"
#include "options.hpp"

namespace lockstep::nn {
inline namespace LOCKSTEP_COMPILER {

/// Everything that decides how training goes on.
template <class Network, class Optimizer>
struct training_state {
  Network model;
  Optimizer optimizer;
  train_options options;
  std::vector<float> velocity = std::vector<float>(Network::parameter_count);
  data::standardization how = {};  // of the first training set; empty before there was one
  index epochs_done = 0;
};

/// Stores what an optimizer was made of. An optimizer of your own needs these two functions in its namespace.
inline void store(io::checkpoint& file, sgd const& optimizer) {
  file.set_note("optimizer", "sgd");
  file.set("optimizer/momentum", optimizer.momentum);
  file.set("optimizer/nesterov", std::int32_t{optimizer.nesterov});
  file.set("optimizer/weight_decay", optimizer.weight_decay);
}
inline void restore(io::checkpoint const& file, sgd& optimizer) {
  file.expect_note("optimizer", "sgd");
  optimizer.momentum = file.value<float>("optimizer/momentum");
  optimizer.nesterov = file.value<std::int32_t>("optimizer/nesterov") != 0;
  optimizer.weight_decay = file.value<float>("optimizer/weight_decay");
}

/// A network's input and layers in words, which a checkpoint must agree on: "28 x 28 x 1, conv2d<32, 3, same>, relu".
template <class Network>
std::string describe() {
  std::string text = to_string(Network::layer_shapes.front());
  for (std::string const& layer : Network::layer_names()) text += ", " + layer;
  return text;
}

}  // namespace LOCKSTEP_COMPILER

namespace detail {

inline void store(io::checkpoint& file, schedule const& learning_rate) {
  schedule_parameters const& p = learning_rate.parameters();
  file.set("schedule/form", static_cast<std::int32_t>(p.shape));
  file.set("schedule/rate", p.rate);
  file.set("schedule/final_rate", p.final_rate);
  file.set("schedule/factor", p.factor);
  file.set("schedule/epochs", p.epochs);
  file.set("schedule/warm_up_epochs", p.warm_up_epochs);
}

inline schedule restore_schedule(io::checkpoint const& file, std::string const& path) {
  using form = schedule_parameters::form;
  schedule_parameters p;
  p.shape = static_cast<form>(file.value<std::int32_t>("schedule/form"));
  p.rate = file.value<float>("schedule/rate");
  p.final_rate = file.value<float>("schedule/final_rate");
  p.factor = file.value<float>("schedule/factor");
  p.epochs = file.value<double>("schedule/epochs");
  p.warm_up_epochs = file.value<double>("schedule/warm_up_epochs");
  if (p.shape == form::custom)
    throw error("resume: " + path + " was trained with a function as its learning rate, which cannot be stored; " +
                "give it again: resume(path, mesh, learning_rate)");
  return schedule(p);
}

inline void store(io::checkpoint& file, train_options const& options) {
  file.set("options/batch", options.batch);
  file.set("options/reduction", static_cast<std::int32_t>(options.reduction));
  file.set("options/shards", options.shards);
  std::vector<std::uint64_t> const buckets = {options.buckets.first, options.buckets.cap, options.buckets.last};
  file.set<std::uint64_t>("options/buckets", {3}, buckets);
  file.set("options/order", static_cast<std::int32_t>(options.order));
  store(file, options.learning_rate);
}

inline train_options restore_options(io::checkpoint const& file, std::string const& path,
                                     std::optional<schedule> const& learning_rate) {
  train_options options;
  options.batch = file.value<index>("options/batch");
  options.reduction = static_cast<reduction>(file.value<std::int32_t>("options/reduction"));
  options.shards = file.value<index>("options/shards");
  auto const buckets = file.values<std::uint64_t>("options/buckets", {3});
  options.buckets = {buckets[0], buckets[1], buckets[2]};
  if (file.contains("options/order"))  // not in checkpoints of earlier versions
    options.order = static_cast<gradient_order>(file.value<std::int32_t>("options/order"));
  options.learning_rate = learning_rate ? *learning_rate : restore_schedule(file, path);
  return options;
}

}  // namespace detail

inline namespace LOCKSTEP_COMPILER {

/// Writes a training state to `path`, which is replaced whole or not at all. Throws lockstep::error.
template <class Network, class Optimizer>
void save_training(std::string const& path, training_state<Network, Optimizer> const& state) {
  io::checkpoint file;
  file.set_note("content", "training");
  file.set_note("network", describe<Network>());
  std::vector<index> const every_parameter = {static_cast<index>(Network::parameter_count)};
  file.set<float>("parameters", every_parameter, state.model.parameters());
  file.set<float>("velocity", every_parameter, state.velocity);
  auto const channels = static_cast<index>(state.how.scale.size());
  file.set<float>("standardization/scale", {channels}, state.how.scale);
  file.set<float>("standardization/shift", {channels}, state.how.shift);
  file.set("epochs_done", state.epochs_done);
  store(file, state.optimizer);
  detail::store(file, state.options);
  file.write(path);
}

/// Reads what `save_training` wrote. Throws lockstep::error when the file cannot be opened, and format_error when it is
/// damaged, no checkpoint, or one of another network or optimizer.
template <class Network, class Optimizer>
training_state<Network, Optimizer> load_training(std::string const& path,
                                                 std::optional<schedule> const& learning_rate) {
  io::checkpoint const file = io::checkpoint::read(path);
  file.expect_note("content", "training");
  file.expect_note("network", describe<Network>());
  std::vector<index> const every_parameter = {static_cast<index>(Network::parameter_count)};
  training_state<Network, Optimizer> state{Network(seed(0)), {}, detail::restore_options(file, path, learning_rate)};
  restore(file, state.optimizer);
  auto const parameters = file.values<float>("parameters", every_parameter);
  std::copy(parameters.begin(), parameters.end(), state.model.parameters().begin());
  state.velocity = file.values<float>("velocity", every_parameter);
  std::vector<index> const channels = file.extents("standardization/scale");
  state.how = {file.values<float>("standardization/scale", channels),
               file.values<float>("standardization/shift", channels)};
  state.epochs_done = file.value<index>("epochs_done");
  return state;
}

}  // namespace LOCKSTEP_COMPILER
}  // namespace lockstep::nn
