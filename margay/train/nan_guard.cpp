#include "margay/train/nan_guard.h"

#include <memory>
#include <string_view>
#include <unordered_map>

#include <ATen/record_function.h>
#include <fmt/format.h>
#include <torch/utils.h>

#include "margay/model/state_guard.h"

namespace margay::train {
namespace {

bool is_finite(const torch::Tensor& tensor) {
  return !tensor.is_floating_point() || tensor.isfinite().all().item<bool>();
}

/// "aten::add_" -> "add_".
std::string short_name(std::string_view op) {
  const std::size_t colon = op.rfind(':');
  return std::string(colon == std::string_view::npos ? op : op.substr(colon + 1));
}

/// What a tensor shares with its views (a linear layer multiplies by its weight's transpose); null if it has none.
const void* memory_of(const torch::Tensor& tensor) {
  return tensor.defined() && tensor.has_storage() ? tensor.storage().unsafeGetStorageImpl() : nullptr;
}

/// While it lives it looks at the result of every operator that this thread calls. C++ modules have no hooks, but
/// LibTorch's operators have; a layer is recognised by its parameters among the arguments. So any network can be
/// watched, and none needs to know of it.
class OperatorWatch {
 public:
  explicit OperatorWatch(const torch::nn::Module& module) {
    for (const auto& each : module.named_modules("", /*include_self=*/false)) {
      for (const torch::Tensor& own : each.value()->parameters(/*recurse=*/false)) {
        layers_.emplace(memory_of(own), each.key());
      }
    }
    watching = this;
    handle_ = at::addThreadLocalCallback(at::RecordFunctionCallback(&begin, &end)
                                             .needsInputs(true)
                                             .needsOutputs(true)
                                             .scopes({at::RecordScope::FUNCTION}));
  }
  OperatorWatch(const OperatorWatch&) = delete;
  OperatorWatch& operator=(const OperatorWatch&) = delete;
  ~OperatorWatch() {
    at::removeCallback(handle_);
    watching = nullptr;
  }

  /// The first whose result was not finite.
  const std::string& found() const { return found_; }

 private:
  static std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction& op) {
    if (watching->depth_++ == 0) watching->recognise(op);
    return nullptr;
  }
  static void end(const at::RecordFunction& op, at::ObserverContext* /*context*/) {
    if (--watching->depth_ == 0 && watching->found_.empty()) watching->examine(op);
  }

  void recognise(const at::RecordFunction& op) {
    is_layer_ = false;
    for (const c10::IValue& input : op.inputs()) {
      const auto layer = input.isTensor() ? layers_.find(memory_of(input.toTensor())) : layers_.end();
      if (layer == layers_.end()) continue;
      is_layer_ = true;
      latest_layer_ = layer->second;
      return;
    }
  }

  void examine(const at::RecordFunction& op) {
    const at::DisableRecordFunctionGuard unwatched;  // looking takes operators too
    for (const c10::IValue& output : op.outputs()) {
      if (output.isTensor() && output.toTensor().defined() && !is_finite(output.toTensor())) {
        found_ = is_layer_ ? latest_layer_ : fmt::format("{} after {}", short_name(op.name()), latest_layer_);
        return;
      }
    }
  }

  static thread_local OperatorWatch* watching;

  std::unordered_map<const void*, std::string> layers_;  ///< by the memory of their parameters
  at::CallbackHandle handle_ = at::INVALID_CALLBACK_HANDLE;
  int depth_ = 0;          ///< operators call others; only the outermost are layers
  bool is_layer_ = false;  ///< whether the outermost one has parameters
  std::string latest_layer_ = "images";
  std::string found_;
};

thread_local OperatorWatch* OperatorWatch::watching = nullptr;

/// The first of the classifier's own tensors that is not finite, or "".
std::string non_finite_state(const model::Classifier& classifier) {
  for (const auto& each : classifier.named_parameters()) {
    if (!is_finite(each.value())) return each.key();
  }
  for (const auto& each : classifier.named_buffers()) {
    if (!is_finite(each.value())) return each.key();
  }
  return "";
}

}  // namespace

std::string first_non_finite_layer(model::Classifier& classifier, const torch::Tensor& images,
                                   model::Precision precision) {
  const torch::NoGradGuard no_grad;
  if (!is_finite(images)) return "images";
  std::string state = non_finite_state(classifier);
  if (!state.empty()) return state;
  const model::StateGuard guard(classifier.buffers(), classifier.device());
  const model::Autocast autocast(classifier.device(), precision);
  const OperatorWatch watch(classifier);
  classifier.forward(images);
  return watch.found();
}

}  // namespace margay::train
