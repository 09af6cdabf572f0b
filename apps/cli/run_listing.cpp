#include "apps/cli/run_listing.h"

#include <fmt/format.h>

#include "apps/cli/warn.h"
#include "margay/core/error.h"
#include "margay/train/learner.h"
#include "margay/train/registry/run_epoch.h"

namespace margay::cli {

RunListing::RunListing(const std::filesystem::path& runs, const train::NewRun& run)
    : registry_(runs, warn), folder_(run.folder) {
  try_to([&] { registry_.add(run); });
}

void RunListing::after_epoch(train::Learner& learner, const train::Progress& /*at*/, const train::EpochRecord& record) {
  const train::RunEpoch epoch = train::run_epoch(record, learner.metrics());
  try_to([&] { registry_.add_epoch(folder_, epoch); });
}

void RunListing::finish(train::RunStatus status, const std::string& message) {
  try_to([&] { registry_.finish(folder_, status, message); });
}

void RunListing::try_to(const std::function<void()>& write) {
  if (has_failed_) return;
  try {
    write();
  } catch (const core::Error& error) {
    has_failed_ = true;
    warn(fmt::format("the run is not in the list that `margay runs` shows: {}", error.what()));
  }
}

}  // namespace margay::cli
