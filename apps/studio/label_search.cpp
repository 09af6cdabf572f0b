#include "apps/studio/label_search.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/studio/job_observer.h"
#include "margay/core/error.h"
#include "margay/core/file.h"
#include "margay/data/check/check_data.h"
#include "margay/data/edits/decision.h"
#include "margay/data/source/text_file.h"
#include "margay/run/data_options.h"
#include "margay/run/label_check.h"
#include "margay/run/pretrained_weights.h"
#include "margay/run/probe_run.h"

namespace margay::studio {
namespace {

namespace fs = std::filesystem;
using FoundJson = nlohmann::ordered_json;

constexpr int kFoundFormat = 1;
constexpr std::size_t kShares = 9;  // as many as there are keys for them

std::vector<ClassShare> shares_of(const run::LabelCheck& check, std::size_t row) {
  std::vector<std::int32_t> order(check.num_classes());
  std::iota(order.begin(), order.end(), 0);
  const std::size_t kept = std::min(kShares, order.size());
  std::partial_sort(
      order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept), order.end(),
      [&](std::int32_t a, std::int32_t b) { return check.probability(row, a) > check.probability(row, b); });
  std::vector<ClassShare> shares;
  for (std::size_t i = 0; i < kept; ++i) {
    shares.emplace_back(check.classes[static_cast<std::size_t>(order[i])], check.probability(row, order[i]));
  }
  return shares;
}

void take_check(run::LabelCheck&& check, FoundLabels& found) {
  for (std::size_t row = 0; row < check.size(); ++row) {
    const std::string path(check.images.names().text(row));
    found.predicted[path] = check.predicted_labels(row);
    found.shares[path] = shares_of(check, row);
  }
  found.source = check.source;
  for (const std::string& warning : check.warnings) found.warnings.push_back(warning);
  std::move(check.findings.begin(), check.findings.end(), std::back_inserter(found.findings));
}

data::Finding finding_of_json(const FoundJson& json) {
  const auto kind = data::kind_named(json.at("kind").get<std::string>());
  if (!kind) throw std::invalid_argument("an unknown kind of finding");
  data::Finding finding{.kind = *kind, .text = json.at("text").get<std::string>()};
  for (const FoundJson& path : json.at("paths")) finding.paths.emplace_back(path.get<std::string>());
  finding.classes = json.at("classes").get<std::vector<std::string>>();
  finding.suggestion = json.at("suggestion").get<std::vector<std::string>>();
  for (const auto& [name, value] : json.at("evidence").items()) {
    if (value.is_number()) finding.evidence.push_back({name, value.get<double>()});
  }
  return finding;
}

}  // namespace

std::optional<FoundLabels> kept_found(const fs::path& file) {
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return std::nullopt;
  try {
    const FoundJson json = FoundJson::parse(data::read_text(file));
    if (json.at("format") != kFoundFormat) return std::nullopt;
    FoundLabels found{.source = json.at("source").get<std::string>(), .time = json.at("time").get<std::string>()};
    found.images = json.value("searched", std::size_t{0});
    found.warnings = json.at("warnings").get<std::vector<std::string>>();
    for (const FoundJson& each : json.at("findings")) found.findings.push_back(finding_of_json(each));
    for (const FoundJson& each : json.at("images")) {
      const auto path = each.at("image").get<std::string>();
      found.predicted[path] = each.at("predicted").get<data::Labels>();
      found.shares[path] = each.at("shares").get<std::vector<ClassShare>>();
    }
    return found;
  } catch (const std::exception&) {  // a search makes it anew
    return std::nullopt;
  }
}

void keep_found(const FoundLabels& found, const fs::path& file) {
  FoundJson json = {{"format", kFoundFormat},      {"time", found.time},         {"searched", found.images},
                    {"source", found.source},      {"warnings", found.warnings}, {"findings", FoundJson::array()},
                    {"images", FoundJson::array()}};
  for (const data::Finding& each : found.findings) json["findings"].push_back(data::to_json(each));
  for (const auto& [path, shares] : found.shares) {
    json["images"].push_back({{"image", path}, {"predicted", found.predicted.at(path)}, {"shares", shares}});
  }
  std::error_code failure;
  fs::create_directories(file.parent_path(), failure);
  if (failure) throw core::IoError(file.parent_path(), "the folder cannot be made", failure.value());
  core::write_file_atomically(file, json.dump(-1, ' ', false, FoundJson::error_handler_t::replace));
}

FoundLabels search_labels(const LabelSearchOptions& options, const Job::Progress& progress) {
  JobObserver observer(progress);
  FoundLabels found{.time = data::utc_now(), .images = options.images};
  const data::DataBlock block = run::make_block(options.folder, options.data, data::Gaps::kKeep);
  data::DataReport report =
      data::check_data(block, options.folder, {.near_duplicates = true}, [&](std::size_t done, std::size_t total) {
        progress(static_cast<std::int64_t>(done), static_cast<std::int64_t>(total));
      });
  found.findings = std::move(report.findings);
  run::LabelCheckOptions label{
      .folder = options.folder, .data = options.data, .model = options.model, .arch = options.arch};
  if (options.device) label.network.device = *options.device;
  if (options.model.empty()) {
    const run::WeightsSearch search = run::find_weights_at_hand(model::find_architecture(label.arch), options.places);
    search.fill_in(label.network.weights, label.network.weights_sha256);
    found.warnings = search.warnings;
  }
  try {
    take_check(run::check_labels(label, options.cache_folder, observer), found);
  } catch (const run::NoWeightsError&) {
    found.warnings.push_back(
        fmt::format("labels were not judged, only files and copies: no pretrained weights of {} lie "
                    "on this machine; margay fetch {} brings them, or choose a model",
                    label.arch, label.arch));
  }
  found.warnings.insert(found.warnings.end(), observer.warnings.begin(), observer.warnings.end());
  return found;
}

}  // namespace margay::studio
