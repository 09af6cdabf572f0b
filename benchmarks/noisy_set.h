#pragma once

// Sets of images whose labels are made wrong, for cleaning.cpp.

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "margay/core/random.h"
#include "margay/data/sample/sample.h"
#include "margay/margay.h"
#include "margay/model/weights/pretrained.h"
#include "margay/predict/features.h"
#include "margay/predict/image_groups.h"

namespace noisy_set {

namespace fs = std::filesystem;
using margay::predict::Features;
using torch::Tensor;

struct Images {
  std::vector<fs::path> paths;
  Tensor classes;  // int64 [N], the true ones
  Features features;
  Tensor groups;  // int64 [N], near copies

  std::int64_t size() const { return static_cast<std::int64_t>(paths.size()); }
};

struct Set {
  std::string name;
  std::vector<std::string> class_names;
  Images train;
  Images valid;
  int px = 224;
  bool is_mirrored = true;  // mirror images are of the same class

  std::int64_t num_classes() const { return static_cast<std::int64_t>(class_names.size()); }
};

struct Places {
  fs::path shared;
  fs::path out;
  fs::path weights() const { return shared / "weights/resnet18-imagenet.safetensors"; }
};

inline margay::DataBlock from_folders(const fs::path& folder) {
  return margay::DataBlock()
      .items(margay::image_files(folder))
      .label(margay::folder_labels())
      .split(margay::folder_split(folder));
}

inline margay::DataBlock block_of(const std::string& set, const Places& places) {
  if (set == "pets") {
    const fs::path pets = places.shared / "data/pets";
    const auto table = margay::LabelTable::read(pets / "labels.csv", pets / "images");
    return margay::DataBlock().items(table.items()).label(table.labels()).split(table.split());
  }
  if (set == "mnist") return from_folders(places.shared / "data/mnist_3_7");
  if (set != "sample") throw std::invalid_argument(fmt::format("no set '{}'; sample, mnist, pets", set));
  margay::draw_sample(places.out / "sample", {.per_class = 200, .valid_fraction = 0.5});
  return from_folders(places.out / "sample");
}

inline void add_transforms(margay::DataBlock& block, const Set& set) {
  block.item_transform(margay::resize({.size = set.px * 8 / 7}))
      .batch_transform(margay::augment({.size = set.px, .min_scale = 0.75, .do_flip = set.is_mirrored}));
}

inline std::shared_ptr<margay::Classifier> feature_network(const Places& places) {
  margay::ClassifierOptions options{.architecture = "resnet18", .num_classes = 2};
  options.head = {.kind = margay::HeadKind::kLinear, .dropout = {0}};
  const auto network = margay::model::make_classifier(options);
  margay::model::load_pretrained(*network, places.weights());
  return network;
}

inline Images images_of(const margay::Loader& loader, margay::Classifier& network, const fs::path& cache) {
  const auto& dataset = loader.dataset();
  Images images;
  std::vector<std::int64_t> classes;
  for (std::size_t i = 0; i < dataset.size(); ++i) {
    images.paths.push_back(dataset.path(i));
    classes.push_back(dataset.target(i));
  }
  images.classes = torch::tensor(classes, torch::kLong);
  images.features =
      margay::predict::collect_features(network, loader, {.cache_folder = cache, .with_changed_views = true});
  if (images.features.size() != images.size()) throw std::runtime_error("an image cannot be read");
  images.groups = margay::predict::group_images(images.features, dataset).of_image;
  return images;
}

inline Set make_set(const std::string& name, const Places& places) {
  Set set{.name = name, .class_names = {}, .train = {}, .valid = {}};
  if (name == "sample") set.px = 64;
  if (name == "mnist") set.px = 32;
  set.is_mirrored = name != "mnist";
  margay::DataBlock block = block_of(name, places);
  add_transforms(block, set);
  const margay::Loaders loaders = block.loaders({.batch_size = 64});
  set.class_names = loaders.vocabulary.names();
  const auto network = feature_network(places);
  set.train = images_of(loaders.train, *network, places.out / "features");
  set.valid = images_of(*loaders.valid, *network, places.out / "features");
  return set;
}

inline Tensor tensor_of(const std::vector<std::size_t>& positions) {
  return torch::tensor(std::vector<std::int64_t>(positions.begin(), positions.end()), torch::kLong);
}

inline Tensor drawn_order(std::int64_t n, std::uint64_t seed) {
  return tensor_of(margay::core::permutation(static_cast<std::size_t>(n), {seed, 19}));
}

enum class Noise { kSymmetric, kSimilar };

inline const char* name_of(Noise noise) { return noise == Noise::kSymmetric ? "symmetric" : "similar"; }

/// int64 [K]: of each class the other one with the nearest mean of normalised features.
inline Tensor similar_classes(const Set& set) {
  const auto unit = [](const Tensor& rows) { return rows / rows.norm(2, 1, true).clamp_min(1e-12); };
  const Tensor rows = unit(set.train.features.rows);
  Tensor means = torch::zeros({set.num_classes(), rows.size(1)}).index_add_(0, set.train.classes, rows);
  means = unit(means);
  return means.matmul(means.t()).fill_diagonal_(-1).argmax(1);
}

inline Tensor noisy_labels(const Set& set, Noise noise, double share, std::uint64_t seed) {
  Tensor labels = set.train.classes.clone();
  const Tensor similar = similar_classes(set);
  const auto wrong = std::llround(share * static_cast<double>(labels.size(0)));
  const Tensor order = drawn_order(labels.size(0), seed);
  margay::core::Random random{seed, 20};
  for (std::int64_t i = 0; i < wrong; ++i) {
    const auto row = order[i].item<std::int64_t>();
    const auto old = labels[row].item<std::int64_t>();
    const auto step = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(set.num_classes() - 1))) + 1;
    labels[row] = noise == Noise::kSimilar ? similar[old].item<std::int64_t>() : (old + step) % set.num_classes();
  }
  return labels;
}

}  // namespace noisy_set
