#pragma once

#include "margay/metric/metric.h"
#include "margay/train/progress.h"
#include "margay/train/registry/run_record.h"

namespace margay::train {

/// The learner's record as the registry keeps it.
RunEpoch run_epoch(const EpochRecord& record, const metric::Metrics& metrics);

}  // namespace margay::train
