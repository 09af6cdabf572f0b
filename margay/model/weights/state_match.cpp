#include "margay/model/weights/state_match.h"

#include <algorithm>

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace margay::model {
namespace {

constexpr std::size_t kShown = 3;

std::string describe(const at::Tensor& tensor) {
  return fmt::format("{}[{}]", tensor.is_floating_point() ? "" : "whole numbers ", fmt::join(tensor.sizes(), ","));
}

bool fits(const at::Tensor& expected, const at::Tensor& found) {
  return expected.sizes() == found.sizes() && expected.is_floating_point() == found.is_floating_point();
}

void append_kind(std::string& text, const std::vector<std::string>& names, const char* kind) {
  if (names.empty()) return;
  const std::size_t shown = std::min(names.size(), kShown);
  text += fmt::format("{}{} {}: {}", text.empty() ? "" : "; ", names.size(), kind,
                      fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
  if (shown < names.size()) text += fmt::format(" and {} more", names.size() - shown);
}

}  // namespace

std::string StateMismatch::text() const {
  std::string text;
  append_kind(text, missing, "missing");
  append_kind(text, extra, "not expected");
  append_kind(text, misshapen, "of another shape");
  return text;
}

StateMismatch compare_states(const TensorMap& expected, const TensorMap& found) {
  StateMismatch mismatch;
  for (const auto& [name, tensor] : expected) {
    const auto other = found.find(name);
    if (other == found.end()) {
      mismatch.missing.push_back(name);
    } else if (!fits(tensor, other->second)) {
      mismatch.misshapen.push_back(
          fmt::format("{} expected {}, found {}", name, describe(tensor), describe(other->second)));
    }
  }
  for (const auto& each : found) {
    if (!expected.contains(each.first)) mismatch.extra.push_back(each.first);
  }
  return mismatch;
}

void copy_state(const TensorMap& from, const TensorMap& to) {
  const at::NoGradGuard no_grad;
  for (const auto& [name, tensor] : to) tensor.copy_(from.at(name));
}

}  // namespace margay::model
