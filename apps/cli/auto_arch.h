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

/// What `margay models bench` measured of one network.
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

/// "57.3 / 201 (bf16, 224 px, 2 threads)": training, inference, and under which conditions.
std::string speed_text(const SpeedRecord& record);

/// The newest record of every network and machine, in a file of JSON.
class SpeedRecords {
 public:
  /// Without any yet.
  explicit SpeedRecords(std::filesystem::path file) : file_(std::move(file)) {}

  /// Reads the file if it is there. Throws core::FormatError for one that is something else.
  void load();

  /// That of this machine.
  std::optional<SpeedRecord> find(const std::string& name) const;
  /// In the place of the record of that network and machine.
  void put(const SpeedRecord& record);
  /// Makes the folder, too. Throws core::IoError.
  void save() const;

 private:
  std::filesystem::path file_;
  std::vector<SpeedRecord> records_;
};

/// Those in the user's cache folder; what is wrong with the file is said on stderr, and it is then taken for empty.
SpeedRecords user_speed_records(const std::filesystem::path& cache_folder);

/// What this machine is called.
std::string host_name();

/// train::measure_network_speed; nothing, and a warning in the place of the line, for a network that cannot be measured
/// so: of images that it does not take, or too large.
std::optional<train::NetworkSpeed> speed_or_warn(const std::string& name, const train::NetworkSpeedOptions& options,
                                                 ProgressLine& line);

/// The --arch that stands for whichever network suits the time.
inline constexpr const char* kAutoArch = "auto";

/// Puts the most accurate network whose epochs fit into options.minutes in the place of `auto`, and prints why.
/// Networks may be chosen for which there are weights: where options.vision_learner.weights is a folder (or the word
/// "cached"), those that model::look_up_weights finds there, and the file then takes the place of the folder; without
/// weights all. A few are measured on this
/// machine, the others estimated from them by their multiply-adds; what is chosen has been measured. Throws as
/// train::choose_network, and std::invalid_argument for weights that are no folder.
void choose_architecture(TrainOptions& options);

/// One line: what was chosen, what it takes, and the next.
std::string choice_text(const std::vector<train::NetworkCandidate>& candidates, const train::TrainingDemand& demand,
                        const train::NetworkChoice& choice);

}  // namespace margay::cli
