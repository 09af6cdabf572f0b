#include "margay/interpret/confusion_matrix.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include <fmt/format.h>

namespace margay::interpret {
namespace {

void check_cell(std::int32_t actual, std::int32_t predicted, std::int64_t classes, std::size_t image) {
  if (actual >= 0 && actual < classes && predicted >= -1 && predicted < classes) return;
  throw std::invalid_argument(fmt::format("[confusion_matrix] image {} has classes {} and {}; there are 0 … {}", image,
                                          actual, predicted, classes - 1));
}

std::size_t place(std::int64_t index) { return static_cast<std::size_t>(index); }

/// Numbers of cells, row by row: the counts of equal ones follow from sorting.
std::vector<std::int64_t> sorted_places(std::span<const std::int32_t> actual, std::span<const std::int32_t> predicted,
                                        std::int64_t classes) {
  std::vector<std::int64_t> places;
  places.reserve(actual.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    if (predicted[i] >= 0) places.push_back(std::int64_t{actual[i]} * classes + predicted[i]);
  }
  std::sort(places.begin(), places.end());
  return places;
}

}  // namespace

ConfusionMatrix::ConfusionMatrix(std::span<const std::int32_t> actual, std::span<const std::int32_t> predicted,
                                 std::int64_t num_classes)
    : row_totals_(place(num_classes)), column_totals_(place(num_classes)), refused_(place(num_classes)) {
  if (actual.size() != predicted.size()) {
    throw std::invalid_argument(
        fmt::format("[confusion_matrix] {} images have {} predictions", actual.size(), predicted.size()));
  }
  images_ = static_cast<std::int64_t>(actual.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    check_cell(actual[i], predicted[i], num_classes, i);
    ++row_totals_[place(actual[i])];
    ++(predicted[i] < 0 ? refused_[place(actual[i])] : column_totals_[place(predicted[i])]);
    right_ += actual[i] == predicted[i] ? 1 : 0;
  }
  for (const std::int64_t at : sorted_places(actual, predicted, num_classes)) {
    const Cell cell{static_cast<std::int32_t>(at / num_classes), static_cast<std::int32_t>(at % num_classes), 1};
    const bool is_new =
        cells_.empty() || cells_.back().actual != cell.actual || cells_.back().predicted != cell.predicted;
    is_new ? cells_.push_back(cell) : void(++cells_.back().count);
  }
  first_cell_.assign(place(num_classes + 1), 0);
  for (const Cell& cell : cells_) ++first_cell_[place(cell.actual) + 1];
  for (std::size_t row = 1; row < first_cell_.size(); ++row) first_cell_[row] += first_cell_[row - 1];
}

std::span<const ConfusionMatrix::Cell> ConfusionMatrix::row(std::int64_t actual) const {
  const std::int64_t begin = first_cell_.at(place(actual));
  return {cells_.data() + begin, place(first_cell_.at(place(actual) + 1) - begin)};
}

std::int64_t ConfusionMatrix::count(std::int64_t actual, std::int64_t predicted) const {
  const auto cells = row(actual);
  const auto found = std::lower_bound(cells.begin(), cells.end(), predicted,
                                      [](const Cell& cell, std::int64_t column) { return cell.predicted < column; });
  return found != cells.end() && found->predicted == predicted ? found->count : 0;
}

double ConfusionMatrix::row_share(std::int64_t actual, std::int64_t predicted) const {
  const std::int64_t total = row_total(actual);
  if (total == 0) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(count(actual, predicted)) / static_cast<double>(total);
}

torch::Tensor ConfusionMatrix::counts() const {
  torch::Tensor matrix = torch::zeros({num_classes(), num_classes()}, torch::kLong);
  auto* values = matrix.data_ptr<std::int64_t>();
  for (const Cell& cell : cells_) values[cell.actual * num_classes() + cell.predicted] = cell.count;
  return matrix;
}

torch::Tensor ConfusionMatrix::row_shares() const {
  torch::Tensor matrix = torch::zeros({num_classes(), num_classes()}, torch::kDouble);
  auto* values = matrix.data_ptr<double>();
  for (const Cell& cell : cells_) {
    values[cell.actual * num_classes() + cell.predicted] =
        static_cast<double>(cell.count) / static_cast<double>(row_total(cell.actual));
  }
  return matrix;
}

namespace {

/// Counts of one label: what is in a row and not on the diagonal is missed, in a column wrongly predicted.
void count_label(const JudgedImages& images, std::vector<BinaryCounts>& counts) {
  for (std::size_t i = 0; i < images.best.size(); ++i) {
    if (images.is_right[i]) {
      ++counts[place(images.label[i])].true_positives;
      continue;
    }
    ++counts[place(images.label[i])].false_negatives;
    if (!images.refused(static_cast<std::int64_t>(i))) ++counts[place(images.best[i])].false_positives;
  }
}

void count_labels(std::span<const std::int32_t> labels, std::span<const std::int32_t> predicted,
                  std::vector<BinaryCounts>& counts) {
  for (const std::int32_t k : labels) {
    const bool is_found = std::binary_search(predicted.begin(), predicted.end(), k);
    ++(is_found ? counts[place(k)].true_positives : counts[place(k)].false_negatives);
  }
  for (const std::int32_t k : predicted) {
    if (!std::binary_search(labels.begin(), labels.end(), k)) ++counts[place(k)].false_positives;
  }
}

}  // namespace

std::vector<BinaryCounts> binary_counts(const JudgedImages& images, std::int64_t num_classes) {
  if (!images.has_labels) throw std::invalid_argument("[binary_counts] the images have no labels");
  std::vector<BinaryCounts> counts(place(num_classes));
  if (!images.is_multi_label) count_label(images, counts);
  for (std::int64_t i = 0; images.is_multi_label && i < images.size(); ++i) {
    count_labels(images.label_classes[i], images.predicted_classes[i], counts);
  }
  for (BinaryCounts& each : counts) {
    each.true_negatives = images.size() - each.true_positives - each.false_positives - each.false_negatives;
  }
  return counts;
}

}  // namespace margay::interpret
