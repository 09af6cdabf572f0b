#pragma once

#include <cstdint>

#include "apps/cli/judged_model.h"
#include "margay/run/evaluation_report.h"

namespace margay::cli {

/// Writes report.html, the page of an evaluation, into its folder, with activation maps of the images in its lists of
/// top losses where the model is at hand: the one that was judged, or the file that kept predictions came from, if it
/// still is that. Warns of what could not be shown. Throws core::IoError.
void write_evaluation_page(const run::Evaluation& evaluation, std::int64_t top_losses, const JudgedModel& model,
                           run::ReportFolder& folder);

}  // namespace margay::cli
