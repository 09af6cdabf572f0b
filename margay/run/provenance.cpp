#include "margay/run/provenance.h"

#include <cmath>
#include <limits>
#include <set>
#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "margay/data/edits/label_edits.h"
#include "margay/train/recipe/recipe_text.h"

namespace margay::run {
namespace {

using ProvenanceJson = nlohmann::ordered_json;

constexpr double kNotMeasured = std::numeric_limits<double>::quiet_NaN();

/// Without its time, so that the same training writes the same file.
ProvenanceJson provenance_epoch(const RunEpoch& epoch) {
  ProvenanceJson json = {{"stage", epoch.stage}, {"epoch", epoch.epoch}};
  const auto add = [&json](const std::string& name, double value) {
    if (std::isfinite(value)) json[name] = value;
  };
  add("train_loss", epoch.train_loss);
  add("valid_loss", epoch.valid_loss);
  for (const auto& [name, value] : epoch.metrics) add(name, value);
  return json;
}

RunEpoch epoch_of_provenance(const ProvenanceJson& json) {
  static const std::set<std::string> kOwnFields = {"stage", "epoch", "train_loss", "valid_loss"};
  RunEpoch epoch{.stage = json.at("stage"),
                 .epoch = json.at("epoch"),
                 .train_loss = json.value("train_loss", kNotMeasured),
                 .valid_loss = json.value("valid_loss", kNotMeasured)};
  for (const auto& [name, value] : json.items()) {
    if (!kOwnFields.contains(name)) epoch.metrics.emplace_back(name, value.get<double>());
  }
  return epoch;
}

}  // namespace

ProvenanceJson provenance(const DataOptions& data, const std::string& recipe, const train::Learner& learner,
                          const train::EpochRecord* results) {
  ProvenanceJson json = {
      {"program", "margay " MARGAY_VERSION}, {"data", core::to_json(data)}, {"epochs_done", learner.history().size()}};
  if (ProvenanceJson edits = edits_record(learner.given_loaders()); !edits.is_null()) json["edits"] = std::move(edits);
  if (!recipe.empty()) json["recipe"] = recipe;
  if (learner.lr_factor() != 1) json["lr_factor"] = learner.lr_factor();
  if (results == nullptr) return json;
  json["valid_loss"] = results->valid_loss;
  for (std::size_t i = 0; i < results->metrics.size(); ++i) {
    json[learner.metrics()[i]->name()] = results->metrics[i];
  }
  json["history"] = ProvenanceJson::array();
  for (const train::EpochRecord& each : learner.history()) {
    json["history"].push_back(provenance_epoch(run_epoch(each, learner.metrics())));
  }
  return json;
}

ProvenanceJson with_pretrained(ProvenanceJson provenance, const ProvenanceJson& pretrained) {
  if (!pretrained.is_null()) provenance["pretrained"] = pretrained;
  return provenance;
}

ProvenanceJson edits_record(const data::Loaders& loaders) {
  if (loaders.edits == nullptr) return nullptr;
  const data::LabelEdits& edits = *loaders.edits;
  return {{"journal_sha256", edits.journal_hash()},
          {"changes_sha256", edits.hash()},
          {"decisions", edits.all().size()},
          {"applied", edits.count(data::EditState::kApplied) + edits.count(data::EditState::kFollowed)},
          {"relabelled", edits.relabelled()},
          {"deleted", edits.deleted()}};
}

std::optional<TrainingHistory> training_history(const ProvenanceJson& provenance) {
  if (provenance.value("kind", "") == core::to_text(RunKind::kProbe)) {
    return TrainingHistory{.recipe = {{.type = train::StageKind::kProbe}}, .epochs = {}};
  }
  if (!provenance.contains("recipe")) return std::nullopt;
  try {
    TrainingHistory history{.recipe = train::parse_recipe(provenance.at("recipe")),
                            .lr_factor = provenance.value("lr_factor", 1.0),
                            .epochs = {}};
    for (const ProvenanceJson& epoch : provenance.value("history", ProvenanceJson::array())) {
      history.epochs.push_back(epoch_of_provenance(epoch));
    }
    return history;
  } catch (const ProvenanceJson::exception& error) {
    throw std::invalid_argument(fmt::format("its training is written in another form: {}", error.what()));
  }
}

DataOptions remembered_options(const ProvenanceJson& provenance, const std::filesystem::path& model) {
  DataOptions options;
  if (!provenance.contains("data")) return options;
  try {
    core::from_json(provenance["data"], options);
  } catch (const std::invalid_argument& error) {
    throw core::FormatError(model,
                            fmt::format("what it remembers of labels and split cannot be used: {}", error.what()));
  }
  return options;
}

}  // namespace margay::run
