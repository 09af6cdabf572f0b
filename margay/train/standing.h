#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "margay/data/loader/loader_pass.h"
#include "margay/train/progress.h"
#include "margay/train/smooth_loss.h"

namespace margay::train {

/// Where a learner stands between two steps. With its tensors (Snapshot) it is all that another learner of the same
/// settings needs to go on as if nothing had happened.
struct Standing {
  std::size_t stage_index = 0;  ///< of the recipe
  std::string stage;            ///< of the fit under way; empty: none is
  std::int64_t epoch = 0;       ///< of this fit, from 0: the one under way, or the next
  bool is_in_epoch = false;     ///< its training pass has begun
  bool is_cancelled = false;    ///< the fit ends here, whatever is left of it
  std::int64_t step = 0;        ///< batches trained on in this epoch
  std::int64_t next_batch = 0;  ///< of this pass, behind the last one used
  double fit_s = 0;             ///< seconds of this fit so far
  std::int64_t passes = 0;      ///< as Learner::passes
  double lr_factor = 1;
  std::optional<double> validation_s;      ///< what a validation took, where time decides
  std::optional<int> first_trained_group;  ///< as freeze_to was last asked for
  SmoothLoss smooth_loss;
  std::vector<EpochRecord> history;
  std::vector<StepRecord> steps;
  std::vector<data::SkippedPicture> skipped;
};

/// Numbers keep all their bits. The steps are not in it: there are too many of them for text.
nlohmann::ordered_json to_json(const Standing& standing);

/// Throws core::FormatError, naming `source`, for JSON that to_json did not write.
Standing standing_from_json(const nlohmann::ordered_json& json, const std::filesystem::path& source);

}  // namespace margay::train
