#include "margay/interpret/activation_map.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <c10/core/MemoryFormat.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/utils.h>

#include "margay/core/error.h"
#include "margay/core/options.h"
#include "margay/model/head/head.h"
#include "margay/model/torch_errors.h"

namespace margay::interpret {
namespace {

[[noreturn]] void refuse_maps(const std::string& problem) {
  throw std::invalid_argument("[activation_maps] " + problem);
}

void check_map_input(const model::Classifier& classifier, const torch::Tensor& images) {
  const std::int64_t channels = classifier.options().in_channels;
  if (!images.defined() || images.dim() != 4 || images.size(0) == 0 || images.size(1) != channels ||
      !images.is_floating_point()) {
    refuse_maps(fmt::format("images must be float [N,{},H,W] with N > 0", channels));
  }
  if (classifier.is_training()) refuse_maps("the network must be in eval mode: in train mode every pass differs");
}

MapMethod chosen_method(const model::Classifier& classifier, const ActivationMapOptions& options) {
  const MapMethod own = map_method(classifier);
  if (options.method.value_or(own) == MapMethod::kCam && own != MapMethod::kCam) {
    refuse_maps(fmt::format("the head of {} is not affine behind a mean over all places, so it has no {} map",
                            classifier.options().architecture, core::to_text(MapMethod::kCam)));
  }
  return options.method.value_or(own);
}

/// int64 [N,M], on the device of the logits [N,K].
torch::Tensor classes_of_maps(const ActivationMapOptions& options, const torch::Tensor& logits) {
  const torch::Tensor predicted = logits.detach().argmax(1);
  if (!options.choose && !options.classes.defined()) return predicted.unsqueeze(1);
  const torch::Tensor wanted = options.choose ? options.choose(predicted) : options.classes;
  const bool is_one = wanted.dim() == 1;
  const bool is_shaped = (is_one || (wanted.dim() == 2 && wanted.size(1) > 0)) && wanted.size(0) == logits.size(0);
  if (!is_shaped || wanted.is_floating_point()) {
    refuse_maps(fmt::format("classes must be integers [{0}] or [{0},M], got {1} {2}", logits.size(0),
                            c10::toString(wanted.scalar_type()), wanted.sizes().vec()));
  }
  const torch::Tensor classes = wanted.to(logits.device(), torch::kLong);
  if (classes.lt(0).logical_or(classes.ge(logits.size(1))).any().item<bool>()) {
    refuse_maps(fmt::format("classes must lie in [0, {}), got {} … {}", logits.size(1),
                            classes.min().item<std::int64_t>(), classes.max().item<std::int64_t>()));
  }
  return is_one ? classes.unsqueeze(1) : classes;
}

/// [N,K,h,w] -> [N,M,h,w], of the classes [N,M].
torch::Tensor maps_of_classes(const torch::Tensor& maps, const torch::Tensor& classes) {
  const torch::Tensor index = classes.unsqueeze(2).unsqueeze(3).expand({-1, -1, maps.size(2), maps.size(3)});
  return maps.gather(1, index);
}

void map_by_head(const model::MeanPooledHead& head, const torch::Tensor& features, ActivationMaps& maps) {
  const torch::Tensor bias = head.bias(features).to(torch::kFloat);  // [K]
  const torch::Tensor of_places = head.logits_of_places(features).to(torch::kFloat);
  maps.values = maps_of_classes(of_places, maps.classes) - bias.index({maps.classes}).unsqueeze(2).unsqueeze(3);
  maps.bias = bias.index({maps.classes}).cpu();
}

/// The gradient of each image's logit of a class, by its activations [N,C,h,w]: images do not depend on each other, so
/// it is that of the sum.
torch::Tensor gradient_of(const torch::Tensor& logits, const torch::Tensor& classes, const torch::Tensor& activations,
                          bool is_last) {
  const torch::Tensor score = logits.gather(1, classes.unsqueeze(1)).sum();
  return torch::autograd::grad({score}, {activations}, {}, /*retain_graph=*/!is_last)[0].to(torch::kFloat);
}

torch::Tensor weighted(const torch::Tensor& gradient, const torch::Tensor& activations, MapMethod method) {
  const auto places = static_cast<double>(gradient.size(2) * gradient.size(3));
  const bool is_averaged = method == MapMethod::kGradCam;
  const torch::Tensor weights = is_averaged ? gradient.mean({2, 3}, /*keepdim=*/true) : gradient;
  return (weights * activations).sum(1) * places;  // [N,h,w]
}

void map_by_gradient(const torch::Tensor& logits, const torch::Tensor& activations, ActivationMaps& maps) {
  const torch::Tensor plain = activations.detach().to(torch::kFloat);  // [N,C,h,w]
  std::vector<torch::Tensor> of_classes;
  for (std::int64_t m = 0; m < maps.classes.size(1); ++m) {
    const bool is_last = m + 1 == maps.classes.size(1);
    const torch::Tensor gradient = gradient_of(logits, maps.classes.select(1, m), activations, is_last);
    of_classes.push_back(weighted(gradient, plain, maps.method));
  }
  maps.values = torch::stack(of_classes, 1);
}

void check_maps_finite(const ActivationMaps& maps) {
  const torch::Tensor is_fine = maps.logits.isfinite().all(1).logical_and(maps.values.isfinite().flatten(1).all(1));
  if (is_fine.all().item<bool>()) return;
  throw core::Error(
      fmt::format("[activation_maps] the network's activations for image {} of the batch are not finite: the training "
                  "diverged, or `precision` is too low for it",
                  is_fine.to(torch::kInt).argmin().item<std::int64_t>()));
}

ActivationMaps compute_maps(model::Classifier& classifier, const torch::Tensor& images,
                            const ActivationMapOptions& options) {
  ActivationMaps maps;
  maps.method = chosen_method(classifier, options);
  maps.rows = classifier.backbone().map_grid(images.size(2));
  maps.columns = classifier.backbone().map_grid(images.size(3));
  const bool needs_gradient = maps.method != MapMethod::kCam;
  const model::Autocast autocast(images.device(), options.precision);
  const torch::NoGradGuard no_grad;
  const model::MapPoint point = classifier.backbone().map_point(images.contiguous(at::MemoryFormat::ChannelsLast));
  const torch::AutoGradMode with_gradient(needs_gradient);
  const torch::Tensor activations = point.activations.detach().requires_grad_(needs_gradient);
  const torch::Tensor logits = classifier.classify(point.rest(activations)).to(torch::kFloat);
  maps.classes = classes_of_maps(options, logits);
  if (needs_gradient) {
    map_by_gradient(logits, activations, maps);
  } else {
    map_by_head(*model::as_mean_pooled(classifier.head()), activations, maps);
  }
  maps.values = maps.values.detach().cpu();
  maps.classes = maps.classes.cpu();
  maps.logits = logits.detach().cpu();
  check_maps_finite(maps);
  return maps;
}

}  // namespace

MapMethod map_method(const model::Backbone& backbone, const torch::nn::Sequential& head) {
  if (model::as_mean_pooled(head)) return MapMethod::kCam;
  return backbone.maps_tokens() ? MapMethod::kGradCam : MapMethod::kHiResCam;
}

MapMethod map_method(const model::Classifier& classifier) {
  return map_method(classifier.backbone(), classifier.head());
}

ActivationMaps activation_maps(model::Classifier& classifier, const torch::Tensor& images,
                               const ActivationMapOptions& options) {
  check_map_input(classifier, images);
  if (options.choose && options.classes.defined()) refuse_maps("classes and choose exclude each other");
  return model::with_own_errors(model::kPredictWithLess, [&] { return compute_maps(classifier, images, options); });
}

namespace {

/// [size,cells]: how much each pixel takes from each cell, linearly between two centres.
torch::Tensor cell_shares(const model::MapGrid& grid, std::int64_t cells, std::int64_t size) {
  const torch::Tensor centres = torch::arange(size, torch::kDouble) + 0.5;
  const torch::Tensor places = ((centres - grid.first_px) / grid.step_px).clamp(0, static_cast<double>(cells - 1));
  const torch::Tensor distances = (places.unsqueeze(1) - torch::arange(cells, torch::kDouble)).abs();
  return (1 - distances).clamp_min(0);
}

void check_map_values(const torch::Tensor& values, std::int64_t height, std::int64_t width) {
  if (values.defined() && values.dim() == 2 && values.numel() > 0 && height > 0 && width > 0) return;
  throw std::invalid_argument("[activation_map] a map is float [h,w], over an image of at least one pixel");
}

std::int64_t pixel_of(const model::MapGrid& grid, std::int64_t cell, std::int64_t size) {
  const double centre = grid.first_px + static_cast<double>(cell) * grid.step_px;
  return std::clamp<std::int64_t>(static_cast<std::int64_t>(std::floor(centre)), 0, size - 1);
}

}  // namespace

torch::Tensor map_at_pixels(const torch::Tensor& values, const model::MapGrid& rows, const model::MapGrid& columns,
                            std::int64_t height, std::int64_t width) {
  check_map_values(values, height, width);
  const torch::Tensor along_rows = cell_shares(rows, values.size(0), height);       // [H,h]
  const torch::Tensor along_columns = cell_shares(columns, values.size(1), width);  // [W,w]
  const torch::Tensor at_pixels = along_rows.matmul(values.to(torch::kCPU, torch::kDouble)).matmul(along_columns.t());
  return at_pixels.to(torch::kFloat);
}

MapPeak map_peak(const torch::Tensor& values, const model::MapGrid& rows, const model::MapGrid& columns,
                 std::int64_t height, std::int64_t width) {
  check_map_values(values, height, width);
  const torch::Tensor flat = values.to(torch::kCPU, torch::kDouble).flatten();
  const auto cell = flat.argmax().item<std::int64_t>();
  return {.row = pixel_of(rows, cell / values.size(1), height),
          .column = pixel_of(columns, cell % values.size(1), width),
          .value = flat[cell].item<double>()};
}

}  // namespace margay::interpret
