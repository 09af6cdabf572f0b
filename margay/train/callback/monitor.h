#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "margay/core/options.h"
#include "margay/metric/metric.h"
#include "margay/train/progress.h"

namespace margay::train {

class Learner;

struct MonitorOptions {
  std::string monitor = "valid_loss";
  double min_delta = 0;

  static const core::OptionTable& fields();
};

/// Watches one number of the history and says when it is better than ever before.
class Monitor {
 public:
  /// Throws std::invalid_argument for a min_delta out of range.
  explicit Monitor(const MonitorOptions& options = {});

  /// Throws std::invalid_argument, naming what there is, unless the learner has the number: an unknown name, or one of
  /// the validation where there is none.
  void check(const Learner& learner) const;
  /// Whether the record is better than the best one so far, by more than min_delta; it is then the best one. NaN and
  /// infinities are never better. metrics: those of the record. Throws std::invalid_argument for an unknown name.
  bool improves(const EpochRecord& record, const metric::Metrics& metrics);

  const std::string& name() const { return options_.monitor; }
  /// Of the best record so far; nothing before the first.
  std::optional<double> best() const { return best_; }
  /// Forgets the best record.
  void reset() { best_.reset(); }

  nlohmann::ordered_json state() const;
  /// Throws core::FormatError, naming `source`, for a state that is not of a monitor of this name.
  void load_state(const nlohmann::ordered_json& state, const std::filesystem::path& source);

 private:
  MonitorOptions options_;
  std::optional<double> best_;
};

}  // namespace margay::train
