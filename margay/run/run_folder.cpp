#include "margay/run/run_folder.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <ctime>
#include <fstream>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/counted.h"
#include "margay/core/json_values.h"
#include "margay/core/quantity.h"
#include "margay/core/text.h"
#include "margay/core/unicode.h"
#include "margay/core/utc_time.h"
#include "margay/data/source/csv.h"
#include "margay/data/source/text_file.h"

namespace margay::run {
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
  throw core::IoError(wanted, "the run's folder cannot be made; choose another place with `runs`", error.value());
}

fs::path new_folder(const fs::path& runs, const std::string& name) {
  return make_new_folder(runs / fmt::format("{:%Y%m%d-%H%M%S}-{}", fmt::localtime(std::time(nullptr)), name));
}

}  // namespace

RunFolder::RunFolder(fs::path path) : path_(std::move(path)), lock_(path_ / ".lock") {}

RunFolder::RunFolder(const fs::path& runs, const std::string& name) : RunFolder(new_folder(runs, name)) {}

RunFolder RunFolder::open(const fs::path& path) {
  if (!fs::is_regular_file(path / "config.json")) {
    throw core::DataError(path, "no run: there is no config.json in it; runs lie in the folder that `runs` named");
  }
  return RunFolder(path);
}

nlohmann::ordered_json RunFolder::read_config_json() const {
  nlohmann::ordered_json json = core::parsed_json(data::read_text(config()));
  if (json.is_discarded()) throw core::FormatError(config(), "not JSON");
  return json;
}

std::string RunFolder::space_warning(std::uintmax_t needed_bytes) const {
  std::error_code unknown;
  const fs::space_info space = fs::space(path_, unknown);
  if (unknown || space.available >= needed_bytes) return "";
  return fmt::format(
      "{}: the disk has {} left, and the model and its checkpoints take about {}; free some space, or they cannot be "
      "saved",
      core::shown_path(path_), core::size_text(space.available), core::size_text(needed_bytes));
}

void RunFolder::write_config(const nlohmann::ordered_json& config) const {
  core::write_file_atomically(this->config(), config.dump(2) + "\n");
}

void check_run(const std::string& command, const std::string& name, const nlohmann::ordered_json& settings) {
  const nlohmann::ordered_json flat = settings.flatten();
  for (const auto& [place, value] : flat.items()) {
    if (!value.is_string() || !core::first_non_utf8(value.get_ref<const std::string&>())) continue;
    throw std::invalid_argument(fmt::format(
        "[{}] `{}`: '{}' is not UTF-8, which the settings of a run must be; give another name, for a path by a link "
        "(ln -s)",
        command, place.substr(place.rfind('/') + 1), core::with_hidden_shown(value.get_ref<const std::string&>())));
  }
  const bool is_plain = !name.empty() && name.find('/') == std::string::npos && name[0] != '.';
  if (is_plain) return;
  throw std::invalid_argument(
      fmt::format("[{}] `name` '{}' cannot be part of a folder's name; no '/', and no '.' in front", command, name));
}

std::string present_folder() {
  std::error_code failure;
  return fs::current_path(failure).string();
}

void check_runs_folder(const fs::path& runs) {
  fs::path there = fs::absolute(runs);
  while (!fs::exists(there) && there != there.root_path()) there = there.parent_path();
  core::check_writable(there / "margay.db");
}

void RunFolder::write_tuning(const nlohmann::ordered_json& comparison) const {
  core::write_file_atomically(tuning(), comparison.dump(2) + "\n");
}

namespace {

template <class T>
bool read_number(const std::string& text, T& number) {
  const char* end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && last == end && !text.empty();
}

/// Where the columns stand.
struct Header {
  std::vector<std::string> names;
  std::size_t valid_loss = 0;
  std::size_t seconds = 0;

  explicit Header(std::vector<std::string> cells) : names(std::move(cells)) {
    const auto position = [this](std::string_view name) {
      return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
    };
    valid_loss = position("valid_loss");
    seconds = position("seconds");
  }

  bool is_history() const {
    constexpr std::size_t kFirst = 4;  // stage, epoch, train_loss, valid_loss
    return seconds < names.size() && seconds > valid_loss && valid_loss == kFirst - 1 && names[0] == "stage";
  }
};

bool read_epoch(const Header& header, const std::vector<std::string>& cells, RunEpoch& epoch) {
  if (cells.size() != header.names.size()) return false;
  epoch.stage = cells[0];
  bool is_whole = read_number(cells[1], epoch.epoch) && read_number(cells[2], epoch.train_loss) &&
                  read_number(cells[3], epoch.valid_loss) && read_number(cells[header.seconds], epoch.seconds);
  for (std::size_t i = header.valid_loss + 1; i < header.seconds; ++i) {
    double value = 0;
    is_whole = is_whole && read_number(cells[i], value);
    epoch.metrics.emplace_back(header.names[i], value);
  }
  return is_whole;
}

}  // namespace

namespace {

/// Those up to the first broken line, for which it throws core::FormatError.
void read_epochs(const fs::path& path, std::vector<RunEpoch>& epochs) {
  std::optional<Header> header;
  data::for_each_record(data::read_text(path), path, ',', [&](std::size_t line, std::vector<std::string>&& cells) {
    if (!header) return void(header.emplace(std::move(cells)));
    RunEpoch epoch;
    if (!header->is_history() || !read_epoch(*header, cells, epoch)) {
      throw core::FormatError(path, fmt::format("line {} is no epoch of a history", line));
    }
    epochs.push_back(std::move(epoch));
  });
}

}  // namespace

std::vector<RunEpoch> read_history(const std::filesystem::path& path) {
  std::vector<RunEpoch> epochs;
  try {
    read_epochs(path, epochs);
  } catch (const core::DataError&) {  // missing, or broken from there on
  }
  return epochs;
}

namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormatVersion = 1;

bool is_there(const fs::path& path) {
  std::error_code failure;
  return fs::exists(path, failure);
}

/// Discarded where there is no file or no JSON in it.
Json read_json(const fs::path& path) {
  std::ifstream file(path);
  return file ? core::parsed_json(file) : Json(Json::value_t::discarded);
}

std::string written_at(const fs::path& path) {
  std::error_code failure;
  const fs::file_time_type time = fs::last_write_time(path, failure);
  if (failure) return "";
  const auto since = std::chrono::file_clock::to_sys(time).time_since_epoch();
  return core::utc_text(std::chrono::duration_cast<std::chrono::seconds>(since).count());
}

/// The time and the name in "20240501-123000-pets".
struct FolderName {
  std::string started;  ///< empty: it begins with no time
  std::string name;
};

FolderName parts_of(const std::string& folder) {
  std::tm local{};
  const char* rest = ::strptime(folder.c_str(), "%Y%m%d-%H%M%S-", &local);
  if (rest == nullptr || *rest == '\0') return {"", folder};
  local.tm_isdst = -1;  // as it was on that day
  return {core::utc_text(static_cast<std::int64_t>(std::mktime(&local))), rest};
}

/// Throws nlohmann's errors and std::invalid_argument for what is not a run.json.
void take_run_file(const Json& json, RunRecord& record) {
  record.name = json.at("name").get<std::string>();
  record.group = json.at("group").get<std::string>();
  record.seed = json.at("seed").get<std::uint64_t>();
  record.started = json.at("started").get<std::string>();
  record.ended = json.at("ended").get<std::string>();
  record.status = core::from_text<RunStatus>(json.at("status").get<std::string>());
  record.message = json.at("message").get<std::string>();
  const Json& valid_images =
      json.at(json.contains("valid_images") ? "valid_images" : "valid_pictures");  // its old name
  if (!valid_images.is_null()) record.valid_images = valid_images.get<std::int64_t>();
  if (json.contains("saved_epoch")) record.saved_epoch = json.at("saved_epoch").get<std::size_t>();
  record.working_folder = json.value("working_folder", "");
  record.process = process_of(json.at("process"));
}

void guess_outcome(const fs::path& folder, RunRecord& record) {
  const FolderName parts = parts_of(record.folder);
  record.name = parts.name;
  record.started = parts.started.empty() ? written_at(folder / "config.json") : parts.started;
  const bool is_done = is_there(folder / "model.margay");
  record.status = is_done ? RunStatus::kDone : RunStatus::kInterrupted;
  record.message = is_done ? "" : "its folder holds no model";
  const auto learner = record.config.find("vision_learner");
  if (learner != record.config.end() && learner->is_object() && learner->contains("seed") &&
      (*learner)["seed"].is_number_integer()) {
    record.seed = (*learner)["seed"].get<std::uint64_t>();
  }
}

}  // namespace

void write_run_file(const fs::path& runs, const RunRecord& record) {
  Json json = {{"format_version", kFormatVersion},
               {"name", record.name},
               {"group", record.group},
               {"seed", record.seed},
               {"started", record.started},
               {"ended", record.ended},
               {"status", core::to_text(record.status)},
               {"message", record.message},
               {"valid_images", nullptr},
               {"working_folder", record.working_folder},
               {"process", to_json(record.process)}};
  if (record.valid_images) json["valid_images"] = *record.valid_images;
  if (record.saved_epoch) json["saved_epoch"] = *record.saved_epoch;
  const std::string text = json.dump(2, ' ', false, Json::error_handler_t::replace);
  core::write_file_atomically(runs / record.folder / "run.json", text + "\n");
}

std::optional<RunRecord> read_run_folder(const fs::path& folder) {
  const Json config = read_json(folder / "config.json");
  const Json run = read_json(folder / "run.json");
  if (!is_there(folder / "config.json") && run.is_discarded()) return std::nullopt;
  RunRecord record;
  record.folder = folder.filename().string();
  record.config = config.is_object() ? config : Json::object();
  record.epochs = read_history(folder / "history.csv");
  try {
    RunRecord told = record;
    take_run_file(run, told);
    return told;
  } catch (const std::exception&) {  // none, or a damaged one
    guess_outcome(folder, record);
    return record;
  }
}

namespace {

std::string config_problem(const fs::path& folder) {
  if (!is_there(folder / "config.json")) {
    return "config.json is missing: the run was only begun, or copied in part; its settings are not known";
  }
  return read_json(folder / "config.json").is_object()
             ? ""
             : "config.json is damaged or half written: the run's settings are not known";
}

std::string run_file_problem(const fs::path& folder) {
  if (!is_there(folder / "run.json")) return "";  // earlier versions wrote none
  const Json json = read_json(folder / "run.json");
  const auto version = json.is_object() ? json.find("format_version") : json.end();
  if (version != json.end() && version->is_number_integer() && *version > kFormatVersion) {
    return fmt::format(
        "run.json is of format {}, which a newer version writes (this one knows {}): what is shown of "
        "the run may be wrong; use the newer version",
        version->get<std::int64_t>(), kFormatVersion);
  }
  try {
    RunRecord record;
    take_run_file(json, record);
    return "";
  } catch (const std::exception&) {
    return "run.json is damaged or half written: the run's start, state and end are guessed from its other files";
  }
}

std::string history_problem(const fs::path& folder) {
  const fs::path path = folder / "history.csv";
  if (!is_there(path)) return "";
  std::vector<RunEpoch> epochs;
  try {
    read_epochs(path, epochs);
    return "";
  } catch (const core::DataError& error) {
    return fmt::format("history.csv: {}; {} shown", error.problem(),
                       core::counted(epochs.size(), "epoch before it is", "epochs before it are"));
  }
}

}  // namespace

std::vector<std::string> run_folder_problems(const fs::path& folder) {
  std::vector<std::string> problems = {config_problem(folder), run_file_problem(folder), history_problem(folder)};
  std::erase(problems, "");
  return problems;
}

bool has_outcome(const fs::path& folder) { return is_there(folder / "run.json") || is_there(folder / "history.csv"); }

std::vector<std::string> run_folders(const fs::path& runs) {
  std::vector<std::string> names;
  if (!is_there(runs)) return names;
  std::error_code failure;
  for (fs::directory_iterator at(runs, failure), end; !failure && at != end; at.increment(failure)) {
    if (is_there(at->path() / "config.json") || is_there(at->path() / "run.json")) {
      names.push_back(at->path().filename().string());
    }
  }
  if (failure) throw core::IoError(runs, "the folder of runs cannot be read", failure.value());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace margay::run
