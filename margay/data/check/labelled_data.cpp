#include "margay/data/check/labelled_data.h"

#include <algorithm>
#include <map>
#include <stdexcept>

#include "margay/core/error.h"

namespace margay::data {
namespace {

void check_labels(const DataBlock& block) {
  if (block.paths().empty()) throw std::invalid_argument("[check_data] no items; give them with items(…)");
  if (block.images().holds_bytes()) {
    throw std::invalid_argument("[check_data] looks at files; some of these items are bytes in memory");
  }
  if (!block.labeller()) throw std::invalid_argument("[check_data] no labels; say how to get them with label(…)");
  if (!block.splitter()) throw std::invalid_argument("[check_data] no split; choose the validation set with split(…)");
}

/// Images without a label stay in, so that a split by position or table is the one that correct labels will have.
void label(const Labeller& labeller, LabelledData& data) {
  const Labels no_label = labeller.task == Task::kSingleLabel ? Labels{""} : Labels{};
  for (std::size_t i = 0; i < data.size(); ++i) {
    const std::optional<Labels> labels = labeller.label(data.paths.text(i));
    data.has_label.push_back(labels.has_value());
    data.items.add(data.paths.text(i), labels.value_or(no_label));
  }
}

void split(const Splitter& splitter, LabelledData& data) {
  data.sides.assign(data.size(), Side::kNone);
  try {
    const Split split = splitter(data.items);
    for (const std::size_t i : split.train) data.sides.at(i) = Side::kTrain;
    for (const std::size_t i : split.valid) data.sides.at(i) = Side::kValid;
  } catch (const core::DataError& error) {
    data.split_problem = error.what();
  }
}

}  // namespace

LabelledData labelled_data(const DataBlock& block) {
  check_labels(block);
  LabelledData data{.paths = block.paths(), .items = Items(block.labeller()->task)};
  data.labels_by = block.labeller()->description;
  label(*block.labeller(), data);
  split(block.splitter(), data);
  return data;
}

std::size_t LabelledData::count(Side side) const {
  return static_cast<std::size_t>(std::count(sides.begin(), sides.end(), side));
}

std::vector<ClassCount> LabelledData::classes() const {
  std::map<std::string, ClassCount> by_name;
  for (std::size_t i = 0; i < size(); ++i) {
    if (!has_label[i]) continue;
    for (const std::uint32_t id : items.label_ids(i)) {
      const std::string& name = items.label_names()[id];
      ClassCount& found = by_name.try_emplace(name, ClassCount{.name = name}).first->second;
      ++found.images;
      if (sides[i] == Side::kTrain) ++found.train;
      if (sides[i] == Side::kValid) ++found.valid;
    }
  }
  std::vector<ClassCount> classes;
  for (auto& [name, count] : by_name) classes.push_back(std::move(count));
  return classes;
}

}  // namespace margay::data
