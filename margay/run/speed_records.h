#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "margay/core/options.h"
#include "margay/run/observer.h"
#include "margay/run/run_record.h"
#include "margay/train/choose_network.h"

namespace margay::run {

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

/// The records in the user's cache folder. If the file is damaged, the observer is warned, and the file counts as
/// empty.
SpeedRecords user_speed_records(const std::filesystem::path& cache_folder, Observer& observer);

/// Calls train::measure_network_speed. Returns nothing, after a warning, for a network that cannot be measured with
/// these options: it does not accept the images, or is too large.
std::optional<train::NetworkSpeed> speed_or_warn(const std::string& name, const train::NetworkSpeedOptions& options,
                                                 Observer& observer);

}  // namespace margay::run
