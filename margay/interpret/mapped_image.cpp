#include "margay/interpret/mapped_image.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <torch/utils.h>

#include "margay/chart/axis.h"
#include "margay/chart/colour_map.h"
#include "margay/data/loader/device_prefetcher.h"
#include "margay/data/show_batch.h"
#include "margay/model/network_state.h"

namespace margay::interpret {
namespace {

/// The label of every image of a batch, int64 [N]; undefined where images have none or several.
torch::Tensor labels_of(const MappedImageOptions& options, const data::Batch& batch) {
  if (!options.labels.defined()) {
    return batch.targets.defined() && batch.targets.dim() == 1 ? batch.targets.cpu() : torch::Tensor();
  }
  const std::vector<std::int64_t> positions(batch.ids.begin(), batch.ids.end());
  return options.labels.cpu().index_select(0, torch::tensor(positions, torch::kLong));
}

/// The classes of every image of a batch that are mapped: int64 [N,M].
torch::Tensor wanted_classes(const MappedImageOptions& options, const data::Batch& batch, const torch::Tensor& best) {
  std::vector<torch::Tensor> columns{best.cpu()};  // each [N]
  if (const torch::Tensor labels = labels_of(options, batch); labels.defined()) {
    columns.push_back(torch::where(labels.eq(data::kNoTarget), columns.front(), labels));
  }
  for (const std::int64_t k : options.classes) columns.push_back(torch::full({batch.size()}, k, torch::kLong));
  return torch::stack(columns, 1);
}

MappedImage mapped_image(const data::Batch& batch, std::int64_t i, const ActivationMaps& maps,
                         const torch::Tensor& probabilities, const data::Normalization& normalization) {
  MappedImage image{.id = batch.ids[static_cast<std::size_t>(i)],
                    .image = data::seen_image(batch.images[i], normalization),
                    .method = maps.method,
                    .maps = {}};
  for (std::int64_t m = 0; m < maps.classes.size(1); ++m) {
    const auto k = maps.classes[i][m].item<std::int64_t>();
    const auto is_same = [k](const ClassMap& each) { return each.class_index == k; };
    if (std::any_of(image.maps.begin(), image.maps.end(), is_same)) continue;
    image.maps.push_back({.class_index = k,
                          .values = maps.values[i][m],
                          .logit = maps.logits[i][k].item<double>(),
                          .probability = probabilities[i][k].item<double>(),
                          .bias = std::nullopt,
                          .rows = maps.rows,
                          .columns = maps.columns});
    if (maps.bias.defined()) image.maps.back().bias = maps.bias[i][m].item<double>();
  }
  return image;
}

}  // namespace

std::vector<MappedImage> map_batch(model::Classifier& classifier, const data::Batch& batch,
                                   const data::Normalization& normalization, const MappedImageOptions& options) {
  const auto choose = [&](const torch::Tensor& best) { return wanted_classes(options, batch, best); };
  const ActivationMaps maps =
      activation_maps(classifier, batch.images, {.choose = choose, .precision = options.precision});
  const torch::Tensor probabilities =
      metric::probabilities(options.calibration.scaled(maps.logits), options.activation);
  std::vector<MappedImage> images;
  for (std::int64_t i = 0; i < batch.size(); ++i) {
    images.push_back(mapped_image(batch, i, maps, probabilities, normalization));
  }
  return images;
}

std::vector<data::SkippedImage> for_each_mapped_image(model::Classifier& classifier, const data::Loader& loader,
                                                      const MappedImageOptions& options,
                                                      const std::function<void(MappedImage&&)>& visit) {
  std::optional<model::ModeGuard> mode;
  if (classifier.is_training()) mode.emplace(classifier), classifier.eval();
  const auto copy = data::batch_copy(classifier.device());
  data::TimedPass pass(options.ids == nullptr ? loader.pass(0) : loader.pass_of(*options.ids, 0), copy.get());
  const auto& normalization = loader.pipeline().transforms().normalization;
  while (const std::optional<data::Batch> batch = pass.next()) {
    for (MappedImage& image : map_batch(classifier, *batch, normalization, options)) visit(std::move(image));
  }
  return pass.skipped();
}

namespace {

int enlargement(const core::Image& image, int min_side_px) {
  if (image.pixels.empty()) throw std::invalid_argument("[map] the image has no pixels");
  const int side = std::max(image.height, image.width);
  return std::max(1, (min_side_px + side - 1) / side);
}

model::MapGrid enlarged_grid(const model::MapGrid& grid, int factor) {
  return {grid.first_px * factor, grid.step_px * factor};
}

double largest_of(const ClassMap& map) { return map.values.abs().max().item<double>(); }

/// Between a pixel and the next one to the right or below.
bool changes_sign(const float* values, int width, bool has_right, bool has_below) {
  const bool is_positive = *values > 0;
  return (has_right && (values[1] > 0) != is_positive) || (has_below && (values[width] > 0) != is_positive);
}

constexpr chart::Rgb kZeroLine = {40, 40, 40};

}  // namespace

core::Image enlarged_image(const core::Image& image, int min_side_px) {
  const int factor = enlargement(image, min_side_px);
  core::Image large(image.height * factor, image.width * factor);
  for (int y = 0; y < large.height; ++y) {
    for (int x = 0; x < large.width; ++x) std::copy_n(image.row(y / factor) + x / factor * 3, 3, large.row(y) + x * 3);
  }
  return large;
}

core::Image overlay_map(const core::Image& image, const ClassMap& map, const OverlayOptions& options) {
  const int factor = enlargement(image, options.min_side_px);
  core::Image result = enlarged_image(image, options.min_side_px);
  const torch::Tensor values = map_at_pixels(map.values, enlarged_grid(map.rows, factor),
                                             enlarged_grid(map.columns, factor), result.height, result.width)
                                   .contiguous();
  const double limit = options.limit.value_or(largest_of(map));
  const float* value = values.data_ptr<float>();
  for (int y = 0; y < result.height; ++y) {
    for (int x = 0; x < result.width; ++x, ++value) {
      std::uint8_t* pixel = result.row(y) + x * 3;
      const bool is_border = changes_sign(value, result.width, x + 1 < result.width, y + 1 < result.height);
      const double share = limit > 0 ? *value / limit : 0;
      const chart::Rgb colour = is_border ? kZeroLine : chart::diverging_over({pixel[0], pixel[1], pixel[2]}, share);
      pixel[0] = colour.red, pixel[1] = colour.green, pixel[2] = colour.blue;
    }
  }
  return result;
}

std::string map_words(MapMethod method, const ClassMap& map) {
  if (map.bias) {
    return fmt::format("mean {:.2f} {} bias {:.2f} = logit {:.2f}", map.values.mean().item<double>(),
                       *map.bias < 0 ? "-" : "+", std::abs(*map.bias), map.logit);
  }
  return fmt::format("{}, logit {:.2f}", method == MapMethod::kGradCam ? "Grad-CAM" : "HiResCAM", map.logit);
}

namespace {

constexpr int kShownSidePx = 192;  // at least
constexpr double kMapGapPx = 12;
constexpr double kMapLinePx = 22;
constexpr double kScaleWidthPx = 12;
constexpr double kScaleRoomPx = 64;  // with its numbers
constexpr int kScaleSteps = 64;

void draw_map_text(chart::Drawing& drawing, const chart::PlotPoint& at, const std::string& text, double room,
                   const chart::DrawnText& like) {
  chart::DrawnText drawn = like;
  drawn.at = at;
  drawn.text = text;
  drawn.room_px = room;
  drawing.shapes.emplace_back(std::move(drawn));
}

/// The colours from limit at the top to -limit, with numbers at both ends and a tick at zero.
void draw_scale(chart::Drawing& drawing, const chart::PlotBox& box, double limit) {
  const double step = box.height() / kScaleSteps;
  for (int i = 0; i < kScaleSteps; ++i) {
    const double value = 1 - 2 * (i + 0.5) / kScaleSteps;
    const chart::PlotBox part = {box.left, box.top + i * step, box.right, box.top + (i + 1) * step};
    drawing.shapes.emplace_back(
        chart::DrawnBox{part, {.role = chart::Role::kColour, .colour = chart::diverging_colour(value)}, {}});
  }
  const double middle = (box.top + box.bottom) / 2;
  drawing.shapes.emplace_back(chart::DrawnLine{{{box.left - 3, middle}, {box.right + 3, middle}}, {}, 1.5, "zero"});
  const auto number = [&](double y, const std::string& text) {
    draw_map_text(drawing, {box.right + 6, y}, text, kScaleRoomPx - kScaleWidthPx - 6,
                  {.paint = {.role = chart::Role::kSoft}});
  };
  number(box.top + 6, "+" + chart::short_number(limit));
  number(middle, "0");
  number(box.bottom - 6, "\xE2\x88\x92" + chart::short_number(limit));  // a minus
}

/// A cross in black and white, which shows on any colour.
void draw_peak(chart::Drawing& drawing, const chart::PlotPoint& at) {
  constexpr double kArm = 6;
  for (const auto& [colour, width] : {std::pair{chart::Rgb{255, 255, 255}, 4.0}, std::pair{chart::Rgb{0, 0, 0}, 1.5}}) {
    const chart::Paint paint = {.role = chart::Role::kColour, .colour = colour};
    drawing.shapes.emplace_back(
        chart::DrawnLine{{{at.x - kArm, at.y - kArm}, {at.x + kArm, at.y + kArm}}, paint, width, "the largest value"});
    drawing.shapes.emplace_back(
        chart::DrawnLine{{{at.x - kArm, at.y + kArm}, {at.x + kArm, at.y - kArm}}, paint, width, "the largest value"});
  }
}

/// Where images and maps stand in the drawing.
struct MapLayout {
  double height = 0;  ///< of an image
  double width = 0;
  double image_step() const { return width + kMapGapPx; }
  double map_step() const { return width + kMapGapPx / 2 + kScaleRoomPx; }
  double row_step() const { return height + 2 * kMapLinePx + kMapGapPx; }
};

void draw_class_map(chart::Drawing& drawing, const MappedImage& image, const ClassMap& map, const std::string& name,
                    const MapLayout& layout, const chart::PlotPoint& corner) {
  const core::Image overlay = overlay_map(image.image, map, {.min_side_px = kShownSidePx});
  const chart::PlotBox box = {corner.x, corner.y + kMapLinePx, corner.x + overlay.width,
                              corner.y + kMapLinePx + overlay.height};
  draw_map_text(drawing, {corner.x, corner.y + kMapLinePx / 2}, fmt::format("{} {:.1f} %", name, 100 * map.probability),
                layout.map_step(), {.weight = chart::TextWeight::kBold});
  drawing.shapes.emplace_back(chart::DrawnImage{overlay, box, name});
  const int factor = overlay.width / image.image.width;
  const MapPeak peak = map_peak(map.values, map.rows, map.columns, image.image.height, image.image.width);
  draw_peak(drawing, {box.left + (static_cast<double>(peak.column) + 0.5) * factor,
                      box.top + (static_cast<double>(peak.row) + 0.5) * factor});
  const double left = box.right + kMapGapPx / 2;
  draw_scale(drawing, {left, box.top, left + kScaleWidthPx, box.bottom}, largest_of(map));
  draw_map_text(drawing, {corner.x, box.bottom + kMapLinePx / 2}, map_words(image.method, map), layout.map_step(),
                {.paint = {.role = chart::Role::kSoft}});
}

void draw_mapped_image(chart::Drawing& drawing, const MappedImage& image, const std::string& caption,
                       const std::vector<std::string>& class_names, const MapLayout& layout, double top) {
  chart::PlotPoint corner = {kMapGapPx, top};
  const core::Image shown = enlarged_image(image.image, kShownSidePx);
  draw_map_text(drawing, {corner.x, top + kMapLinePx / 2}, caption, layout.width, {});
  drawing.shapes.emplace_back(chart::DrawnImage{
      shown, {corner.x, top + kMapLinePx, corner.x + shown.width, top + kMapLinePx + shown.height}, caption});
  corner.x += layout.image_step();
  for (const ClassMap& map : image.maps) {
    draw_class_map(drawing, image, map, class_names.at(static_cast<std::size_t>(map.class_index)), layout, corner);
    corner.x += layout.map_step() + kMapGapPx;
  }
}

}  // namespace

chart::Drawing map_drawing(const std::vector<MappedImage>& images, const std::vector<std::string>& captions,
                           const std::vector<std::string>& class_names) {
  if (images.empty() || images.size() != captions.size()) {
    throw std::invalid_argument(fmt::format("[map_drawing] needs images and a caption for each, got {} and {}",
                                            images.size(), captions.size()));
  }
  MapLayout layout;
  std::size_t maps = 0;
  for (const MappedImage& each : images) {
    const int factor = enlargement(each.image, kShownSidePx);
    layout.height = std::max<double>(layout.height, each.image.height * factor);
    layout.width = std::max<double>(layout.width, each.image.width * factor);
    maps = std::max(maps, each.maps.size());
  }
  chart::Drawing drawing;
  drawing.title = images.size() == 1 ? "an activation map" : "activation maps";
  drawing.width = static_cast<int>(
      std::ceil(kMapGapPx + layout.image_step() + static_cast<double>(maps) * (layout.map_step() + kMapGapPx)));
  drawing.height = static_cast<int>(std::ceil(static_cast<double>(images.size()) * layout.row_step() + kMapGapPx));
  for (std::size_t i = 0; i < images.size(); ++i) {
    draw_mapped_image(drawing, images[i], captions[i], class_names, layout,
                      kMapGapPx / 2 + static_cast<double>(i) * layout.row_step());
  }
  return drawing;
}

}  // namespace margay::interpret
