#include "margay/model/operator_watch.h"

#include <array>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <ATen/record_function.h>

namespace margay::model {
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

namespace {

/// Matrix products, and which argument is the left factor.
constexpr std::array kProducts = {std::pair{"mm", 0},   std::pair{"bmm", 0},   std::pair{"mv", 0},
                                  std::pair{"dot", 0},  std::pair{"addmm", 1}, std::pair{"baddbmm", 1},
                                  std::pair{"addmv", 1}};
constexpr std::array kAttentions = {"scaled_dot_product_attention", "_scaled_dot_product_attention"};

std::optional<std::size_t> left_factor(std::string_view name) {
  for (const auto& [product, argument] : kProducts) {
    if (name == product) return argument;
  }
  return std::nullopt;
}

bool is_attention(std::string_view name) {
  for (const char* attention : kAttentions) {
    if (name == attention) return true;
  }
  return false;
}

/// Every number of the result, of a transposed convolution every one of the input, meets the weights of one channel.
std::int64_t convolution_macs(const WatchedOperator& op) {
  constexpr std::size_t kTransposed = 6;
  const torch::Tensor weight = op.inputs.at(1).toTensor();
  const torch::Tensor visited = (op.inputs.at(kTransposed).toBool() ? op.inputs : op.outputs).at(0).toTensor();
  return weight.numel() == 0 ? 0 : visited.numel() * (weight.numel() / weight.size(0));
}

/// q [...,L,E], k [...,S,E], v [...,S,V]: L·S·E + L·S·V for each head.
std::int64_t attention_macs(const WatchedOperator& op) {
  const torch::Tensor query = op.inputs.at(0).toTensor();
  const torch::Tensor key = op.inputs.at(1).toTensor();
  const torch::Tensor value = op.inputs.at(2).toTensor();
  const std::int64_t rows = query.numel() / query.size(-1);
  return rows * key.size(-2) * (query.size(-1) + value.size(-1));
}

}  // namespace

std::int64_t macs_of(const WatchedOperator& op) {
  if (op.name == "convolution") return convolution_macs(op);
  if (is_attention(op.name)) return attention_macs(op);
  const std::optional<std::size_t> left = left_factor(op.name);
  return left ? op.outputs.at(0).toTensor().numel() * op.inputs.at(*left).toTensor().size(-1) : 0;
}

std::int64_t MacCounter::add(const WatchedOperator& op) {
  const auto depth = static_cast<std::size_t>(op.depth);
  if (finished_.size() < depth + 2) finished_.resize(depth + 2, 0);
  const std::int64_t called = std::exchange(finished_[depth + 1], 0);
  const std::int64_t own = macs_of(op);
  const std::int64_t all = own > 0 ? own : called;
  finished_[depth] += all;
  return all;
}

}  // namespace margay::model
