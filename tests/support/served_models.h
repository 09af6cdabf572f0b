#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "margay/serve/prediction_request.h"
#include "margay/serve/predictor.h"
#include "margay/serve/served_model.h"
#include "tests/support/seeded_bundle.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_images.h"

namespace margay::testing_support {

inline std::shared_ptr<const serve::ServedModel> seeded_model(std::uint64_t seed) {
  return serve::ServedModel::of_bundle("stripes", seeded_bundle(seed), {});
}

inline serve::ImageBytes bytes_of_file(const std::filesystem::path& file) {
  const std::string content = file_content(file);
  return std::make_shared<const std::vector<std::uint8_t>>(content.begin(), content.end());
}

/// Encoded images of stripes, as uploads.
inline std::vector<serve::ImageInput> striped_uploads(int count) {
  const TemporaryFolder folder;
  std::vector<serve::ImageInput> uploads;
  for (int i = 0; i < count; ++i) {
    const auto file = folder / ("upload " + std::to_string(i) + ".png");
    data::write_png(file, striped_image(i % 2, i, 20 + i));
    uploads.push_back({.name = file.filename().string(), .content = bytes_of_file(file)});
  }
  return uploads;
}

/// What a model's predictor says of such uploads, float [N,K].
inline torch::Tensor logits_of_uploads(const serve::Predictor& predictor,
                                       const std::vector<serve::ImageInput>& uploads) {
  data::ImageList images;
  for (const serve::ImageInput& upload : uploads)
    images.add(data::ImageSource(upload.name, std::get<serve::ImageBytes>(upload.content)));
  return predictor.predict(images).logits;
}

}  // namespace margay::testing_support
