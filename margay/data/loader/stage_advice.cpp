#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/data/loader/stage_speed.h"

namespace margay::data {
namespace {

constexpr std::size_t kRead = 0;
constexpr std::size_t kWarp = 3;
constexpr std::size_t kCollateStage = 4;

std::string gigabytes(std::uint64_t bytes) { return fmt::format("{:.1f} GB", static_cast<double>(bytes) * 1e-9); }

}  // namespace

double StageSpeeds::total_ms() const {
  double total = 0;
  for (const StageTime& each : stages) total += each.ms;
  return total;
}

double StageSpeeds::share(std::size_t i) const { return stages[i].ms / std::max(total_ms(), 1e-9); }

std::size_t StageSpeeds::slowest() const {
  const auto is_faster = [](const StageTime& a, const StageTime& b) { return a.ms < b.ms; };
  return static_cast<std::size_t>(std::max_element(stages.begin(), stages.end(), is_faster) - stages.begin());
}

std::string StageSpeeds::suggestion() const {
  const std::size_t limit = slowest();
  const std::string what = fmt::format("{} takes {:.0f} %", stages[limit].stage, 100 * share(limit));
  if (limit == kWarp) {
    return what + ", which a cache does not save: more cores help, or a smaller `size`";
  }
  if (limit == kCollateStage) {
    return what + ", which is mixing, or batches copied around unreadable images: try `mix` none, and `check_data`";
  }
  const bool fits = cache_bytes <= free_memory_bytes / 2;  // the default limit of a cache in memory
  const std::string need = fmt::format("{} images need {}", cached_images, gigabytes(cache_bytes));
  const std::string cache =
      fits ? fmt::format("`cache` ram: {}", need)
           : fmt::format("`cache` disk: {}, and {} of memory are free", need, gigabytes(free_memory_bytes));
  if (limit == kRead) return fmt::format("{}: the disk is slow; read each image once with {}", what, cache);
  return fmt::format("{}: do it once for all epochs with {}", what, cache);
}

nlohmann::ordered_json StageSpeeds::json() const {
  nlohmann::ordered_json json;
  json["images"] = images;
  json["measured"] = measured;
  json["unreadable"] = unreadable;
  json["stages"] = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < stages.size(); ++i) {
    json["stages"].push_back({{"stage", stages[i].stage},
                              {"ms", stages[i].ms},
                              {"images_per_s", 1e3 / std::max(stages[i].ms, 1e-9)},
                              {"share", share(i)}});
  }
  json["workers"] = workers;
  json["cold_images_per_s"] = cold_images_per_s;
  json["cached_images_per_s"] = cached_images_per_s;
  json["cached_images"] = cached_images;
  json["cache_bytes"] = cache_bytes;
  json["free_memory_bytes"] = free_memory_bytes;
  json["limited_by"] = stages[slowest()].stage;
  json["suggestion"] = suggestion();
  return json;
}

}  // namespace margay::data
