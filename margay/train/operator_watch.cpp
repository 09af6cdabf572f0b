#include "margay/train/operator_watch.h"

#include <exception>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <ATen/record_function.h>

namespace margay::train {
namespace {

/// "aten::add_" -> "add_".
std::string short_name(std::string_view op) {
  const std::size_t colon = op.rfind(':');
  return std::string(colon == std::string_view::npos ? op : op.substr(colon + 1));
}

/// The arguments, which LibTorch itself gives up before the operator has returned.
struct Arguments : at::ObserverContext {
  explicit Arguments(c10::ArrayRef<const c10::IValue> arguments) : values(arguments.begin(), arguments.end()) {}
  std::vector<c10::IValue> values;
};

class Watch {
 public:
  Watch(const torch::nn::Module& module, const OperatorListener& listener) : listener_(listener) {
    if (watching != nullptr) throw std::invalid_argument("[watch_operators] this thread is being watched already");
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
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() {
    at::removeCallback(handle_);
    watching = nullptr;
  }

  void rethrow_failure() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  static std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction& op) {
    auto arguments = std::make_unique<Arguments>(op.inputs());
    if (watching->depth_++ == 0) watching->recognise(arguments->values);
    return arguments;
  }

  static void end(const at::RecordFunction& op, at::ObserverContext* context) {
    --watching->depth_;
    const auto* arguments = dynamic_cast<const Arguments*>(context);
    if (arguments != nullptr && !watching->failure_) watching->tell(op, *arguments);
  }

  void recognise(const std::vector<c10::IValue>& inputs) {
    is_layer_ = false;
    for (const torch::Tensor& input : tensors_in(inputs)) {
      const auto layer = layers_.find(memory_of(input));
      if (layer == layers_.end()) continue;
      is_layer_ = true;
      latest_layer_ = layer->second;
      return;
    }
  }

  /// LibTorch would only log what is thrown here.
  void tell(const at::RecordFunction& op, const Arguments& arguments) {
    const at::DisableRecordFunctionGuard unwatched;  // looking takes operators too
    const std::vector<c10::IValue> outputs(op.outputs().begin(), op.outputs().end());
    try {
      listener_({short_name(op.name()), depth_, latest_layer_, is_layer_, arguments.values, outputs});
    } catch (...) {
      failure_ = std::current_exception();
    }
  }

  static thread_local Watch* watching;

  const OperatorListener& listener_;
  std::unordered_map<const void*, std::string> layers_;  ///< by the memory of their parameters
  at::CallbackHandle handle_ = at::INVALID_CALLBACK_HANDLE;
  int depth_ = 0;          ///< of the operator that is running
  bool is_layer_ = false;  ///< whether the outermost one has parameters
  std::string latest_layer_;
  std::exception_ptr failure_;
};

thread_local Watch* Watch::watching = nullptr;

}  // namespace

void watch_operators(const torch::nn::Module& module, const OperatorListener& listener,
                     const std::function<void()>& run) {
  const Watch watch(module, listener);
  run();
  watch.rethrow_failure();
}

std::vector<torch::Tensor> tensors_in(const std::vector<c10::IValue>& values) {
  std::vector<torch::Tensor> tensors;
  const auto add = [&](const torch::Tensor& tensor) {
    if (tensor.defined()) tensors.push_back(tensor);
  };
  for (const c10::IValue& value : values) {
    if (value.isTensor()) {
      add(value.toTensor());
    } else if (value.isTensorList()) {
      for (const torch::Tensor& each : value.toTensorVector()) add(each);
    }
  }
  return tensors;
}

const void* memory_of(const torch::Tensor& tensor) {
  return tensor.defined() && tensor.has_storage() ? tensor.storage().unsafeGetStorageImpl() : nullptr;
}

}  // namespace margay::train
