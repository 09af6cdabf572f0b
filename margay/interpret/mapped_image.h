#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "margay/chart/drawing.h"
#include "margay/core/image.h"
#include "margay/data/loader/loader.h"
#include "margay/interpret/activation_map.h"
#include "margay/metric/metric.h"

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
  /// Indices of the classes to map for every image. Empty: the predicted class, and that of the label where the images
  /// have one label each and it is another.
  std::vector<std::int64_t> classes = {};
  /// Turns logits into probabilities.
  metric::Activation activation = metric::Activation::kSoftmax;
  /// By which logits are divided before (predict::Calibration).
  double temperature = 1;
  /// As resolve_precision returns it, never kAuto.
  model::Precision precision = model::Precision::kFp32;
  /// The images to map, by their positions in the dataset, in this order; outlives the call. Null: all.
  const std::vector<std::size_t>* ids = nullptr;
};

/// Calls `visit` with each image of the loader that can be read, in order, batch by batch: one forward pass a batch,
/// and one backward pass a class unless the maps are CAM. Returns the images that were skipped. Puts the network into
/// eval mode, and back. Throws as activation_maps, LoaderPass::next, and what `visit` throws.
std::vector<data::SkippedImage> for_each_mapped_image(model::Classifier& classifier, const data::Loader& loader,
                                                      const MappedImageOptions& options,
                                                      const std::function<void(MappedImage&&)>& visit);

/// The colour of a map's value, from -1 to 1: blue where the image speaks against the class, orange where it speaks for
/// it, grey at 0. In OKLab (Ottosson 2020) lightness and chroma change in equal steps, so equal differences look equal;
/// blue and orange differ for people with any colour vision.
chart::Rgb map_colour(double value);

/// The map over its image: the image in grey, and the more coloured the larger the map's value, up to +-limit; a dark
/// line where the map changes its sign. The size is the image's. limit: of the scale; by default the map's own largest
/// absolute value.
core::Image overlay_map(const core::Image& image, const ClassMap& map, std::optional<double> limit = std::nullopt);

/// What a map's colours mean, in one line: method, sign, and what the mean is.
std::string map_words(const MappedImage& image, const ClassMap& map);

/// Image after image, one a row: the image as the network saw it, then each of its maps, with class and probability,
/// the legend of its scale (zero marked), and a cross at the map's peak. captions: one for each image. class_names: K.
/// Throws std::invalid_argument for no images and for other numbers of captions.
chart::Drawing map_drawing(const std::vector<MappedImage>& images, const std::vector<std::string>& captions,
                           const std::vector<std::string>& class_names);

}  // namespace margay::interpret
