#pragma once

#include <vector>

#include "margay/data/loader/pass_plan.h"
#include "margay/data/loader/stage_speed.h"

namespace margay::data {

/// How fast a loader was, and with what.
struct LoaderSpeed {
  double images_per_s = 0;
  std::vector<PassRow> rows;  ///< what was delivered, each image once; a cache in the plan holds all of it now
};

/// Walks over the plan's rows, again from the first where they are few, until options.images are delivered or
/// options.seconds are over; one batch at least. Throws as LoaderPass does.
LoaderSpeed measure_loader(const PassPlan& plan, const StageSpeedOptions& options);

}  // namespace margay::data
