#include "margay/model/weights/state_match.h"

#include <algorithm>

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "margay/core/nearest.h"
#include "margay/core/text_table.h"

namespace margay::model {
namespace {

using Entry = StateMismatch::Entry;

constexpr std::size_t kShown = 6;
constexpr std::size_t kShownTensorName = 100;
constexpr std::size_t kSearched = 2000;  // names among which the nearest is looked for

std::string describe(const at::Tensor& tensor) {
  return fmt::format("{}[{}]", tensor.is_floating_point() ? "" : "whole numbers ", fmt::join(tensor.sizes(), ","));
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
