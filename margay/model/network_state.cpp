#include "margay/model/network_state.h"

#include <mutex>

#include <ATen/Context.h>
#include <torch/utils.h>

#include "margay/model/network_draws.h"

namespace margay::model {

RandomState::RandomState(c10::Device device) {
  const std::optional<at::Generator> own = drawing_generator();
  keep(own ? *own : at::globalContext().defaultGenerator(c10::Device(c10::kCPU)));
  if (!own && device.is_cuda()) keep(at::globalContext().defaultGenerator(device));
}

void RandomState::keep(at::Generator generator) {
  const std::lock_guard lock(generator.mutex());
  kept_.push_back({generator, generator.get_state()});
}

void RandomState::restore() const {
  for (const Kept& each : kept_) {
    at::Generator generator = each.generator;
    const std::lock_guard lock(generator.mutex());
    generator.set_state(each.state);
  }
}

StateGuard::StateGuard(const std::vector<torch::Tensor>& buffers, c10::Device device)
    : buffers_(buffers), random_(device) {
  values_.reserve(buffers.size());
  for (const torch::Tensor& each : buffers) values_.push_back(each.detach().clone());
}

StateGuard::~StateGuard() {
  const torch::NoGradGuard no_grad;
  for (std::size_t i = 0; i < buffers_.size(); ++i) {
    // Graphs that hold a buffer need not hear of it (its version stays): the values are those that they have seen.
    buffers_[i].variable_data().copy_(values_[i]);
  }
  random_.restore();
}

ModeGuard::ModeGuard(torch::nn::Module& network) {
  for (const auto& module : network.modules()) modes_.emplace_back(module, module->is_training());
}

ModeGuard::~ModeGuard() {
  for (const auto& [module, was_training] : modes_) module->train(was_training);
}

}  // namespace margay::model
