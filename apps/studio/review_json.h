#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "margay/data/edits/apply_edits.h"
#include "margay/data/edits/journal.h"
#include "margay/run/review.h"

// What a page is told of a review (FolderReview).

namespace margay::studio {

/// As JSON can hold them: what is no UTF-8 is replaced.
std::vector<std::string> shown_labels(const data::Labels& labels);

nlohmann::ordered_json decision_json(const data::Decision& decision, bool is_undone);
nlohmann::ordered_json progress_json(const run::ReviewProgress& progress);
nlohmann::ordered_json remaining_json(const run::RemainingWrong& left);
/// {"from", "to"} of each, the first 500.
nlohmann::ordered_json moves_json(const std::vector<data::PlannedMove>& moves);
/// What an entry's kind is called; "" for conflicts, offers and the sample, for which the page has words.
std::string title_of(const run::ReviewEntry& entry);

}  // namespace margay::studio
