#include "margay/interpret/calibrated_rows.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <torch/types.h>

namespace margay::interpret {
namespace {

constexpr std::int64_t kPartImages = 1024;

[[noreturn]] void refuse_rows(const std::string& problem) { throw std::invalid_argument("[calibration] " + problem); }

void check_logits_are_finite(const torch::Tensor& logits) {
  for (std::int64_t first = 0; first < logits.size(0); first += kPartImages) {
    const torch::Tensor part = logits.slice(0, first, first + kPartImages);
    const torch::Tensor is_bad = torch::isfinite(part).logical_not().any(1);
    if (!is_bad.any().item<bool>()) continue;
    const auto row = first + is_bad.to(torch::kInt).argmax().item<std::int64_t>();
    refuse_rows(fmt::format("the logits of row {} are not finite", row));
  }
}

}  // namespace

CalibratedRows::CalibratedRows(const predict::Predictions& predictions, data::Task task,
                               const torch::Tensor& temperatures)
    : logits_(predictions.logits), targets_(predictions.targets), task_(task) {
  if (!logits_.defined() || logits_.dim() != 2 || logits_.numel() == 0) refuse_rows("there are no images");
  if (!targets_.defined()) refuse_rows("the images have no labels");
  const bool fits = is_single_label()
                        ? targets_.dim() == 1 && targets_.scalar_type() == torch::kLong && targets_.size(0) == images()
                        : targets_.sizes() == logits_.sizes();
  if (!fits) refuse_rows("targets must be int64 [N], or floating [N,K] for several labels, as many as logits");
  if (is_single_label() &&
      (targets_.min().item<std::int64_t>() < 0 || targets_.max().item<std::int64_t>() >= classes())) {
    refuse_rows(fmt::format("targets must be classes 0 … {}", classes() - 1));
  }
  temperatures_ = temperatures.to(torch::kDouble).reshape({-1}).expand({images()});
  if (!(temperatures_ > 0).all().item<bool>()) refuse_rows("temperatures must be above 0");
  check_logits_are_finite(logits_);
}

void CalibratedRows::for_each_part(const std::function<void(const CalibratedPart& part)>& visit) const {
  for (std::int64_t first = 0; first < images(); first += kPartImages) {
    const std::int64_t end = std::min(first + kPartImages, images());
    CalibratedPart part{.first = first};
    part.logits = logits_.slice(0, first, end).to(torch::kDouble) / temperatures_.slice(0, first, end).unsqueeze(1);
    part.probabilities = metric::probabilities(part.logits, activation());
    part.targets = targets_.slice(0, first, end);
    if (!is_single_label()) part.targets = part.targets.to(torch::kDouble);
    part.hits =
        is_single_label() ? torch::zeros_like(part.logits).scatter_(1, part.targets.unsqueeze(1), 1) : part.targets;
    visit(part);
  }
}

}  // namespace margay::interpret
