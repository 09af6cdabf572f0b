#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/studio/job.h"
#include "margay/run/observer.h"

namespace margay::studio {

/// Hands the progress of a run on to the job, the job's wish to stop back to it, and keeps its warnings.
class JobObserver : public run::Observer {
 public:
  explicit JobObserver(const Job::Progress& progress) : progress_(progress) {}

  bool is_stop_wanted() const override { return progress_.is_stop_wanted(); }
  void warned(const std::string& text) override { warnings.push_back(text); }
  void progressed(const std::string& /*task*/, std::int64_t done, std::int64_t total,
                  const std::string& /*details*/) override {
    progress_(done, total);
  }

  std::vector<std::string> warnings = {};

 private:
  const Job::Progress& progress_;
};

}  // namespace margay::studio
