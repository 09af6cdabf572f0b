#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "apps/cli/auto_arch.h"
#include "margay/model/architecture/architectures.h"

namespace margay::cli {

/// A network of the table, and how fast it was here.
struct ListedModel {
  const model::Architecture* architecture;
  std::optional<SpeedRecord> speed;
};

/// Those whose name or family has the text, in any case; "": all.
std::vector<const model::Architecture*> search_models(const std::string& text);

/// One line each; what is not known is "–". The column of speeds is there where one was measured.
std::string models_text(const std::vector<ListedModel>& models);
nlohmann::ordered_json models_json(const std::vector<ListedModel>& models);

/// "25.6 M", "0.27 M", "4.7 k".
std::string millions_text(std::int64_t number);

}  // namespace margay::cli
