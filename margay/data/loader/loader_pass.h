#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "margay/data/cache/picture_cache.h"
#include "margay/data/dataset.h"
#include "margay/data/loader/batch.h"
#include "margay/data/loader/loader_options.h"
#include "margay/data/loader/pass_order.h"
#include "margay/data/picture_pipeline.h"

namespace margay::data {

/// A picture that was left out, and why.
struct SkippedPicture {
  std::size_t id = 0;
  std::string problem;  ///< names the file
};

/// What one pass walks over, and how.
struct PassPlan {
  std::shared_ptr<const Dataset> dataset;
  PicturePipeline pipeline;
  Phase phase;  ///< of the pixels
  LoaderOptions options;
  MixOptions mix;                       ///< of whole batches
  std::shared_ptr<PictureCache> cache;  ///< or null
  std::int64_t epoch = 0;
  std::vector<PassRow> rows;    ///< of the whole pass
  std::size_t first_batch = 0;  ///< the batches before it are left out
};

/// One walk over the data. Not copyable; moving it is fine. Dropping it early stops its threads.
class LoaderPass {
 public:
  /// Begins: from here on its threads work ahead.
  explicit LoaderPass(PassPlan plan);
  ~LoaderPass();
  LoaderPass(LoaderPass&&) noexcept;
  LoaderPass& operator=(LoaderPass&&) noexcept;

  /// The next batch in order, or nothing at the end. A batch is smaller by the pictures skipped in it, and left
  /// out when none is left. Throws core::DataError for an unreadable picture when the policy is stop, and when
  /// not one picture of the whole pass could be read.
  std::optional<Batch> next();

  /// Seconds that next() spent waiting for the threads.
  double waited_s() const;
  /// The pictures skipped so far, in order.
  const std::vector<SkippedPicture>& skipped() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace margay::data
