#include "margay/interpret/interpretation_charts.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "margay/chart/image_grid.h"
#include "margay/core/counted.h"
#include "margay/core/error.h"
#include "margay/data/image/resample.h"
#include "margay/data/source/folder_walk.h"

namespace margay::interpret {
namespace {

using Estimate = metric::Estimate;

std::optional<chart::BarInterval> interval_of(const Estimate& estimate) {
  if (!estimate.interval.is_known()) return std::nullopt;
  return chart::BarInterval{estimate.interval.low, estimate.interval.high};
}

/// The place of each class in an order.
std::vector<std::size_t> places_in(const std::vector<std::int32_t>& order) {
  std::vector<std::size_t> places(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) places[static_cast<std::size_t>(order[i])] = i;
  return places;
}

std::string matrix_title(const ConfusionMatrix& matrix) {
  std::int64_t refused = 0;
  for (std::int64_t k = 0; k < matrix.num_classes(); ++k) refused += matrix.refused(k);
  const std::string images = core::counted(matrix.images(), "image");
  const std::string right = fmt::format("Confusion matrix: {} of {} right", matrix.right(), images);
  return refused == 0 ? right : fmt::format("{}, {} \"none of these\" in no column", right, refused);
}

/// Sorts indices of bars and keeps the first; the chart knows how many are left out.
void keep_first(chart::BarChart& chart, std::size_t most) {
  if (chart.bars.size() <= most) return;
  chart.left_out = chart.bars.size() - most;
  chart.bars.resize(most);
}

std::string p_text(double p) { return p < 0.001 ? "p < 0.001" : fmt::format("p = {:.3f}", p); }

}  // namespace

chart::MatrixChart confusion_chart(const Interpretation& interpretation, ClassOrder order, std::size_t marks) {
  const ConfusionMatrix& matrix = interpretation.confusion_matrix();
  const std::vector<std::int32_t> classes = interpretation.class_order(order);
  const std::vector<std::size_t> places = places_in(classes);
  const auto place = [&](std::int32_t k) { return places[static_cast<std::size_t>(k)]; };
  chart::MatrixChart chart{.title = matrix_title(matrix),
                           .rows_label = "actual",
                           .columns_label = "predicted",
                           .names = {},
                           .cells = {},
                           .marks = {}};
  for (const std::int32_t k : classes) chart.names.push_back(interpretation.vocab().name(k));
  for (const ConfusionMatrix::Cell& cell : matrix.cells()) {
    chart.cells.push_back({.row = place(cell.actual),
                           .column = place(cell.predicted),
                           .value = static_cast<double>(cell.count),
                           .share = matrix.row_share(cell.actual, cell.predicted)});
  }
  for (const ConfusedPair& pair : interpretation.most_confused(2)) {
    if (chart.marks.size() == marks) break;
    chart.marks.push_back({place(pair.actual), place(pair.predicted),
                           fmt::format("{} as {}: {}", interpretation.vocab().name(pair.actual),
                                       interpretation.vocab().name(pair.predicted), pair.count)});
  }
  return chart;
}

chart::BarChart class_chart(const Interpretation& interpretation, std::size_t most) {
  const bool is_multi = interpretation.is_multi_label();
  std::vector<const ClassReport*> classes;
  for (const ClassReport& each : interpretation.classification_report().classes) {
    if (each.support > 0) classes.push_back(&each);
  }
  const auto number = [&](const ClassReport& each) -> const Estimate& { return is_multi ? each.f1 : each.recall; };
  std::stable_sort(classes.begin(), classes.end(), [&](const ClassReport* a, const ClassReport* b) {
    const double x = number(*a).value;
    const double y = number(*b).value;
    return x != y ? x < y : a->support > b->support;
  });
  chart::BarChart chart{.title = is_multi ? "F1 of each class" : "Recall of each class",
                        .label = fmt::format("{} with {:.4g} % intervals, the worst first",
                                             is_multi ? "F1" : "share of the class's images that are right,",
                                             100 * interpretation.options().bootstrap.confidence),
                        .high = 1,
                        .bars = {}};
  for (const ClassReport* each : classes) {
    chart.bars.push_back({each->name, number(*each).value, interval_of(number(*each)),
                          is_multi ? core::counted(each->support, "image")
                                   : fmt::format("{} of {}", each->counts.true_positives, each->support)});
  }
  keep_first(chart, most);
  return chart;
}

chart::BarChart most_confused_chart(const Interpretation& interpretation, std::size_t most) {
  chart::BarChart chart{.title = "Most confused pairs: actual as predicted",
                        .label = "images; share of the class; p that it is chance (binomial test, Holm)",
                        .high = {},
                        .bars = {}};
  const data::Vocabulary& vocab = interpretation.vocab();
  for (const ConfusedPair& pair : interpretation.most_confused(1)) {
    chart.bars.push_back({fmt::format("{} as {}", vocab.name(pair.actual), vocab.name(pair.predicted)),
                          static_cast<double>(pair.count),
                          {},
                          fmt::format("{:.0f} %, {}", 100 * pair.share.value, p_text(pair.p_holm))});
  }
  keep_first(chart, most);
  return chart;
}

chart::BarChart confidence_chart(const Interpretation& interpretation) {
  constexpr std::size_t kBins = 20;
  std::vector<double> counts(kBins, 0);
  for (const float probability : interpretation.images().probability) {
    const auto bin = static_cast<std::size_t>(static_cast<double>(probability) * kBins);
    ++counts[std::min(bin, kBins - 1)];
  }
  chart::BarChart chart{.title = "How sure the predictions are",
                        .label = "images by the probability of the predicted class",
                        .high = {},
                        .bars = {}};
  for (std::size_t i = 0; i < kBins; ++i) {
    chart.bars.push_back(
        {fmt::format("{:.2f} – {:.2f}", static_cast<double>(i) / kBins, static_cast<double>(i + 1) / kBins),
         counts[i]});
  }
  return chart;
}

chart::Drawing plot_confusion_matrix(const Interpretation& interpretation, std::optional<ClassOrder> order) {
  return chart::matrix_drawing(confusion_chart(interpretation, order.value_or(interpretation.options().order)));
}

core::Image contact_tile(const data::ImageSource& source, const data::ReadOptions& options, int side_px) {
  constexpr std::uint8_t kTileGrey = 205;
  try {
    const core::Image image = data::read_image(source, options);
    const double scale = std::min(1.0, static_cast<double>(side_px) / std::max(image.height, image.width));
    return data::resample(image, std::max(1, static_cast<int>(image.height * scale)),
                          std::max(1, static_cast<int>(image.width * scale)));
  } catch (const core::DataError&) {
    core::Image grey(side_px, side_px);
    std::fill(grey.pixels.begin(), grey.pixels.end(), kTileGrey);
    return grey;
  }
}

namespace {

constexpr int kTileMinSide = 96;  // the shorter side of a tile that is twice as long

std::string or_no_label(const std::string& labels) { return labels.empty() ? "(none)" : labels; }

std::string tile_caption(std::size_t number, const TopLoss& top, bool has_labels) {
  const std::string prediction = fmt::format("{} {:.2f}", or_no_label(top.prediction), top.probability);
  if (!has_labels) return fmt::format("{}: {}", number, prediction);
  return fmt::format("{}: {} → {}, loss {:.2f}", number, or_no_label(top.label), prediction, top.loss);
}

}  // namespace

chart::Drawing plot_top_losses(const Interpretation& interpretation, std::int64_t k, TopLosses order, int deep_bits) {
  const data::Root root(interpretation.predictions().root);
  const data::ReadOptions reading{.min_side = kTileMinSide, .deep_bits = deep_bits};
  std::vector<chart::Tile> tiles;
  for (const TopLoss& top : interpretation.top_losses(k, order)) {
    tiles.push_back({contact_tile(std::filesystem::path(root.path(top.name)), reading),
                     tile_caption(tiles.size() + 1, top, interpretation.has_labels())});
  }
  return tiles.empty() ? chart::Drawing{} : chart::image_grid(tiles);
}

}  // namespace margay::interpret
