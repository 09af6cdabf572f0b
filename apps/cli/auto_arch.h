#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apps/cli/progress_line.h"
#include "apps/cli/train_options.h"
#include "margay/core/options.h"
#include "margay/train/choose_network.h"

namespace margay::cli {

/// The speed of one network, measured by `margay models bench`.
struct SpeedRecord {
  std::string name;
  std::string host;
  std::string device;
  std::string precision;
  int threads = 1;
  std::int64_t batch_size = 0;
  std::int64_t size = 0;
  double train_images_per_s = 0;
  double inference_images_per_s = 0;

  static const core::OptionTable& fields();
};

/// "57.3 / 201 (bf16, 224 px, 2 threads)": training, inference, and the conditions.
std::string speed_text(const SpeedRecord& record);

/// The newest record of every network and machine, in a JSON file.
class SpeedRecords {
 public:
  /// Has no records until load().
  explicit SpeedRecords(std::filesystem::path file) : file_(std::move(file)) {}

  /// Reads the file if it exists. Throws core::FormatError for any other file.
  void load();

  /// That of this machine.
  std::optional<SpeedRecord> find(const std::string& name) const;
  /// Replaces the record of that network and machine.
  void put(const SpeedRecord& record);
  /// Writes the file, and makes its folder. Throws core::IoError.
  void save() const;

 private:
  std::filesystem::path file_;
  std::vector<SpeedRecord> records_;
};

/// The records in the user's cache folder. A broken file is reported on stderr and treated as empty.
SpeedRecords user_speed_records(const std::filesystem::path& cache_folder);

/// What this machine is called.
std::string host_name();

/// Calls train::measure_network_speed. Returns nothing, after a warning, for a network that cannot be measured with
/// these options: it does not accept the images, or is too large.
std::optional<train::NetworkSpeed> speed_or_warn(const std::string& name, const train::NetworkSpeedOptions& options,
                                                 ProgressLine& line);

/// The value of --arch for the best network that fits the time.
inline constexpr const char* kAutoArch = "auto";

/// Replaces `auto` by the most accurate network whose epochs fit into options.minutes, and prints why. If
/// options.vision_learner.weights is a folder (or "cached"), it chooses among the networks whose weights
/// model::look_up_weights finds there, and replaces the folder by the file; without weights it chooses among all. A few
/// networks are measured on this machine, the others estimated from them by their multiply-adds; the chosen one is
/// always measured. Throws as train::choose_network, and std::invalid_argument for weights that are no folder.
void choose_architecture(TrainOptions& options);

/// One line: the choice, its time, and the runner-up.
std::string choice_text(const std::vector<train::NetworkCandidate>& candidates, const train::TrainingDemand& demand,
                        const train::NetworkChoice& choice);

}  // namespace margay::cli
