#include "margay/data/source/labels.h"

#include <memory>
#include <stdexcept>

#include <fmt/format.h>
#include <re2/re2.h>

#include "margay/data/source/image_files.h"
#include "margay/data/source/names.h"

namespace margay::data {
namespace {

std::shared_ptr<const RE2> pattern_with_a_group(const std::string& pattern, const char* caller) {
  RE2::Options options;
  options.set_log_errors(false);
  auto regex = std::make_shared<const RE2>(pattern, options);
  if (!regex->ok()) {
    throw std::invalid_argument(fmt::format("[{}] '{}' is not a pattern: {}", caller, pattern, regex->error()));
  }
  if (regex->NumberOfCapturingGroups() < 1) {
    throw std::invalid_argument(
        fmt::format("[{}] '{}' has no group; put the label in parentheses, as in (.+)_\\d+", caller, pattern));
  }
  return regex;
}

std::optional<Labels> first_group(const RE2& regex, std::string_view text) {
  std::string label;
  const bool found = RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), regex, &label);
  return found && !label.empty() ? std::optional(Labels{std::move(label)}) : std::nullopt;
}

/// The path of the folder that holds it, or nothing.
std::string_view parent_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

/// Labels by path, else by file name.
struct Listed {
  NameIndex names;
  std::vector<Labels> labels;

  void add(std::string_view name, Labels its_labels) {
    if (!names.add(name)) throw std::invalid_argument(fmt::format("[labels_from] {} is listed twice", name));
    labels.push_back(std::move(its_labels));
  }
  std::optional<Labels> of(std::string_view path) const {
    auto found = names.find(path);
    if (!found) found = names.find(file_name(path));
    return found ? std::optional(labels[*found]) : std::nullopt;
  }
};

Labeller labeller_of(std::shared_ptr<const Listed> listed, Task task) {
  return {"the list given", [listed = std::move(listed)](std::string_view path) { return listed->of(path); }, task};
}

void check_sizes(std::size_t images, std::size_t labels) {
  if (images == labels) return;
  throw std::invalid_argument(fmt::format("[labels_from] {} images, but {} labels", images, labels));
}

}  // namespace

Labeller regex_labels(const std::string& pattern) {
  return {fmt::format("the pattern {}", pattern),
          [regex = pattern_with_a_group(pattern, "regex_labels")](std::string_view path) {
            return first_group(*regex, file_name(path));
          }};
}

Labeller path_regex_labels(const std::string& pattern, const std::filesystem::path& root) {
  return {fmt::format("the pattern {} in paths relative to {}", pattern, root.string()),
          [regex = pattern_with_a_group(pattern, "path_regex_labels"), root = Root(root)](std::string_view path) {
            const auto below = root.below(path);
            return below ? first_group(*regex, *below) : first_group(*regex, root.relative(path));
          }};
}

Labeller folder_labels(std::int64_t levels) {
  if (levels < 1) throw std::invalid_argument(fmt::format("[folder_labels] levels must be 1 or more, got {}", levels));
  const std::string which = levels == 1 ? "the folder" : fmt::format("the folder {} levels up", levels);
  return {"the name of " + which, [levels](std::string_view path) -> std::optional<Labels> {
            for (std::int64_t i = 0; i < levels; ++i) path = parent_of(path);
            const std::string_view label = file_name(path);
            if (label.empty() || label == "." || label == "..") return std::nullopt;
            return Labels{std::string(label)};
          }};
}

Labeller labels_from(const std::map<std::string, std::string>& label_of_image) {
  const auto listed = std::make_shared<Listed>();
  for (const auto& [name, label] : label_of_image) listed->add(name, {label});
  return labeller_of(listed, Task::kSingleLabel);
}

Labeller labels_from(const PathList& images, const std::vector<std::string>& labels) {
  check_sizes(images.size(), labels.size());
  const auto listed = std::make_shared<Listed>();
  for (std::size_t i = 0; i < labels.size(); ++i) listed->add(images.text(i), {labels[i]});
  return labeller_of(listed, Task::kSingleLabel);
}

Labeller multi_labels_from(const PathList& images, const std::vector<Labels>& labels) {
  check_sizes(images.size(), labels.size());
  const auto listed = std::make_shared<Listed>();
  for (std::size_t i = 0; i < labels.size(); ++i) listed->add(images.text(i), labels[i]);
  return labeller_of(listed, Task::kMultiLabel);
}

}  // namespace margay::data
