#include "margay/interpret/top_losses.h"

#include <algorithm>
#include <functional>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/core/options.h"

namespace margay::interpret {
namespace {

using IsListed = std::function<bool(std::int64_t row)>;
using IsBefore = std::function<bool(std::int64_t a, std::int64_t b)>;

std::size_t at(std::int64_t row) { return static_cast<std::size_t>(row); }

/// The first k of the rows that are listed.
std::vector<std::int64_t> first_rows(const JudgedImages& images, std::int64_t k, const IsListed& is_listed,
                                     const IsBefore& is_before) {
  if (k < 0) throw std::invalid_argument(fmt::format("[top_losses] the number of images must not be negative: {}", k));
  std::vector<std::int64_t> rows;
  for (std::int64_t row = 0; row < images.size(); ++row) {
    if (is_listed(row)) rows.push_back(row);
  }
  const std::int64_t count = std::min(k, static_cast<std::int64_t>(rows.size()));
  std::partial_sort(rows.begin(), rows.begin() + count, rows.end(), [&](std::int64_t a, std::int64_t b) {
    if (is_before(a, b)) return true;
    return !is_before(b, a) && a < b;
  });
  rows.resize(at(count));
  return rows;
}

IsBefore ascending_by(const std::vector<float>& column) {
  return [&column](std::int64_t a, std::int64_t b) { return column[at(a)] < column[at(b)]; };
}

IsBefore descending_by(const std::vector<float>& column) {
  return [&column](std::int64_t a, std::int64_t b) { return column[at(a)] > column[at(b)]; };
}

bool needs_labels(TopLosses order) { return order != TopLosses::kBorder && order != TopLosses::kLeastSure; }

void check_has_labels(const JudgedImages& images, const std::string& what) {
  if (images.has_labels) return;
  throw std::invalid_argument(
      fmt::format("[top_losses] {} needs labels, which these images do not have; border and least_sure do not", what));
}

}  // namespace

std::vector<std::int64_t> top_rows(const JudgedImages& images, TopLosses order, std::int64_t k) {
  if (needs_labels(order)) check_has_labels(images, core::to_text(order));
  const auto all = [](std::int64_t) { return true; };
  const auto wrong = [&](std::int64_t row) { return !images.is_right[at(row)] && !images.refused(row); };
  switch (order) {
    case TopLosses::kHighest:
      return first_rows(images, k, all, descending_by(images.loss));
    case TopLosses::kSurelyWrong:
      return first_rows(images, k, wrong, descending_by(images.probability));
    case TopLosses::kLowest:
      return first_rows(images, k, all, ascending_by(images.loss));
    case TopLosses::kBorder:
      return first_rows(images, k, all, ascending_by(images.margin));
    case TopLosses::kLeastSure:
      return first_rows(images, k, all, ascending_by(images.probability));
  }
  throw std::invalid_argument("[top_losses] an order outside its enum");
}

std::vector<std::int64_t> cell_rows(const JudgedImages& images, std::int32_t actual, std::int32_t predicted,
                                    std::int64_t k) {
  check_has_labels(images, "a cell");
  if (images.is_multi_label) throw std::invalid_argument("[cell_rows] several labels have no cells: use outcome_rows");
  const auto is_in_cell = [&](std::int64_t row) {
    const std::int32_t prediction = images.refused(row) ? -1 : images.best[at(row)];
    return images.label[at(row)] == actual && prediction == predicted;
  };
  return first_rows(images, k, is_in_cell, descending_by(images.loss));
}

std::vector<std::int64_t> outcome_rows(const JudgedImages& images, std::int32_t of_class, LabelOutcome outcome,
                                       std::int64_t k) {
  check_has_labels(images, "an outcome");
  if (!images.is_multi_label) throw std::invalid_argument("[outcome_rows] one label has cells: use cell_rows");
  const auto has = [&](std::span<const std::int32_t> classes) {
    return std::binary_search(classes.begin(), classes.end(), of_class);
  };
  const auto has_outcome = [&](std::int64_t row) {
    return has(images.label_classes[row]) == (outcome != LabelOutcome::kFalsePositive) &&
           has(images.predicted_classes[row]) == (outcome != LabelOutcome::kFalseNegative);
  };
  return first_rows(images, k, has_outcome, descending_by(images.loss));
}

namespace {

std::string joined_classes(const data::Vocabulary& vocabulary, std::span<const std::int32_t> classes) {
  std::string text;
  for (const std::int32_t k : classes) text.append(text.empty() ? "" : ";").append(vocabulary.name(k));
  return text;
}

std::string prediction_words(const data::Vocabulary& vocabulary, const JudgedImages& images, std::int64_t row) {
  if (images.refused(row)) return kNoneOfThese;
  if (images.is_multi_label) return joined_classes(vocabulary, images.predicted_classes[row]);
  return vocabulary.name(images.best[at(row)]);
}

std::string label_words(const data::Vocabulary& vocabulary, const JudgedImages& images, std::int64_t row) {
  if (images.is_multi_label) return joined_classes(vocabulary, images.label_classes[row]);
  return vocabulary.name(images.label[at(row)]);
}

}  // namespace

TopLoss describe_image(const predict::KeptPredictions& predictions, const JudgedImages& images, std::int64_t row) {
  if (row < 0 || row >= images.size()) {
    throw std::invalid_argument(fmt::format("[interpretation] there is no image {} among {}", row, images.size()));
  }
  const data::Vocabulary& vocabulary = predictions.vocabulary;
  TopLoss described{.row = row,
                    .name = std::string(predictions.names.text(at(row))),
                    .prediction = prediction_words(vocabulary, images, row),
                    .probability = images.probability[at(row)],
                    .margin = images.margin[at(row)]};
  if (images.border_class[at(row)] >= 0) described.border_class = vocabulary.name(images.border_class[at(row)]);
  if (!images.has_labels) return described;
  described.label = label_words(vocabulary, images, row);
  described.loss = images.loss[at(row)];
  described.label_probability = images.label_probability[at(row)];
  return described;
}

}  // namespace margay::interpret
