#pragma once

#include <filesystem>

#include "margay/collective/group.h"
#include "margay/run/observer.h"
#include "margay/run/train_options.h"

namespace margay::run {

/// The largest batch that trains in the memory that is free (train::find_batch_size), with a network of as many classes
/// as the data has. Announces it. Of several processes each takes an equal share of the batch, which is as large as
/// fits into the memory of all of them; those of one host share its memory on a CPU, and
/// options.auto_batch.memory_limit_mb is that of one process. Throws as make_loaders and find_batch_size, and in all
/// processes where one of them fails.
int largest_batch_size(const TrainOptions& options, const std::filesystem::path& cache_folder, Observer& observer,
                       collective::Group& group);

}  // namespace margay::run
