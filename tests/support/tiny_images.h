#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "margay/data/data_block.h"
#include "margay/data/image/write_image.h"
#include "margay/data/loader/loader_pass.h"
#include "margay/data/source/image_files.h"
#include "margay/data/source/labels.h"
#include "margay/data/source/splits.h"
#include "tests/support/temporary_folder.h"

namespace margay::testing_support {

inline std::vector<data::Batch> all_batches(data::LoaderPass pass) {
  std::vector<data::Batch> batches;
  while (std::optional<data::Batch> batch = pass.next()) batches.push_back(std::move(*batch));
  return batches;
}

/// An image of horizontal (class 0) or vertical (class 1) stripes, shifted by `number`.
inline core::Image striped_image(int kind, int number, int side) {
  core::Image image(side, side);
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      const int along = (kind == 0 ? y : x) + number;
      for (int c = 0; c < 3; ++c) {
        image.row(y)[3 * x + c] = static_cast<std::uint8_t>(along / 2 % 2 == 0 ? 40 + 10 * c : 210 - 7 * number % 50);
      }
    }
  }
  return image;
}

/// folder/{train,valid}/{flat,upright}/N.png: stripes that a small network tells apart at once.
inline void write_tiny_images(const std::filesystem::path& folder, int train_per_class, int valid_per_class,
                              int side = 24) {
  for (const int kind : {0, 1}) {
    for (const bool is_valid : {false, true}) {
      const auto place = folder / (is_valid ? "valid" : "train") / (kind == 0 ? "flat" : "upright");
      std::filesystem::create_directories(place);
      const int count = is_valid ? valid_per_class : train_per_class;
      for (int i = 0; i < count; ++i) {
        data::write_png(place / (std::to_string(i) + ".png"), striped_image(kind, i + (is_valid ? 100 : 0), side));
      }
    }
  }
}

/// Stripes a pixel wide do not survive a turn, so only flips are drawn.
inline data::DataBlock tiny_block(const std::filesystem::path& folder, int side = 16) {
  return data::DataBlock()
      .items(data::image_files(folder))
      .label(data::folder_labels())
      .split(data::folder_split(folder))
      .item_transform(data::resize({.size = 24}))
      .batch_transform(data::augment({.size = side, .max_rotate = 0, .max_zoom = 1, .max_lighting = 0, .max_warp = 0}));
}

}  // namespace margay::testing_support
