#include "margay/data/dataset.h"

#include <numeric>
#include <stdexcept>

#include "margay/core/error.h"

namespace margay::data {
namespace {

std::int64_t class_of(const Items& items, std::size_t row, std::uint32_t label, const Vocabulary& vocabulary) {
  try {
    return vocabulary.index(items.label_names()[label]);
  } catch (const std::invalid_argument& error) {
    throw core::DataError(items.path(row), std::string("its label is none of the classes: ") + error.what());
  }
}

}  // namespace

Dataset::Dataset(std::shared_ptr<const Items> items, std::vector<std::size_t> rows, const Vocabulary& vocabulary)
    : items_(std::move(items)), rows_(std::move(rows)), num_classes_(vocabulary.size()) {
  // A label that only left-out items have need not be a class.
  class_of_label_.assign(items_->label_names().size(), kNoTarget);
  for (const std::size_t row : rows_) {
    for (const std::uint32_t id : items_->label_ids(row)) {
      if (class_of_label_[id] == kNoTarget) class_of_label_[id] = class_of(*items_, row, id, vocabulary);
    }
  }
}

Dataset Dataset::unlabelled(const ImageList& images) {
  const auto items = std::make_shared<Items>(Task::kMultiLabel);
  for (std::size_t i = 0; i < images.size(); ++i) items->add(images, i, {});
  std::vector<std::size_t> rows(images.size());
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  return {items, std::move(rows), Vocabulary()};
}

std::vector<std::int64_t> Dataset::classes(std::size_t i) const {
  std::vector<std::int64_t> classes;
  for (const std::uint32_t id : items_->label_ids(rows_[i])) classes.push_back(class_of_label_[id]);
  return classes;
}

std::int64_t Dataset::target(std::size_t i) const {
  const auto ids = items_->label_ids(rows_[i]);
  return ids.empty() ? kNoTarget : class_of_label_[ids.front()];
}

}  // namespace margay::data
