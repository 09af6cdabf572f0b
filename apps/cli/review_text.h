#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "margay/run/review.h"

namespace margay::cli {

/// "at most 1.2 % of 3,680 labels are wrong (95 % sure: 1 wrong of 240 looked at in random order); probably 0.4 %";
/// what is known before the sample begins.
std::string remaining_text(const run::RemainingWrong& left);

/// "12 left · 40 kept, 7 relabelled, 2 deleted".
std::string progress_text(const run::ReviewProgress& progress);

/// Errors on the validation images before and after, with their intervals, and that the labels judge what was found by
/// a model; "" where nothing was changed there or nothing is known.
std::string validation_text(const run::Review& review);

/// All of the above, one line each, and the journal.
std::string review_summary(const run::Review& review);

/// "Abyssinian", "cat;dog", "none" where there is no label.
std::string labels_text(const data::Labels& labels);

/// What the review is about, for programs: entries of the queue that are pending, in order.
nlohmann::ordered_json queue_json(const run::Review& review);
std::string queue_csv(const run::Review& review);
/// most: entries shown; the rest is counted.
std::string queue_text(const run::Review& review, std::size_t most);

/// The summary as JSON.
nlohmann::ordered_json status_json(const run::Review& review);
/// The decisions of the journal, the last first, undone ones marked. most: as queue_text.
std::string history_text(const data::Journal& journal, std::size_t most);

}  // namespace margay::cli
