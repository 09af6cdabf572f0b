#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "margay/model/architecture/architectures.h"
#include "margay/run/speed_records.h"

namespace margay::cli {

/// A network of the table, and its speed on this machine.
struct ListedModel {
  const model::Architecture* architecture;
  std::optional<run::SpeedRecord> speed;
};

/// The networks whose name or family contains the text, in any case; "": all.
std::vector<const model::Architecture*> search_models(const std::string& text);

/// The published sets of weights whose name, network or publisher contains the text, in any case; "": all.
std::vector<const model::WeightSet*> search_weight_sets(const std::string& text);

/// A row for each set, with all that is known of it: "–" and null for what no stored source says.
std::string weight_sets_text(const std::vector<const model::WeightSet*>& sets);
nlohmann::ordered_json weight_sets_json(const std::vector<const model::WeightSet*>& sets);

/// The published weights of a network, "timm ra2_in1k", and whether no oracle has computed with them: "timm lvd142m
/// (names and shapes only)". "–": there are none.
std::string published_text(const model::Architecture& architecture);

/// The table of networks, one line each; "–" for unknown values. It has a column of speeds if one was measured.
std::string models_text(const std::vector<ListedModel>& models);
nlohmann::ordered_json models_json(const std::vector<ListedModel>& models);

/// "25.6 M", "0.27 M", "4.7 k".
std::string millions_text(std::int64_t number);

}  // namespace margay::cli
