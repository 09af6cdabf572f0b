#pragma once

#include <exception>
#include <optional>
#include <vector>

#include "margay/data/loader/loader_pass.h"
#include "margay/train/batch_copy.h"

namespace margay::train {

/// The batches of one pass, where the network is. Without a copy (on the CPU) they are handed through as they come.
/// With one, a batch that is ready is copied while the device works on the one before. Nothing that is not ready is
/// waited for ahead of its time, so seconds waited and the place where an error is thrown are those of the pass.
class DevicePrefetcher {
 public:
  /// copy: outlives the prefetcher; or null.
  DevicePrefetcher(data::LoaderPass pass, BatchCopy* copy) : pass_(std::move(pass)), copy_(copy) {}

  /// As LoaderPass::next, of which it also throws the errors.
  std::optional<data::Batch> next();
  /// As LoaderPass::waited_s.
  double waited_s() const { return pass_.waited_s(); }
  /// As LoaderPass::skipped; may be ahead by a batch.
  const std::vector<data::SkippedImage>& skipped() const { return pass_.skipped(); }

 private:
  std::optional<data::Batch> fetch();
  void prefetch();

  data::LoaderPass pass_;
  BatchCopy* copy_;
  std::optional<data::Batch> ahead_;  ///< being copied
  std::exception_ptr ahead_error_;    ///< thrown in its place
};

}  // namespace margay::train
