#include "apps/cli/run_listing.h"

#include <utility>

#include <fmt/format.h>

#include "apps/cli/warn.h"
#include "margay/core/error.h"
#include "margay/train/learner.h"
#include "margay/train/registry/run_epoch.h"

namespace margay::cli {

RunListing::RunListing(const std::filesystem::path& runs, train::NewRun run)
    : registry_(runs, warn), run_(std::move(run)) {}

void RunListing::begin() {
  try_to([&] { registry_.add(run_); });
}

void RunListing::after_epoch(train::Learner& learner, const train::Progress& /*at*/, const train::EpochRecord& record) {
  const train::RunEpoch epoch = train::run_epoch(record, learner.metrics());
  try_to([&] { registry_.add_epoch(run_.folder, epoch); });
}

void RunListing::finish(train::RunStatus status, const std::string& message) {
  try_to([&] { registry_.finish(run_.folder, status, message); });
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
