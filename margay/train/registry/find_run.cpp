#include "margay/train/registry/find_run.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/core/nearest.h"

namespace margay::train {
namespace {

/// Names and groups count once, however many runs share them.
std::vector<std::string> what_runs_are_called(const std::vector<RunRecord>& records) {
  std::set<std::string> texts;
  for (const RunRecord& record : records) {
    texts.insert(record.folder);
    texts.insert(record.name);
    if (!record.group.empty()) texts.insert(record.group);
  }
  texts.erase("");
  return {texts.begin(), texts.end()};
}

template <class Matches>
const RunRecord* newest(const std::vector<RunRecord>& records, Matches&& matches) {
  const auto found = std::find_if(records.rbegin(), records.rend(), matches);
  return found == records.rend() ? nullptr : &*found;
}

const RunRecord* find_exactly(const std::vector<RunRecord>& records, const std::string& text) {
  const auto by = [&](auto&& matches) { return newest(records, matches); };
  if (const auto* run = by([&](const RunRecord& r) { return r.folder == text; })) return run;
  if (const auto* run = by([&](const RunRecord& r) { return r.id != 0 && std::to_string(r.id) == text; })) return run;
  if (const auto* run = by([&](const RunRecord& r) { return r.name == text; })) return run;
  return by([&](const RunRecord& r) { return !r.group.empty() && r.group == text; });
}

/// The runs one of whose texts begins so.
std::vector<const RunRecord*> beginning_with(const std::vector<RunRecord>& records, const std::string& text) {
  std::vector<const RunRecord*> found;
  for (const RunRecord& record : records) {
    if (record.folder.starts_with(text) || record.name.starts_with(text)) found.push_back(&record);
  }
  return found;
}

std::string several(const std::vector<const RunRecord*>& runs) {
  constexpr std::size_t kShown = 4;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min(runs.size(), kShown); ++i) names.push_back(runs[i]->folder);
  return fmt::format("{}{}", fmt::join(names, ", "), runs.size() > kShown ? ", …" : "");
}

}  // namespace

const RunRecord& find_run(const std::vector<RunRecord>& records, const std::string& text,
                          const std::filesystem::path& runs) {
  if (const RunRecord* run = find_exactly(records, text)) return *run;
  const auto candidates = text.empty() ? std::vector<const RunRecord*>{} : beginning_with(records, text);
  if (candidates.size() == 1) return *candidates.front();
  if (!candidates.empty()) {
    throw core::DataError(runs, fmt::format("{} runs begin with '{}': {}; write more of the one you mean",
                                            candidates.size(), text, several(candidates)));
  }
  if (records.empty()) throw core::DataError(runs, "there is no run in this folder");
  throw core::DataError(
      runs, fmt::format("there is no run '{}'{}", text, core::did_you_mean(text, what_runs_are_called(records))));
}

}  // namespace margay::train
