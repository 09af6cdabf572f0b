#include "margay/train/registry/run_record.h"

#include <cmath>
#include <ctime>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "margay/core/options.h"
#include "margay/metric/standard_error.h"

namespace margay::train {
namespace {

nlohmann::ordered_json epoch_json(const RunEpoch& epoch) {
  nlohmann::ordered_json json = {{"stage", epoch.stage},
                                 {"epoch", epoch.epoch},
                                 {"train_loss", epoch.train_loss},
                                 {"valid_loss", epoch.valid_loss}};
  for (const auto& [name, value] : epoch.metrics) json[name] = value;
  json["seconds"] = epoch.seconds;
  return json;
}

}  // namespace

std::optional<double> RunRecord::last(const std::string& metric) const {
  if (epochs.empty()) return std::nullopt;
  const RunEpoch& epoch = epochs.back();
  std::optional<double> value;
  if (metric == "train_loss") value = epoch.train_loss;
  if (metric == "valid_loss") value = epoch.valid_loss;
  for (const auto& [each, number] : epoch.metrics) {
    if (each == metric) value = number;
  }
  return value && std::isnan(*value) ? std::nullopt : value;
}

std::string RunRecord::main_metric() const {
  const bool has_metric = !epochs.empty() && !epochs.back().metrics.empty();
  return has_metric ? epochs.back().metrics.front().first : "valid_loss";
}

std::optional<double> RunRecord::standard_error(const std::string& metric) const {
  const std::optional<double> share = last(metric);
  if (!share || !valid_images || *valid_images < 1 || !is_share_of_images(metric)) return std::nullopt;
  if (!(*share > 0 && *share < 1)) return std::nullopt;
  return metric::share_standard_error(*share, *valid_images);
}

double RunRecord::seconds() const {
  const std::optional<std::int64_t> begin = utc_seconds(started);
  const std::optional<std::int64_t> end = utc_seconds(ended);
  if (begin && end && *end >= *begin) return static_cast<double>(*end - *begin);
  double sum = 0;
  for (const RunEpoch& epoch : epochs) sum += epoch.seconds;
  return sum;
}

bool is_share_of_images(const std::string& metric) {
  return metric == "error_rate" || metric == "accuracy" || metric == "exact_match";
}

nlohmann::ordered_json to_json(const RunRecord& record) {
  nlohmann::ordered_json json = {{"id", record.id},
                                 {"folder", record.folder},
                                 {"name", record.name},
                                 {"group", record.group},
                                 {"seed", record.seed},
                                 {"started", record.started},
                                 {"ended", record.ended},
                                 {"status", core::to_text(record.status)},
                                 {"message", record.message},
                                 {"seconds", record.seconds()},
                                 {"valid_pictures", nullptr},
                                 {"config", record.config},
                                 {"epochs", nlohmann::ordered_json::array()}};
  if (record.valid_images) json["valid_pictures"] = *record.valid_images;
  for (const RunEpoch& epoch : record.epochs) json["epochs"].push_back(epoch_json(epoch));
  return json;
}

std::string utc_text(std::int64_t seconds) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(seconds)));
}

std::optional<std::int64_t> utc_seconds(const std::string& text) {
  std::tm parts{};
  const char* end = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return static_cast<std::int64_t>(::timegm(&parts));
}

}  // namespace margay::train
