#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <torch/utils.h>

#include "margay/predict/prediction_file.h"

namespace margay::testing_support {

/// What a page needs to know of an image.
struct MadeImage {
  std::int64_t label;
  std::int64_t predicted;
  double sure = 2;  ///< logit of the prediction; the label's is 1 where it is another, and others' are 0
};

/// Predictions of those images, "images/0.png" and so on.
inline predict::KeptPredictions made_predictions(const std::vector<std::string>& vocab,
                                                 const std::vector<MadeImage>& images,
                                                 const std::filesystem::path& root = {}) {
  const auto count = static_cast<std::int64_t>(images.size());
  predict::KeptPredictions made;
  made.rows.logits = torch::zeros({count, static_cast<std::int64_t>(vocab.size())});
  made.rows.targets = torch::zeros({count}, torch::kInt64);
  auto logits = made.rows.logits.accessor<float, 2>();
  auto targets = made.rows.targets.accessor<std::int64_t, 1>();
  for (std::int64_t i = 0; i < count; ++i) {
    const MadeImage& image = images[static_cast<std::size_t>(i)];
    logits[i][image.label] = 1;
    logits[i][image.predicted] = static_cast<float>(image.sure);
    targets[i] = image.label;
    made.rows.ids.push_back(static_cast<std::size_t>(i));
    made.names.add(fmt::format("images/{}.png", i));
  }
  made.vocabulary = data::Vocabulary(vocab);
  made.root = root;
  return made;
}

}  // namespace margay::testing_support
