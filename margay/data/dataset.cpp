#include "margay/data/dataset.h"

#include <numeric>
#include <set>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/core/unicode.h"

namespace margay::data {
namespace {

/// Models and reports are written as UTF-8, so a class that is not would be lost only after the training.
void check_utf8(const std::string& name) {
  if (!core::first_non_utf8(name)) return;
  throw core::DataError("", fmt::format("the class '{}' is not UTF-8; rename its folder or files (convmv -f latin1 -t "
                                        "utf8), or save the table as UTF-8",
                                        core::with_hidden_shown(name)));
}

}  // namespace

Vocabulary::Vocabulary(std::vector<std::string> names) : names_(std::move(names)) {
  for (std::size_t i = 0; i < names_.size(); ++i) {
    check_utf8(names_[i]);
    if (!index_.emplace(names_[i], static_cast<std::int64_t>(i)).second) {
      throw std::invalid_argument(fmt::format("[Vocabulary] the class '{}' is listed twice", names_[i]));
    }
    const std::string composed = core::composed(names_[i]);
    if (composed != names_[i]) index_of_composed_.emplace(composed, static_cast<std::int64_t>(i));
  }
}

Vocabulary Vocabulary::of_labels(const std::vector<std::string>& labels) {
  const std::set<std::string> distinct(labels.begin(), labels.end());  // bytes of UTF-8 sort as code points do
  return Vocabulary({distinct.begin(), distinct.end()});
}

const std::string& Vocabulary::name(std::int64_t index) const { return names_.at(static_cast<std::size_t>(index)); }

std::int64_t Vocabulary::index(const std::string& label) const {
  const auto found = index_.find(label);
  if (found != index_.end()) return found->second;
  const std::string composed = core::composed(label);
  for (const auto* names : {&index_, &index_of_composed_}) {
    if (const auto its = names->find(composed); its != names->end()) return its->second;
  }
  throw std::invalid_argument(fmt::format("[Vocabulary] no class '{}'{}", label, core::did_you_mean(label, names_)));
}

namespace {

std::int64_t class_of(const Items& items, std::size_t row, std::uint32_t label, const Vocabulary& vocabulary) {
  try {
    return vocabulary.index(items.label_names()[label]);
  } catch (const std::invalid_argument& error) {
    throw core::DataError(items.path(row), std::string("its label is none of the classes: ") + error.what());
  }
}

}  // namespace

Dataset::Dataset(std::shared_ptr<const Items> items, std::vector<std::size_t> rows, const Vocabulary& vocabulary,
                 GroupOfItem groups)
    : items_(std::move(items)),
      rows_(std::move(rows)),
      num_classes_(vocabulary.size()),
      groups_(std::move(groups)),
      contents_(std::make_shared<ContentChecksums>(rows_.size())) {
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

std::optional<std::int64_t> Dataset::group(std::size_t i) const {
  return groups_ ? std::optional<std::int64_t>((*groups_)[rows_[i]]) : std::nullopt;
}

}  // namespace margay::data
