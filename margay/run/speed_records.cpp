#include "margay/run/speed_records.h"

#include <algorithm>
#include <fstream>
#include <stdexcept>
#include <system_error>

#include <c10/util/Exception.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/counted.h"
#include "margay/core/error.h"
#include "margay/core/file.h"
#include "margay/core/machine.h"

namespace margay::run {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr int kSpeedsFormatVersion = 1;

std::vector<SpeedRecord> parse(const Json& json) {
  if (json.at("format_version") != kSpeedsFormatVersion) throw std::invalid_argument("not of this version");
  std::vector<SpeedRecord> records;
  for (const Json& each : json.at("speeds")) core::from_json(each, records.emplace_back());
  return records;
}

}  // namespace

std::string speed_text(const SpeedRecord& record) {
  const std::string conditions = record.device == "cpu" ? core::counted(record.threads, "thread") : record.device;
  return fmt::format("{:.1f} / {:.0f} ({}, {} px, {})", record.train_images_per_s, record.inference_images_per_s,
                     record.precision, record.size, conditions);
}

void SpeedRecords::load() {
  std::ifstream stream(file_);
  if (!stream) return;
  try {
    records_ = parse(Json::parse(stream));
  } catch (const std::exception& error) {  // of JSON or of options: either way the file's fault
    throw core::FormatError(file_, fmt::format("does not hold measured speeds: {}", error.what()));
  }
}

std::optional<SpeedRecord> SpeedRecords::find(const std::string& name) const {
  const auto found = std::find_if(records_.begin(), records_.end(), [&](const SpeedRecord& each) {
    return each.name == name && each.host == core::host_name();
  });
  return found == records_.end() ? std::nullopt : std::optional(*found);
}

void SpeedRecords::put(const SpeedRecord& record) {
  std::erase_if(records_,
                [&](const SpeedRecord& each) { return each.name == record.name && each.host == record.host; });
  records_.push_back(record);
}

void SpeedRecords::save() const {
  Json json = {{"format_version", kSpeedsFormatVersion}, {"speeds", Json::array()}};
  for (const SpeedRecord& each : records_) json["speeds"].push_back(core::to_json(each));
  std::error_code failure;
  fs::create_directories(file_.parent_path(), failure);
  if (failure) throw core::IoError(file_.parent_path(), failure.message());
  core::write_file_atomically(file_, json.dump(1) + "\n");
}

SpeedRecords user_speed_records(const fs::path& cache_folder, Observer& observer) {
  SpeedRecords records(cache_folder / "speeds.json");
  try {
    records.load();
  } catch (const core::FormatError& error) {
    observer.warned(fmt::format("{}; the next measurement of a network writes a new one", error.what()));
  }
  return records;
}

const core::OptionTable& SpeedRecord::fields() {
  static const core::OptionTable table(
      "speed",
      {core::field<&SpeedRecord::name>("name", "the network"), core::field<&SpeedRecord::host>("host", "the machine"),
       core::field<&SpeedRecord::device>("device", "cpu or cuda"),
       core::field<&SpeedRecord::precision>("precision", "fp32, bf16 or fp16"),
       core::field<&SpeedRecord::threads>("threads", "of the CPU"),
       core::field<&SpeedRecord::batch_size>("batch_size", "images in a batch"),
       core::field<&SpeedRecord::size>("size", "side of the images"),
       core::field<&SpeedRecord::train_images_per_s>("train_images_per_s", "forward, backward and optimizer"),
       core::field<&SpeedRecord::inference_images_per_s>("inference_images_per_s", "forward alone")});
  return table;
}

std::optional<train::NetworkSpeed> speed_or_warn(const std::string& name, const train::NetworkSpeedOptions& options,
                                                 Observer& observer) {
  std::string problem;
  try {
    return train::measure_network_speed(name, options);
  } catch (const core::Error& error) {
    problem = error.what();
  } catch (const std::invalid_argument& error) {
    problem = error.what();
  }
  observer.progress_ended();
  observer.warned(fmt::format("{} is left out: {}", name, problem));
  return std::nullopt;
}

}  // namespace margay::run
