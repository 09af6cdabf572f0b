#include "margay/model/random_state.h"

#include <mutex>

#include <ATen/Context.h>

namespace margay::model {

RandomState::RandomState(c10::Device device) {
  keep(c10::Device(c10::kCPU));
  if (device.is_cuda()) keep(device);
}

void RandomState::keep(c10::Device device) {
  at::Generator generator = at::globalContext().defaultGenerator(device);
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

}  // namespace margay::model
