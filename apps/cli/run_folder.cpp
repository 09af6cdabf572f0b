#include "apps/cli/run_folder.h"

#include <algorithm>
#include <ctime>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/cli/progress_line.h"

namespace margay::cli {
namespace {

namespace fs = std::filesystem;

/// The first of NAME, NAME-2, NAME-3, … that nobody has made, so that two runs never share a folder.
fs::path make_new_folder(const fs::path& wanted) {
  std::error_code error;
  fs::create_directories(wanted.parent_path(), error);
  for (int attempt = 1; !error && attempt < 1000; ++attempt) {
    const fs::path path = attempt == 1 ? wanted : fs::path(fmt::format("{}-{}", wanted.string(), attempt));
    if (fs::create_directory(path, error)) return path;
  }
  throw core::IoError(wanted, "the run's folder cannot be made; choose another place with --runs", error.value());
}

fs::path new_folder(const fs::path& runs, const std::string& name) {
  return make_new_folder(runs / fmt::format("{:%Y%m%d-%H%M%S}-{}", fmt::localtime(std::time(nullptr)), name));
}

}  // namespace

RunFolder::RunFolder(fs::path path) : path_(std::move(path)), lock_(path_ / ".lock") {}

RunFolder::RunFolder(const fs::path& runs, const std::string& name) : RunFolder(new_folder(runs, name)) {}

RunFolder RunFolder::open(const fs::path& path) {
  if (!fs::is_regular_file(path / "config.json")) {
    throw core::DataError(path, "no run: there is no config.json in it; runs lie in the folder that --runs named");
  }
  return RunFolder(path);
}

nlohmann::ordered_json RunFolder::read_config_json() const {
  std::ifstream file(config());
  nlohmann::ordered_json json = nlohmann::ordered_json::parse(file, nullptr, false);
  if (json.is_discarded()) throw core::FormatError(config(), "not JSON");
  return json;
}

void RunFolder::write_config(const nlohmann::ordered_json& config) const {
  core::write_file_atomically(this->config(), config.dump(2) + "\n");
}

RunListing::RunListing(const std::filesystem::path& runs, train::NewRun run)
    : registry_(runs, warn), run_(std::move(run)) {}

void RunListing::begin() {
  try_to([&] { registry_.add(run_); });
}

void RunListing::after_epoch(train::Learner& learner, const train::Progress& /*at*/, const train::EpochRecord& record) {
  const train::RunEpoch epoch = train::run_epoch(record, learner.metrics());
  try_to([&] { registry_.add_epoch(run_.folder, epoch); });
}

void RunListing::finish(train::RunStatus status, const std::string& message) {
  try_to([&] { registry_.finish(run_.folder, status, message); });
}

void RunListing::try_to(const std::function<void()>& write) {
  if (has_failed_) return;
  try {
    write();
  } catch (const core::Error& error) {
    has_failed_ = true;
    warn(fmt::format("the run is not in the list that `margay runs` shows: {}", error.what()));
  }
}

nlohmann::ordered_json provenance(const DataOptions& data, const train::Learner& learner,
                                  const train::EpochRecord* results) {
  nlohmann::ordered_json json = {
      {"program", "margay " MARGAY_VERSION}, {"data", core::to_json(data)}, {"epochs_done", learner.history().size()}};
  if (results == nullptr) return json;
  json["valid_loss"] = results->valid_loss;
  for (std::size_t i = 0; i < results->metrics.size(); ++i) {
    json[learner.metrics()[i]->name()] = results->metrics[i];
  }
  return json;
}

namespace {

using train::RunRecord;

/// The folder of the run that a path leads to, or to a file of it, without a slash at its end.
fs::path run_folder_of(const std::string& text) {
  fs::path path = fs::absolute(text).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  std::error_code failure;
  if (fs::is_regular_file(path, failure)) path = path.parent_path();
  if (fs::is_directory(path, failure)) return path;
  throw core::DataError(text, "there is no such run");
}

ChosenRuns choose(const std::vector<RunRecord>& records, const std::string& text, const fs::path& runs) {
  const RunRecord& run = train::find_run(records, text, runs);
  if (run.group.empty() || (text != run.name && text != run.group)) return {text, {run}};
  ChosenRuns chosen{text, {}};
  std::copy_if(records.begin(), records.end(), std::back_inserter(chosen.runs),
               [&](const RunRecord& each) { return each.group == run.group; });
  const auto is_done = [](const RunRecord& each) { return each.status == train::RunStatus::kDone; };
  // Repeats that did not come to their end are no repeats of those that did.
  if (std::any_of(chosen.runs.begin(), chosen.runs.end(), is_done)) std::erase_if(chosen.runs, std::not_fn(is_done));
  return chosen;
}

}  // namespace

std::vector<RunRecord> runs_in(const fs::path& folder) { return train::RunRegistry(folder, warn).all(); }

ChosenRuns RunChooser::operator()(const std::string& text) {
  const bool is_path = text.find('/') != std::string::npos || text == ".";
  if (is_path) {
    const fs::path folder = run_folder_of(text);
    for (const RunRecord& each : runs_in(folder.parent_path())) {
      if (each.folder == folder.filename()) return {text, {each}};
    }
    throw core::DataError(text, "there is no run in this folder: it has no config.json");
  }
  if (!records_) records_ = runs_in(runs_);
  return choose(*records_, text, runs_);
}

}  // namespace margay::cli
