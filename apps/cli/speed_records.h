#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "margay/core/options.h"

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

}  // namespace margay::cli
