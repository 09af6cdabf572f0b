#pragma once

#include <vector>

#include "margay/data/check/finding.h"
#include "margay/run/label_check_options.h"
#include "margay/run/reviewed_data.h"

namespace margay::cli {

/// Searches for wrong labels, copies and outliers among the reviewed images, with progress on standard error. data gets
/// the predictions. Throws UsageError where there are no weights to probe with, naming the other ways, and as
/// run::check_labels.
std::vector<data::Finding> find_labels(run::LabelCheckOptions options, run::ReviewedData& data);

}  // namespace margay::cli
