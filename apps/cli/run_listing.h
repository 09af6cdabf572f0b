#pragma once

#include <functional>
#include <string>

#include "margay/train/callback/callback.h"
#include "margay/train/registry/run_registry.h"

namespace margay::cli {

/// Keeps a run's line in the list of runs up to date. The list is a convenience: where it cannot be written the
/// training goes on, with one warning.
class RunListing : public train::Callback {
 public:
  /// runs: the folder of them all.
  RunListing(const std::filesystem::path& runs, train::NewRun run);

  /// Lists the run as one that is running. Until then a run that is not to go on, because its images changed, stays
  /// in the list as it ended.
  void begin();
  void after_epoch(train::Learner& learner, const train::Progress& at, const train::EpochRecord& record) override;
  void finish(train::RunStatus status, const std::string& message = "");

 private:
  void try_to(const std::function<void()>& write);

  train::RunRegistry registry_;
  train::NewRun run_;
  bool has_failed_ = false;
};

}  // namespace margay::cli
