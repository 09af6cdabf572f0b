#pragma once

#include "margay/data/loader/batch.h"
#include "margay/data/loader/draft_queue.h"
#include "margay/data/loader/pass_plan.h"

namespace margay::data {

/// Makes the batch of a draft whose rows are all filled: without the rows that failed, which costs a copy of the
/// others, with its targets, and mixed where the plan says so. The batch is empty when every row failed.
Batch collate(const Draft& draft, const PassPlan& plan);

}  // namespace margay::data
