#include "margay/data/source/labels.h"

#include <memory>
#include <stdexcept>

#include <fmt/format.h>
#include <re2/re2.h>

#include "margay/core/text.h"
#include "margay/core/unicode.h"
#include "margay/data/source/image_files.h"
#include "margay/data/source/names.h"

namespace margay::data {
namespace {

/// A pattern for text, and the same for names of other bytes: in UTF-8 a dot is no such byte, so a pattern would match
/// the rest of the name and give a wrong label.
class LabelPattern {
 public:
  LabelPattern(const std::string& pattern, const char* caller)
      : text_(pattern, options(RE2::Options::EncodingUTF8)), bytes_(pattern, options(RE2::Options::EncodingLatin1)) {
    if (!text_.ok()) {
      throw std::invalid_argument(fmt::format("[{}] '{}' is not a pattern: {}", caller, pattern, text_.error()));
    }
    if (text_.NumberOfCapturingGroups() < 1) {
      throw std::invalid_argument(
          fmt::format("[{}] '{}' has no group; put the label in parentheses, as in (.+)_\\d+", caller, pattern));
    }
  }

  /// The first group in the name, or in its composed form, in which patterns are typed.
  std::optional<Labels> first_group(std::string_view name) const {
    if (core::first_non_utf8(name)) return first_group(bytes_, name);
    if (auto found = first_group(text_, name)) return found;
    const std::string composed = core::composed(name);
    return composed == name ? std::nullopt : first_group(text_, composed);
  }

 private:
  static RE2::Options options(RE2::Options::Encoding encoding) {
    RE2::Options options;
    options.set_log_errors(false);
    options.set_encoding(encoding);
    return options;
  }

  static std::optional<Labels> first_group(const RE2& regex, std::string_view text) {
    std::string label;
    const bool found = RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), regex, &label);
    return found && !label.empty() ? std::optional(Labels{std::move(label)}) : std::nullopt;
  }

  RE2 text_;
  RE2 bytes_;
};

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
          [regex = std::make_shared<const LabelPattern>(pattern, "regex_labels")](std::string_view path) {
            return regex->first_group(file_name(path));
          }};
}

Labeller path_regex_labels(const std::string& pattern, const std::filesystem::path& root) {
  return {fmt::format("the pattern {} in paths relative to {}", pattern, core::shown_path(root)),
          [regex = std::make_shared<const LabelPattern>(pattern, "path_regex_labels"),
           root = Root(root)](std::string_view path) {
            const auto below = root.below(path);
            return below ? regex->first_group(*below) : regex->first_group(root.relative(path));
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
