#include "margay/model/gradient_checkpointing.h"

#include <optional>
#include <stdexcept>

#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/utils.h>

#include "margay/model/fused/synced_batch_norm.h"
#include "margay/model/network_draws.h"
#include "margay/model/network_state.h"
#include "margay/model/precision.h"
#include "margay/model/torch_compat.h"

namespace margay::model {
namespace {

/// What autocast does now on a device.
Precision current_precision(c10::Device device) {
  const bool has_autocast = device.is_cpu() || device.is_cuda();
  if (!has_autocast || !compat::autocast_enabled(device.type())) return Precision::kFp32;
  return compat::autocast_dtype(device.type()) == at::kHalf ? Precision::kFp16 : Precision::kBf16;
}

/// Autocast's copies of the weights are not shared between a run without graph and one with: their gradients would
/// never reach the weights.
class NoAutocastCache {
 public:
  NoAutocastCache() { at::autocast::set_autocast_cache_enabled(false); }
  NoAutocastCache(const NoAutocastCache&) = delete;
  NoAutocastCache& operator=(const NoAutocastCache&) = delete;
  ~NoAutocastCache() { at::autocast::set_autocast_cache_enabled(was_enabled_); }

 private:
  bool was_enabled_ = at::autocast::is_autocast_cache_enabled();
};

/// All that the second run needs besides its input. (A class of LibTorch's, so that its graph can hold it.)
struct Rerun : public torch::CustomClassHolder {
  Rerun(const Segment& the_segment, c10::Device the_device)
      : segment(the_segment), device(the_device), precision(current_precision(the_device)), random(the_device) {
    for (const auto& module : segment.modules) {
      for (const torch::Tensor& each : module->parameters()) {
        if (each.requires_grad()) parameters.push_back(each);
      }
      for (const torch::Tensor& each : module->buffers()) buffers.push_back(each);
    }
  }

  /// With graph; everything but that is as in the first run.
  torch::Tensor operator()(const torch::Tensor& x) const {
    const torch::AutoGradMode with_graph(true);
    const Autocast autocast(device, precision);
    const NoAutocastCache no_cache;
    // A GPU's backward pass runs on a thread of LibTorch's, which has none of this thread's scopes.
    const DrawScope draws(generator);
    const SyncedNorms norms(sum);
    random.restore();
    return segment.run(x);
  }

  Segment segment;
  c10::Device device;
  Precision precision;
  std::optional<at::Generator> generator = drawing_generator();
  std::shared_ptr<const SumOverProcesses> sum = synced_sum();
  RandomState random;
  std::vector<torch::Tensor> parameters;  ///< that are trained
  std::vector<torch::Tensor> buffers;
};

/// The parameters are inputs of the node, so that their gradients go on from it, even where x needs none.
class CheckpointedFunction : public torch::autograd::Function<CheckpointedFunction> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const c10::intrusive_ptr<Rerun>& rerun,
                               const torch::Tensor& x, at::TensorList /*parameters*/) {
    context->save_for_backward({x});
    context->saved_data[kRerun] = c10::IValue::make_capsule(rerun);
    const NoAutocastCache no_cache;
    return rerun->segment.run(x);
  }

  static std::vector<torch::Tensor> backward(torch::autograd::AutogradContext* context,
                                             const std::vector<torch::Tensor>& output_gradients) {
    if (torch::GradMode::is_enabled()) {
      throw std::invalid_argument(
          "[checkpointed] gradients of gradients (create_graph) need the graph that gradient checkpointing drops; "
          "switch it off");
    }
    const auto holder = context->saved_data[kRerun].toCapsule();
    const auto& rerun = static_cast<const Rerun&>(*holder);
    const torch::Tensor kept = context->get_saved_variables().front();
    const torch::Tensor x = kept.detach().set_requires_grad(kept.requires_grad());
    const StateGuard guard(rerun.buffers, rerun.device);  // over both passes: the second reads the buffers
    return input_gradients(rerun, x, rerun(x), output_gradients.front());
  }

 private:
  static constexpr const char* kRerun = "rerun";

  /// One entry for each of forward's arguments: none for the first, x's, and those of the parameters.
  static std::vector<torch::Tensor> input_gradients(const Rerun& rerun, const torch::Tensor& x,
                                                    const torch::Tensor& output, const torch::Tensor& gradient) {
    std::vector<torch::Tensor> inputs = rerun.parameters;
    if (x.requires_grad()) inputs.insert(inputs.begin(), x);
    constexpr bool kCreateGraph = false;
    constexpr bool kAllowUnused = true;
    std::vector<torch::Tensor> gradients =
        torch::autograd::grad({output}, inputs, {gradient}, /*retain_graph=*/false, kCreateGraph, kAllowUnused);
    gradients.insert(gradients.begin(), x.requires_grad() ? 1 : 2, torch::Tensor());
    return gradients;
  }
};

}  // namespace

torch::Tensor checkpointed(const Segment& segment, const torch::Tensor& x) {
  if (!torch::GradMode::is_enabled()) return segment.run(x);
  const auto rerun = c10::make_intrusive<Rerun>(segment, x.device());
  if (!x.requires_grad() && rerun->parameters.empty()) return segment.run(x);
  const at::TensorList parameters = rerun->parameters;
  return CheckpointedFunction::apply(rerun, x, parameters);
}

}  // namespace margay::model
