#include "margay/model/weights/tensor_map.h"

#include <algorithm>
#include <limits>

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <torch/types.h>

#include "margay/core/text.h"

namespace margay::model {

TensorStatistics statistics_of(const at::Tensor& tensor) {
  const torch::Tensor values = tensor.detach().to(torch::kDouble).flatten();
  const torch::Tensor finite = values.masked_select(values.isfinite());
  TensorStatistics statistics{.non_finite = values.numel() - finite.numel()};
  if (finite.numel() == 0) return statistics;
  statistics.min = finite.min().item<double>();
  statistics.max = finite.max().item<double>();
  statistics.mean = finite.mean().item<double>();
  return statistics;
}

namespace {

WeightsDifference::Values compare_values(const std::string& name, const at::Tensor& a, const at::Tensor& b) {
  const torch::Tensor x = a.detach().to(torch::kDouble);
  const torch::Tensor y = b.detach().to(torch::kDouble);
  const torch::Tensor differ = x.ne(y).logical_and(x.isnan().logical_and(y.isnan()).logical_not());
  WeightsDifference::Values values{.name = name, .differing = differ.sum().item<std::int64_t>(), .values = x.numel()};
  if (values.differing == 0) return values;
  const torch::Tensor distances = (x - y).abs().masked_select(differ);
  const bool is_finite = distances.isfinite().all().item<bool>();
  values.largest = is_finite ? distances.max().item<double>() : std::numeric_limits<double>::infinity();
  return values;
}

/// Puts a tensor that both have where it belongs.
void compare(const std::string& name, const at::Tensor& a, const at::Tensor& b, WeightsDifference& difference) {
  if (a.sizes() != b.sizes()) {
    difference.shapes.push_back({name, a.sizes().vec(), b.sizes().vec()});
    return;
  }
  const bool is_same_dtype = a.scalar_type() == b.scalar_type();
  if (!is_same_dtype) difference.dtypes.push_back({name, a.scalar_type(), b.scalar_type()});
  WeightsDifference::Values values = compare_values(name, a, b);
  if (values.differing > 0) {
    difference.values.push_back(std::move(values));
  } else if (is_same_dtype) {
    ++difference.equal;
  }
}

}  // namespace

WeightsDifference weights_difference(const TensorMap& a, const TensorMap& b) {
  WeightsDifference difference;
  for (const auto& [name, tensor] : a) {
    const auto found = b.find(name);
    if (found == b.end()) {
      difference.only_in_a.push_back(name);
    } else {
      compare(name, tensor, found->second, difference);
    }
  }
  for (const auto& each : b) {
    if (a.count(each.first) == 0) difference.only_in_b.push_back(each.first);
  }
  std::stable_sort(difference.values.begin(), difference.values.end(),
                   [](const auto& x, const auto& y) { return x.largest > y.largest; });
  return difference;
}

namespace {

using Entry = StateMismatch::Entry;

constexpr std::size_t kShown = 6;
constexpr std::size_t kShownTensorName = 100;
constexpr std::size_t kSearched = 2000;  // names among which the nearest is looked for

std::string describe(const at::Tensor& tensor) {
  return fmt::format("{}[{}]", tensor.is_floating_point() ? "" : "whole numbers ", core::joined(tensor.sizes(), ","));
}

bool fits(const at::Tensor& expected, const at::Tensor& found) {
  return expected.sizes() == found.sizes() && expected.is_floating_point() == found.is_floating_point();
}

void append_count(std::string& text, const std::vector<Entry>& entries, const char* kind) {
  if (!entries.empty()) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", entries.size(), kind);
}

/// Names come from files.
std::string shown(const std::string& name) { return core::one_line(name).substr(0, kShownTensorName); }

void append_rows(core::TextTable& table, const std::vector<Entry>& entries) {
  for (std::size_t i = 0; i < std::min(entries.size(), kShown); ++i) {
    const Entry& each = entries[i];
    table.add({shown(each.name), each.expected.empty() ? "-" : each.expected, each.found.empty() ? "-" : each.found,
               each.nearest.empty() ? "" : "the nearest that is there: " + shown(each.nearest)});
  }
  if (entries.size() > kShown) table.add({fmt::format("… and {} more", entries.size() - kShown), "", "", ""});
}

/// Of the rows that are shown only: a comparison of every name with every other takes long.
void find_nearest(StateMismatch& mismatch) {
  std::vector<std::string> candidates;
  for (std::size_t i = 0; i < std::min(mismatch.extra.size(), kSearched); ++i) {
    candidates.push_back(shown(mismatch.extra[i].name));
  }
  for (std::size_t i = 0; i < std::min(mismatch.missing.size(), kShown); ++i) {
    mismatch.missing[i].nearest = core::nearest(mismatch.missing[i].name, candidates);
  }
}

}  // namespace

std::string StateMismatch::text() const {
  std::string text;
  append_count(text, missing, "missing");
  append_count(text, extra, "not expected");
  append_count(text, misshapen, "of another shape");
  using enum core::TextTable::Align;
  core::TextTable table({{"tensor", kLeft}, {"expected", kLeft}, {"found", kLeft}, {"", kLeft}});
  append_rows(table, missing);
  append_rows(table, extra);
  append_rows(table, misshapen);
  text += "\n" + table.text("  ");
  text.pop_back();
  return text;
}

StateMismatch compare_states(const TensorMap& expected, const TensorMap& found) {
  StateMismatch mismatch;
  for (const auto& [name, tensor] : expected) {
    const auto other = found.find(name);
    if (other == found.end()) {
      mismatch.missing.push_back({name, describe(tensor), "", ""});
    } else if (!fits(tensor, other->second)) {
      mismatch.misshapen.push_back({name, describe(tensor), describe(other->second), ""});
    }
  }
  for (const auto& [name, tensor] : found) {
    if (!expected.contains(name)) mismatch.extra.push_back({name, "", describe(tensor), ""});
  }
  find_nearest(mismatch);
  return mismatch;
}

void copy_state(const TensorMap& from, const TensorMap& to) {
  const at::NoGradGuard no_grad;
  for (const auto& [name, tensor] : to) tensor.copy_(from.at(name));
}

}  // namespace margay::model
