#include "margay/interpret/xray_options.h"

#include <cmath>
#include <stdexcept>

#include <fmt/format.h>
#include <torch/types.h>

namespace margay::interpret {
namespace {

std::vector<std::string> numbered(const char* prefix, std::int64_t first, std::int64_t count) {
  std::vector<std::string> names;
  names.reserve(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) names.push_back(fmt::format("{}{}", prefix, first + i));
  return names;
}

std::vector<std::string> given_or(const char* function, const char* what, const std::vector<std::string>& given,
                                  std::vector<std::string> fallback) {
  if (given.empty()) return fallback;
  if (given.size() == fallback.size()) return given;
  throw std::invalid_argument(fmt::format("[{}] {} names for {} {}", function, given.size(), fallback.size(), what));
}

/// Blank names replaced by those of `fallback`.
std::vector<std::string> filled(std::vector<std::string> names, const std::vector<std::string>& fallback) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i].find_first_not_of(" \t") == std::string::npos) names[i] = fallback[i];
  }
  return names;
}

void check_numbers(const char* function, const XrayInput& input) {
  const torch::Tensor bad = input.logits.isnan().logical_or(input.logits.isposinf());
  if (!bad.any().item<bool>()) return;
  const auto at = bad.flatten().to(torch::kInt).argmax().item<std::int64_t>();
  const std::int64_t classes = input.logits.size(1);
  throw std::invalid_argument(fmt::format("[{}] logits must be finite or -inf; '{}' of '{}' is {}", function,
                                          input.class_names[static_cast<std::size_t>(at % classes)],
                                          input.row_names[static_cast<std::size_t>(at / classes)],
                                          input.logits.flatten()[at].item<double>()));
}

}  // namespace

XrayInput::XrayInput(const char* function, const torch::Tensor& given, const XrayOptions& options) {
  if (!given.defined() || !given.is_floating_point() || given.dim() != 2 || given.size(1) == 0) {
    throw std::invalid_argument(fmt::format("[{}] logits must be floating [N,K] with K > 0", function));
  }
  if (!(options.step >= 0) || !std::isfinite(options.step)) {
    throw std::invalid_argument(fmt::format("[{}] step must be at least 0, got {}", function, options.step));
  }
  logits = given.detach().to(torch::kCPU, torch::kDouble).contiguous();
  class_names = given_or(function, "classes", options.class_names, numbered("", 0, given.size(1)));
  const std::vector<std::string> rows = numbered("row ", 1, given.size(0));
  row_names = filled(given_or(function, "rows", options.row_names, rows), rows);
  check_numbers(function, *this);
}

std::vector<double> numbers_of(const torch::Tensor& tensor) {
  const torch::Tensor flat = (tensor.detach().to(torch::kDouble) + 0.0).contiguous();  // -0.0 + 0.0 is 0.0
  return {flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel()};
}

}  // namespace margay::interpret
