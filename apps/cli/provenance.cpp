#include "apps/cli/provenance.h"

#include <nlohmann/json.hpp>

namespace margay::cli {

nlohmann::ordered_json provenance(const DataOptions& data, const train::Learner& learner,
                                  const train::EpochRecord* results) {
  nlohmann::ordered_json json = {
      {"program", "margay " MARGAY_VERSION}, {"data", core::to_json(data)}, {"epochs_done", learner.history().size()}};
  if (results == nullptr) return json;
  json["valid_loss"] = results->valid_loss;
  for (std::size_t i = 0; i < results->metrics.size(); ++i) {
    json[learner.metrics()[i]->name()] = results->metrics[i];
  }
  return json;
}

}  // namespace margay::cli
