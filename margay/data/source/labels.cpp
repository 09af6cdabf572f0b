#include "margay/data/source/labels.h"

#include <memory>
#include <stdexcept>

#include <fmt/format.h>
#include <re2/re2.h>

namespace margay::data {

Labeller regex_labels(const std::string& pattern) {
  RE2::Options options;
  options.set_log_errors(false);
  const auto regex = std::make_shared<const RE2>(pattern, options);
  if (!regex->ok()) {
    throw std::invalid_argument(fmt::format("[regex_labels] '{}' is not a pattern: {}", pattern, regex->error()));
  }
  if (regex->NumberOfCapturingGroups() < 1) {
    throw std::invalid_argument(
        fmt::format("[regex_labels] '{}' has no group; put the label in parentheses, as in (.+)_\\d+", pattern));
  }
  return {fmt::format("the pattern {}", pattern),
          [regex](const std::filesystem::path& path) -> std::optional<std::string> {
            std::string label;
            const bool found = RE2::PartialMatch(path.filename().string(), *regex, &label);
            return found && !label.empty() ? std::optional(label) : std::nullopt;
          }};
}

Labeller folder_labels() {
  return {"the name of the folder", [](const std::filesystem::path& path) -> std::optional<std::string> {
            const std::string label = path.parent_path().filename().string();
            return label.empty() ? std::nullopt : std::optional(label);
          }};
}

}  // namespace margay::data
