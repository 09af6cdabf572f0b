#pragma once

#include <memory>
#include <string>
#include <vector>

#include <ATen/record_function.h>
#include <torch/types.h>

namespace margay::testing_support {

/// While it lives it notes every operator of this thread that copies an image-shaped tensor [N,C,H,W] without
/// converting its type: a change of layout that nobody asked for. (Types change where autocast wants it; a parameter's
/// is a tensor of four dimensions, too, but is in the right layout already.)
class LayoutWatch {
 public:
  LayoutWatch() {
    watching() = this;
    handle_ = at::addThreadLocalCallback(
        at::RecordFunctionCallback(&begin).needsInputs(true).scopes({at::RecordScope::FUNCTION}));
  }
  LayoutWatch(const LayoutWatch&) = delete;
  LayoutWatch& operator=(const LayoutWatch&) = delete;
  ~LayoutWatch() {
    at::removeCallback(handle_);
    watching() = nullptr;
  }

  /// Each copy as "aten::copy_ [2, 64, 16, 16] strides […] -> […]".
  const std::vector<std::string>& copies() const { return copies_; }

 private:
  static LayoutWatch*& watching() {
    static thread_local LayoutWatch* watch = nullptr;
    return watch;
  }

  static std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction& op) {
    watching()->examine(op);
    return nullptr;
  }

  static bool is_image(const c10::IValue& value) {
    return value.isTensor() && value.toTensor().defined() && value.toTensor().dim() == 4;
  }

  /// Everything that copies, such as contiguous and clone, goes through copy_(to, from) in the end.
  void examine(const at::RecordFunction& op) {
    const std::string name = op.name();
    const auto inputs = op.inputs();
    if (name == "aten::copy_" && inputs.size() >= 2 && is_image(inputs[0]) && is_image(inputs[1])) {
      const torch::Tensor to = inputs[0].toTensor();
      const torch::Tensor from = inputs[1].toTensor();
      const bool is_conversion_of_type = to.scalar_type() != from.scalar_type() && to.strides() == from.strides();
      if (!is_conversion_of_type) note(name, from, to);
    }
  }

  void note(const std::string& name, const torch::Tensor& from, const torch::Tensor& to) {
    const auto text = [](torch::IntArrayRef numbers) {
      std::string all;
      for (const std::int64_t each : numbers) all += std::to_string(each) + " ";
      return all;
    };
    copies_.push_back(name + " of " + text(from.sizes()) + "strides " + text(from.strides()) + "-> " +
                      text(to.strides()));
  }

  at::CallbackHandle handle_ = at::INVALID_CALLBACK_HANDLE;
  std::vector<std::string> copies_;
};

}  // namespace margay::testing_support
