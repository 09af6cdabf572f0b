#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "margay/model/model_summary.h"

namespace margay::cli {

/// fastai's Learner.summary as text: a line for each layer and step, then each parameter group and the whole.
std::string model_summary_text(const model::ModelSummary& summary);
nlohmann::ordered_json model_summary_json(const model::ModelSummary& summary);

}  // namespace margay::cli
