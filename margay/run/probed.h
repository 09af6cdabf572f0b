#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "margay/run/probe_mistakes.h"
#include "margay/run/probe_network.h"
#include "margay/train/probe/probe.h"

namespace margay::run {

/// The network and the images of a probe, before it begins.
struct ProbeStart {
  std::string arch;
  std::filesystem::path weights;
  std::string precision;
  std::int64_t train_images = 0;
  std::int64_t valid_images = 0;
  std::int64_t num_classes = 0;
};

/// What a probe found, and the files that hold it.
struct Probed {
  ProbeStart start;
  data::Task task = data::Task::kSingleLabel;
  train::ProbeResult result;
  std::string grouping;  ///< what was left out together, as words: "groups of `group_regex`"; "" for single images
  std::vector<std::string> absent_classes;     ///< without a training image
  std::vector<std::string> one_group_classes;  ///< as ProbeResult's
  Mistakes mistakes;                           ///< of the left-out predictions
  std::int64_t from_cache = 0;                 ///< of how many images the features were in the cache
  double images_per_s = 0;                     ///< as FittedProbe's
  std::vector<TimedPart> seconds;
  std::filesystem::path folder;
  std::filesystem::path model;     ///< "" if it could not be written
  std::filesystem::path left_out;  ///< the predictions as CSV
  std::filesystem::path sheet;     ///< the images with the highest loss; "" if it could not be written
};

/// Mean, standard error, number of images and of groups; what is not finite is null.
nlohmann::ordered_json to_json(const metric::ClusteredMean& mean);
/// The results as one document.
nlohmann::ordered_json to_json(const Probed& probed);

}  // namespace margay::run
