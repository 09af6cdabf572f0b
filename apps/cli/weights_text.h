#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "margay/model/weights/naming.h"
#include "margay/model/weights/published.h"
#include "margay/model/weights/tensor_map.h"
#include "margay/model/weights/weights_file.h"

namespace margay::cli {

/// A file of weights and the network that they seem to belong to.
struct InspectedWeights {
  std::filesystem::path path;
  model::WeightsFile file;
  std::optional<model::Recognised> network;
  std::optional<model::PublishedForm> form;  ///< of weights of a known network
};

/// Format, network and metadata, then a line for each tensor. Reads every number.
std::string inspected_text(const InspectedWeights& weights);
nlohmann::ordered_json inspected_json(const InspectedWeights& weights);

/// The differences between two files, called `a` and `b`: the first `limit` of each kind, and their number.
std::string difference_text(const model::WeightsDifference& difference, const std::string& a, const std::string& b,
                            std::size_t limit);
nlohmann::ordered_json difference_json(const model::WeightsDifference& difference);

}  // namespace margay::cli
