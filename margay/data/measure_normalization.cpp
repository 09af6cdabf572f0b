#include "margay/data/measure_normalization.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <stdexcept>

#include "margay/core/error.h"
#include "margay/core/threads.h"
#include "margay/data/transform/channel_statistics.h"

namespace margay::data {

Normalization measure_normalization(const Dataset& dataset, const ImagePipeline& pipeline, std::size_t max_images) {
  if (max_images == 0) throw std::invalid_argument("[measure_normalization] max_images must be positive");
  const std::size_t count = std::min(dataset.size(), max_images);
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  ChannelStatistics all;
  std::exception_ptr error;
  const auto walk = [&] {
    ChannelStatistics own;
    for (std::size_t i = next++; i < count; i = next++) {
      core::Random random{0};
      try {
        own.add(pipeline.item(dataset.image(i * dataset.size() / count), Phase::kValid, random));
      } catch (const core::DataError&) {  // the training will name it
      }
    }
    const std::lock_guard lock(mutex);
    all.merge(own);
  };
  const auto work = [&] {
    try {
      walk();
    } catch (...) {
      next = count;  // the others may stop, too
      const std::lock_guard lock(mutex);
      error = std::current_exception();
    }
  };
  {
    const auto threads = core::start_threads(core::available_cpus() - 1, [&](const std::stop_token&) { work(); });
    work();
  }
  if (error) std::rethrow_exception(error);
  if (all.count() > 0) return all.normalization();
  throw core::DataError(dataset.size() > 0 ? dataset.path(0).parent_path() : "",
                        "no image can be read, so there are no statistics; `check_data` says what is wrong");
}

}  // namespace margay::data
