#include "margay/data/data_warnings.h"

#include <fmt/format.h>

#include "margay/data/source/name_list.h"

namespace margay::data {
namespace {

using ClassCounts = std::vector<std::size_t>;

ClassCounts count(const Dataset& dataset, const Vocabulary& vocabulary) {
  ClassCounts counts(static_cast<std::size_t>(vocabulary.size()));
  for (std::size_t i = 0; i < dataset.size(); ++i) {
    for (const std::int64_t index : dataset.classes(i)) ++counts[static_cast<std::size_t>(index)];
  }
  return counts;
}

template <class Condition>
NameList classes_where(const Vocabulary& vocabulary, Condition&& condition) {
  NameList names;
  for (std::size_t k = 0; k < vocabulary.names().size(); ++k) {
    if (condition(k)) names.add(vocabulary.names()[k]);
  }
  return names;
}

}  // namespace

std::vector<std::string> data_warnings(const Datasets& datasets) {
  const ClassCounts train = count(*datasets.train, datasets.vocabulary);
  const ClassCounts valid = count(*datasets.valid, datasets.vocabulary);
  std::vector<std::string> warnings;
  const auto warn = [&](const NameList& classes, const char* what) {
    if (!classes.empty()) warnings.push_back(fmt::format("{} {}: {}", classes.size(), what, classes.text()));
  };
  const auto classes = [&](auto&& condition) { return classes_where(datasets.vocabulary, condition); };
  const bool is_single = datasets.train->task() == Task::kSingleLabel;
  if (datasets.vocabulary.size() == 1 && is_single)
    warnings.emplace_back("there is only one class, so nothing can be learnt");
  if (datasets.valid->size() == 0) warnings.emplace_back("no image validates, so no error rate can be given");
  warn(classes([&](std::size_t k) { return train[k] + valid[k] == 1; }), "class(es) with a single image");
  warn(classes([&](std::size_t k) { return train[k] + valid[k] == 0; }), "class(es) without images");
  warn(classes([&](std::size_t k) { return train[k] == 0 && valid[k] > 0; }),
       "class(es) that never train, only validate");
  if (datasets.valid->size() > 0) {
    warn(classes([&](std::size_t k) { return train[k] > 1 && valid[k] == 0; }), "class(es) without validation images");
  }
  return warnings;
}

}  // namespace margay::data
