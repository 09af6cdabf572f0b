#pragma once

#include "margay/data/loader/batch.h"
#include "margay/data/loader/batch_queue.h"
#include "margay/data/loader/pass_plan.h"

namespace margay::data {

/// Makes the batch of a pending one whose rows are all filled: without the rows that failed, which costs a copy of the
/// others, and with its targets. The batch is empty when every row failed.
Batch collate(PendingBatch&& pending, const PassPlan& plan);

/// Does with a batch, on the device where it is, what goes on whole batches: the batch transform where it was left to
/// the device, then mixing where the plan says so.
void finish(Batch& batch, const PassPlan& plan);

}  // namespace margay::data
