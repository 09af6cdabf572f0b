#include "margay/data/edits/apply_log.h"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "margay/core/field_type.h"
#include "margay/core/json_values.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;
using ApplyJson = nlohmann::ordered_json;

constexpr std::uint64_t kApplyFormat = 1;

void take_log_line(const ApplyJson& json, ApplyLog& log) {
  if (json.contains("move")) {
    log.moves.push_back(
        {core::path_of_json(json.at("move")), core::path_of_json(json.at("to")), json.value("decision", 0U)});
  } else if (json.contains("made")) {
    log.made.push_back(core::path_of_json(json.at("made")));
  } else if (json.contains("folder")) {
    log.times.push_back({core::path_of_json(json.at("folder")), json.at("modified_ns").get<std::int64_t>()});
  } else {
    log.state = core::from_text<ApplyState>(json.at("state").get<std::string>());
    if (json.contains("failed")) log.failed = json["failed"].get<std::set<std::size_t>>();
  }
}

}  // namespace

fs::path applied_folder(const fs::path& folder) { return folder / ".margay" / "applied"; }
fs::path log_path(const fs::path& folder, std::size_t number) {
  return applied_folder(folder) / fmt::format("{:04}.jsonl", number);
}
fs::path kept_table(const fs::path& folder, std::size_t number) {
  return applied_folder(folder) / fmt::format("{:04}.table", number);
}

std::string log_text(const ApplyLog& log, const std::string& journal_sha256) {
  ApplyJson header = {{"margay", "applied"},
                      {"format", kApplyFormat},
                      {"number", log.number},
                      {"time", utc_now()},
                      {"journal_sha256", journal_sha256}};
  if (!log.new_table.empty()) {
    header["new_table"] = core::path_json(log.new_table);
    header["table_sha256"] = log.table_sha256;
  }
  std::string text = header.dump() + "\n";
  const auto add = [&](const ApplyJson& json) { text += json.dump() + "\n"; };
  for (const PlannedMove& move : log.moves) {
    add({{"move", core::path_json(move.from)}, {"to", core::path_json(move.to)}, {"decision", move.decision}});
  }
  for (const std::string& folder : log.made) add({{"made", core::path_json(folder)}});
  for (const FolderTime& time : log.times) {
    add({{"folder", core::path_json(time.folder)}, {"modified_ns", time.modified_ns}});
  }
  return text;
}

ApplyLog read_log(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw core::DataError(path, "the log of an application cannot be read");
  ApplyLog log;
  std::size_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (file.eof()) break;  // its writing was cut
    try {
      const ApplyJson json = ApplyJson::parse(line);
      if (number > 1) {
        take_log_line(json, log);
        continue;
      }
      if (json.at("format").get<std::uint64_t>() > kApplyFormat) {
        throw core::NewerFormatError(path, "a newer Margay wrote this log; go on with that one");
      }
      log.number = json.at("number").get<std::size_t>();
      if (json.contains("new_table")) log.new_table = core::path_of_json(json["new_table"]);
      log.table_sha256 = json.value("table_sha256", "");
    } catch (const core::NewerFormatError&) {
      throw;
    } catch (const std::exception&) {
      throw core::FormatError(path, fmt::format("line {} cannot be read; restore the log from a copy", number));
    }
  }
  if (log.number == 0) throw core::FormatError(path, "the log is empty; restore it from a copy");
  return log;
}

/// After the last whole line: one that was cut while it was written goes.
void append_state(const fs::path& path, ApplyState state, const std::set<std::size_t>& failed) {
  ApplyJson json = {{"state", core::to_text(state)}, {"time", utc_now()}};
  if (!failed.empty()) json["failed"] = failed;
  std::ifstream file(path, std::ios::binary);
  const std::string before{std::istreambuf_iterator<char>(file), {}};
  const std::string text = json.dump() + "\n";
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (descriptor < 0) throw core::IoError(path, "cannot be written", errno);
  const bool is_cut = ::ftruncate(descriptor, static_cast<off_t>(before.rfind('\n') + 1)) == 0;
  const ssize_t written = is_cut ? ::write(descriptor, text.data(), text.size()) : -1;
  const bool is_on_disk = written == static_cast<ssize_t>(text.size()) && ::fsync(descriptor) == 0;
  const int reason = written >= 0 && written < static_cast<ssize_t>(text.size()) ? ENOSPC : errno;
  ::close(descriptor);
  if (!is_on_disk) throw core::IoError(path, "cannot be written", reason);
}

std::vector<std::size_t> application_numbers(const fs::path& folder) {
  std::vector<std::size_t> numbers;
  std::error_code failure;
  for (fs::directory_iterator at(applied_folder(folder), failure), end; !failure && at != end; at.increment(failure)) {
    const std::string stem = at->path().stem().string();
    const bool is_number = !stem.empty() && stem.find_first_not_of("0123456789") == std::string::npos;
    if (at->path().extension() == ".jsonl" && is_number && stem.size() < 10) numbers.push_back(std::stoul(stem));
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

void check_nothing_unfinished(const fs::path& folder) {
  const auto number = unfinished_apply(folder);
  if (!number) return;
  throw core::DataError(log_path(folder, *number),
                        "this application of decisions was interrupted; complete it or undo it first");
}

std::optional<std::size_t> unfinished_apply(const fs::path& folder) {
  for (const std::size_t number : application_numbers(folder)) {
    if (!read_log(log_path(folder, number)).is_finished()) return number;
  }
  return std::nullopt;
}

}  // namespace margay::data
