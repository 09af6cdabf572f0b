// What a bundle keeps of a detector.
#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/field_type.h"
#include "margay/model/weights/weights_file.h"
#include "margay/predict/unknown_detector.h"

namespace margay::predict {
namespace {

using Json = nlohmann::ordered_json;

std::string unknown_name(const char* part) { return fmt::format("{}unknown.{}", model::kNoWeights, part); }

/// Takes tensors out of a map, and checks them.
class StateReader {
 public:
  explicit StateReader(model::TensorMap& tensors) : tensors_(tensors) {}

  /// sizes: -1 for any.
  torch::Tensor take(const char* part, torch::ScalarType type, const std::vector<std::int64_t>& sizes) {
    const std::string name = unknown_name(part);
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) throw std::invalid_argument("there is no tensor " + name);
    torch::Tensor tensor = found->second;
    tensors_.erase(found);
    bool fits = tensor.scalar_type() == type && tensor.dim() == static_cast<std::int64_t>(sizes.size());
    for (std::size_t d = 0; fits && d < sizes.size(); ++d) {
      fits = sizes[d] < 0 || tensor.size(static_cast<std::int64_t>(d)) == sizes[d];
    }
    if (fits) return tensor;
    throw std::invalid_argument(fmt::format("the tensor {} is {} {}, expected {} {}", name,
                                            torch::toString(tensor.scalar_type()), tensor.sizes().vec(),
                                            torch::toString(type), sizes));
  }

 private:
  model::TensorMap& tensors_;
};

MahalanobisDistances mahalanobis_of(StateReader& state, std::int64_t num_classes, std::int64_t features) {
  MahalanobisDistances distances;
  distances.directions = state.take("directions", torch::kHalf, {-1, features}).to(torch::kDouble);
  const std::int64_t count = distances.directions.size(0);
  distances.scales = state.take("scales", torch::kDouble, {count});
  distances.centre = state.take("centre", torch::kDouble, {count});
  distances.between = state.take("between", torch::kDouble, {count});
  distances.class_places = state.take("class_places", torch::kFloat, {num_classes, count});
  return distances;
}

KnownRows known_rows_of(StateReader& state, std::int64_t k, std::int64_t num_classes, std::int64_t features) {
  KnownRows known{.rows = state.take("rows", torch::kHalf, {-1, features}).to(torch::kFloat), .k = k};
  known.members = state.take("members", torch::kBool, {known.rows.size(0), num_classes});
  if (k < 1 || k > known.rows.size(0))
    throw std::invalid_argument(fmt::format("the {}. neighbour of {} known rows", k, known.rows.size(0)));
  return known;
}

/// The calibrations of all classes stand one after the other.
std::vector<KnownScores> calibration_of(const torch::Tensor& scores, const std::vector<std::int64_t>& counts) {
  std::vector<KnownScores> calibration;
  std::int64_t begin = 0;
  for (const std::int64_t count : counts) {
    if (count < 0 || begin + count > scores.size(0)) throw std::invalid_argument("its score counts do not fit");
    calibration.emplace_back(scores.slice(0, begin, begin + count));
    begin += count;
  }
  if (begin != scores.size(0)) throw std::invalid_argument("its score counts do not fit");
  return calibration;
}

}  // namespace

Json UnknownDetector::header() const {
  Json header = {{"score", core::to_text(scorer_.score)},
                 {"alpha", alpha_},
                 {"guarantee", core::to_text(guarantee_)},
                 {"activation", scorer_.activation == metric::Activation::kSoftmax ? "softmax" : "sigmoid"}};
  Json counts = Json::array();
  for (const KnownScores& scores : calibration_) counts.push_back(scores.size());
  header["calibration_images"] = counts;
  if (scorer_.known) header["neighbour"] = scorer_.known->k;
  return header;
}

model::TensorMap UnknownDetector::tensors() const {
  model::TensorMap tensors;
  std::vector<torch::Tensor> scores;
  for (const KnownScores& each : calibration_) scores.push_back(each.sorted());
  const bool is_left_out = guarantee_ == RefusalGuarantee::kLeftOut;
  tensors[unknown_name("scores")] = is_left_out ? row_scores_ : torch::cat(scores);
  if (scorer_.mahalanobis) {
    const MahalanobisDistances& distances = *scorer_.mahalanobis;
    tensors[unknown_name("directions")] = distances.directions.to(torch::kHalf);
    tensors[unknown_name("scales")] = distances.scales;
    tensors[unknown_name("centre")] = distances.centre;
    tensors[unknown_name("between")] = distances.between;
    tensors[unknown_name("class_places")] = distances.class_places;
  }
  if (scorer_.known) {
    tensors[unknown_name("rows")] = scorer_.known->rows.to(torch::kHalf);
    tensors[unknown_name("members")] = scorer_.known->members;
  }
  return tensors;
}

std::int64_t UnknownDetector::bytes() const {
  std::int64_t bytes = 0;
  for (const auto& [name, tensor] : tensors()) bytes += static_cast<std::int64_t>(tensor.nbytes());
  return bytes;
}

UnknownDetector UnknownDetector::from_bundle(const Json& header, model::TensorMap& tensors, std::int64_t num_classes,
                                             std::int64_t features) {
  StateReader state(tensors);
  UnknownScorer scorer{.score = core::from_text<UnknownScore>(header.at("score").get<std::string>())};
  const auto activation = header.at("activation").get<std::string>();
  if (activation != "softmax" && activation != "sigmoid")
    throw std::invalid_argument("its activation is \"" + activation + "\", expected softmax or sigmoid");
  scorer.activation = activation == "softmax" ? metric::Activation::kSoftmax : metric::Activation::kSigmoid;
  if (scorer.score == UnknownScore::kMahalanobis) scorer.mahalanobis = mahalanobis_of(state, num_classes, features);
  if (scorer.score == UnknownScore::kNearest)
    scorer.known = known_rows_of(state, header.at("neighbour").get<std::int64_t>(), num_classes, features);
  const torch::Tensor scores = state.take("scores", torch::kFloat, {-1});
  const auto alpha = header.at("alpha").get<double>();
  const auto guarantee = core::from_text<RefusalGuarantee>(header.at("guarantee").get<std::string>());
  if (guarantee == RefusalGuarantee::kLeftOut) return {std::move(scorer), alpha, scores};
  const auto counts = header.at("calibration_images").get<std::vector<std::int64_t>>();
  if (guarantee == RefusalGuarantee::kPerClass && static_cast<std::int64_t>(counts.size()) != num_classes)
    throw std::invalid_argument(fmt::format("it is calibrated for {} classes of {}", counts.size(), num_classes));
  return {std::move(scorer), alpha, guarantee, calibration_of(scores, counts)};
}

}  // namespace margay::predict
