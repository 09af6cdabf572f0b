#include "margay/interpret/xray_options.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include <fmt/format.h>

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

namespace {

/// Of parts, where the sum overflows.
double mean(const std::vector<double>& losses) {
  const auto count = static_cast<double>(losses.size());
  const double sum = std::accumulate(losses.begin(), losses.end(), 0.0);
  if (std::isfinite(sum)) return sum / count;
  return std::accumulate(losses.begin(), losses.end(), 0.0,
                         [&](double all, double each) { return all + each / count; });
}

}  // namespace

double share_of(double part, double whole) {
  if (std::isinf(part)) return 1;
  return whole > 0 ? std::clamp(part / whole, 0.0, 1.0) : 0;
}

std::vector<double> shares_of(const std::vector<double>& losses) {
  if (losses.empty()) return {};
  const double top = *std::max_element(losses.begin(), losses.end());
  std::vector<double> shares;
  shares.reserve(losses.size());
  for (const double loss : losses) shares.push_back(loss == top && top > 0 ? 1 : share_of(loss, top));
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  for (double& share : shares) share = share_of(share, sum);
  return shares;
}

std::optional<XraySummary> summarize(const std::vector<RowLoss>& losses) {
  if (losses.empty()) return std::nullopt;
  std::vector<double> numbers;
  for (const RowLoss& each : losses) numbers.push_back(each.loss);
  const auto heaviest = std::max_element(numbers.begin(), numbers.end()) - numbers.begin();
  return XraySummary{.rows = losses.size(),
                     .mean_loss = mean(numbers),
                     .heaviest_row = losses[static_cast<std::size_t>(heaviest)].name,
                     .heaviest_share = shares_of(numbers)[static_cast<std::size_t>(heaviest)]};
}

}  // namespace margay::interpret
