// What a page shows of an interpretation: its numbers, and which images stand in which cell.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <tuple>
#include <utility>

#include "apps/web/report_page.h"
#include "margay/interpret/interpretation.h"

namespace margay::web {
namespace {

/// An image in a cell.
struct Placed {
  std::int64_t row;
  std::int64_t column;
  float loss;
  std::int64_t image;

  /// By cell, then the highest loss first.
  bool operator<(const Placed& other) const {
    return std::tuple(row, column, -loss, image) < std::tuple(other.row, other.column, -other.loss, other.image);
  }
};

std::vector<Placed> placed_by_label(const interpret::JudgedImages& images, std::int64_t num_classes) {
  std::vector<Placed> placed;
  placed.reserve(images.best.size());
  for (std::int64_t i = 0; i < images.size(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    const std::int64_t predicted = images.refused(i) ? num_classes : images.best[at];
    placed.push_back({images.label[at], predicted, images.loss[at], i});
  }
  return placed;
}

bool holds(std::span<const std::int32_t> classes, std::int32_t wanted) {
  return std::binary_search(classes.begin(), classes.end(), wanted);
}

/// Each class of an image's labels and predictions with its outcome, 2 · actual + predicted.
std::vector<Placed> placed_by_outcome(const interpret::JudgedImages& images) {
  std::vector<Placed> placed;
  for (std::int64_t i = 0; i < images.size(); ++i) {
    const auto labels = images.label_classes[i];
    const auto predicted = images.predicted_classes[i];
    const float loss = images.loss[static_cast<std::size_t>(i)];
    for (const std::int32_t k : labels) placed.push_back({k, holds(predicted, k) ? 3 : 2, loss, i});
    for (const std::int32_t k : predicted) {
      if (!holds(labels, k)) placed.push_back({k, 1, loss, i});
    }
  }
  return placed;
}

/// A cell with more images than a page would show is cut to its first ones, so that a million images need no more room
/// than their cells.
constexpr std::size_t kMostImages = 100;

struct CountedCell {
  PageCell cell;
  std::size_t count = 0;
};

std::vector<CountedCell> cells_of(std::vector<Placed> placed) {
  std::sort(placed.begin(), placed.end());
  std::vector<CountedCell> cells;
  for (const Placed& image : placed) {
    const bool is_new = cells.empty() || cells.back().cell.row != image.row || cells.back().cell.column != image.column;
    if (is_new) cells.push_back({{image.row, image.column, {}}, 0});
    if (cells.back().count++ < kMostImages) cells.back().cell.images.push_back(image.image);
  }
  return cells;
}

/// Wrong before right, full before others; single mistakes come last, since there may be thousands.
std::vector<PageCell> by_importance(std::vector<CountedCell> cells, bool is_multi_label) {
  const auto rank = [is_multi_label](const CountedCell& one) {
    const bool is_right = is_multi_label ? one.cell.column == 3 : one.cell.row == one.cell.column;
    if (is_right) return 1;
    return one.count > 1 ? 0 : 2;
  };
  std::stable_sort(cells.begin(), cells.end(), [&](const CountedCell& a, const CountedCell& b) {
    return std::pair(rank(a), -static_cast<std::int64_t>(a.count)) <
           std::pair(rank(b), -static_cast<std::int64_t>(b.count));
  });
  std::vector<PageCell> sorted;
  sorted.reserve(cells.size());
  for (CountedCell& one : cells) sorted.push_back(std::move(one.cell));
  return sorted;
}

std::vector<PageCell> cells_of(const interpret::Interpretation& interpretation) {
  if (!interpretation.has_labels()) return {};
  const interpret::JudgedImages& images = interpretation.images();
  std::vector<Placed> placed = interpretation.is_multi_label() ? placed_by_outcome(images)
                                                               : placed_by_label(images, interpretation.vocab().size());
  return by_importance(cells_of(std::move(placed)), interpretation.is_multi_label());
}

std::optional<double> number_of(const std::vector<float>& column, std::int64_t image) {
  if (column.empty()) return std::nullopt;
  const float value = column[static_cast<std::size_t>(image)];
  return std::isfinite(value) ? std::optional<double>(value) : std::nullopt;
}

std::vector<std::int64_t> list_of(std::span<const std::int32_t> classes) { return {classes.begin(), classes.end()}; }

PageImage image_of(const interpret::Interpretation& interpretation, std::int64_t row) {
  const predict::KeptPredictions& predictions = interpretation.predictions();
  const interpret::JudgedImages& images = interpretation.images();
  const auto at = static_cast<std::size_t>(row);
  PageImage image;
  image.name = predictions.names.text(at);
  if (!predictions.root.empty()) image.file = predictions.root / predictions.names[at];
  if (images.is_multi_label) {
    if (images.has_labels) image.labels = list_of(images.label_classes[row]);
    image.predicted = list_of(images.predicted_classes[row]);
  } else {
    if (images.has_labels) image.labels = {images.label[at]};
    if (!images.refused(row)) image.predicted = {images.best[at]};
  }
  image.probability = number_of(images.probability, row);
  image.label_probability = number_of(images.label_probability, row);
  image.loss = number_of(images.loss, row);
  if (predictions.rows.p_known.defined()) image.p_known = predictions.rows.p_known[row].item<double>();
  return image;
}

}  // namespace

ReportPage report_page(const interpret::Interpretation& interpretation, std::string title) {
  ReportPage page;
  page.title = std::move(title);
  page.document = interpretation.json();
  page.cells = cells_of(interpretation);
  page.image = [&interpretation](std::int64_t row) { return image_of(interpretation, row); };
  return page;
}

}  // namespace margay::web
