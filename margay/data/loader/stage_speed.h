#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "margay/core/options.h"
#include "margay/data/data_block.h"
#include "margay/data/loader/pass_plan.h"

namespace margay::data {

struct StageSpeedOptions {
  int images = 256;
  double seconds = 3;

  static const core::OptionTable& fields();
};

/// The time of one stage for one image on one thread.
struct StageTime {
  std::string stage;  ///< read, decode, presize, warp or collate
  double ms = 0;      ///< mean over the images
};

/// How fast each stage of the data path is on given images, options and machine.
struct StageSpeeds {
  std::vector<StageTime> stages;
  std::size_t measured = 0;             ///< images behind the means
  std::size_t unreadable = 0;           ///< images left out
  std::size_t images = 0;               ///< that train
  std::size_t cached_images = 0;        ///< that a cache would keep: of the training and the validation set
  int workers = 0;                      ///< threads of the loader
  double cold_images_per_s = 0;         ///< the whole loader without a cache
  double cached_images_per_s = 0;       ///< the whole loader with all its images cached in memory
  std::uint64_t cache_bytes = 0;        ///< estimated size of a cache of all of them
  std::uint64_t free_memory_bytes = 0;  ///< of the machine, before measuring

  /// Milliseconds of all stages.
  double total_ms() const;
  /// The share of stage i in them, 0 … 1.
  double share(std::size_t i) const;
  /// The stage that takes longest.
  std::size_t slowest() const;
  /// What limits the speed and what to do about it, in one sentence.
  std::string suggestion() const;

  nlohmann::ordered_json json() const;
};

/// Measures with the training loader's images, transforms and options, in the order of its first epoch. The loader's
/// own cache is not used. Images are not kept in memory, except those for the measurement with a cache. The stage
/// `collate` finishes a batch: it collects the readable rows, adds targets and mixes.
/// Throws core::DataError when not one image can be read.
StageSpeeds measure_stages(const Loaders& data, const StageSpeedOptions& options = {});

/// The measured speed of a loader.
struct LoaderSpeed {
  double images_per_s = 0;
  std::vector<PassRow> rows;  ///< the images delivered, each once; a cache in the plan holds all of them now
};

/// Loads the plan's rows, repeatedly if they are few, until options.images are delivered or options.seconds are over,
/// but at least one batch. Throws as LoaderPass does.
LoaderSpeed measure_loader(const PassPlan& plan, const StageSpeedOptions& options);

}  // namespace margay::data
