#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "margay/chart/drawing.h"
#include "margay/core/image.h"
#include "margay/data/loader/loader.h"
#include "margay/interpret/activation_map.h"
#include "margay/metric/metric.h"
#include "margay/predict/calibration.h"

namespace margay::interpret {

/// The map of one class.
struct ClassMap {
  std::int64_t class_index = 0;
  torch::Tensor values;          ///< float [h,w], in units of logits (ActivationMaps)
  double logit = 0;              ///< of the class
  double probability = 0;        ///< of the class
  std::optional<double> bias;    ///< where the mean of the map plus it is the logit
  model::MapGrid rows, columns;  ///< where the cells lie in the image
};

/// An image and its maps.
struct MappedImage {
  std::size_t id = 0;  ///< its position in the dataset
  core::Image image;   ///< as the network saw it, but without the normalisation
  MapMethod method = MapMethod::kCam;
  std::vector<ClassMap> maps;  ///< of different classes
};

struct MappedImageOptions {
  /// Classes to map for every image, by their indices. Before them come the predicted class, and that of the label
  /// where images have one label each; none comes twice.
  std::vector<std::int64_t> classes = {};
  /// int64 [images of the dataset]: the label of each image in place of the dataset's own, or kNoTarget; undefined: the
  /// dataset's.
  torch::Tensor labels = {};
  /// Turns logits into probabilities.
  metric::Activation activation = metric::Activation::kSoftmax;
  /// Applied before.
  predict::Calibration calibration = {};
  /// As resolve_precision returns it, never kAuto.
  model::Precision precision = model::Precision::kFp32;
  /// The images to map, by their positions in the dataset, in this order; outlives the call. Null: all.
  const std::vector<std::size_t>* ids = nullptr;
};

/// The images of one batch, which are on the network's device, with their maps. normalization: what the images were
/// normalised with. The network must be in eval mode, and is not changed, so several threads may call it; `ids` of the
/// options does not apply. Throws as activation_maps.
std::vector<MappedImage> map_batch(model::Classifier& classifier, const data::Batch& batch,
                                   const data::Normalization& normalization, const MappedImageOptions& options);

/// Calls `visit` with each image of the loader that can be read, in order, batch by batch: one forward pass a batch,
/// and one backward pass a class unless the maps are CAM. Returns the images that were skipped. Puts the network into
/// eval mode, and back. Throws as activation_maps, LoaderPass::next, and what `visit` throws.
std::vector<data::SkippedImage> for_each_mapped_image(model::Classifier& classifier, const data::Loader& loader,
                                                      const MappedImageOptions& options,
                                                      const std::function<void(MappedImage&&)>& visit);

struct OverlayOptions {
  /// The ends of the colours, +-limit; unless given, the map's own largest absolute value.
  std::optional<double> limit = std::nullopt;
  /// Smaller images are enlarged by a whole factor until a side has so many pixels.
  int min_side_px = 1;
};

/// The map over its image (chart::diverging_over): the image in grey, orange where it speaks for the class, blue where
/// against it, the stronger the larger the value; a dark line where the map changes its sign. Has the size of
/// enlarged_image. Throws std::invalid_argument for an image without pixels.
core::Image overlay_map(const core::Image& image, const ClassMap& map, const OverlayOptions& options = {});

/// Every pixel becomes a square of pixels, so many times as wide that a side has min_side_px or more.
core::Image enlarged_image(const core::Image& image, int min_side_px);

/// What the map adds up to, in one line: "mean 5.21 + bias -0.07 = logit 5.14", or where that is not so "Grad-CAM,
/// logit 5.14".
std::string map_words(MapMethod method, const ClassMap& map);

/// Image after image, one a row: the image as the network saw it, then each of its maps, with class and probability,
/// the legend of its scale (zero marked), and a cross at the map's peak. captions: one for each image. class_names: K.
/// Throws std::invalid_argument for no images and for other numbers of captions.
chart::Drawing map_drawing(const std::vector<MappedImage>& images, const std::vector<std::string>& captions,
                           const std::vector<std::string>& class_names);

}  // namespace margay::interpret
