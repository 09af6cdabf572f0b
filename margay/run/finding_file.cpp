#include "margay/run/finding_file.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>
#include <unordered_map>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "margay/core/counted.h"
#include "margay/core/error.h"
#include "margay/core/json_values.h"
#include "margay/core/text.h"
#include "margay/data/source/folder_walk.h"
#include "margay/data/source/label_columns.h"
#include "margay/data/source/table.h"
#include "margay/data/source/text_file.h"

namespace margay::run {
namespace {

namespace fs = std::filesystem;
using FindingJson = nlohmann::ordered_json;

/// Where the reviewed images are, by their paths as they were found.
class ImagePlaces {
 public:
  ImagePlaces(const ReviewedData& data, const fs::path& folder) : folder_(folder), folder_name_(name_of(folder)) {
    for (std::size_t i = 0; i < data.size(); ++i) place_.emplace(data.images.names().text(i), i);
  }

  /// Of a name that is relative to the folder, or written as the program would find it.
  std::optional<std::size_t> find(const std::string& name) const {
    for (const std::string& path : {(folder_ / name).string(), name}) {
      if (const auto found = place_.find(path); found != place_.end()) return found->second;
    }
    return std::nullopt;
  }

  /// Also of a path to the folder by another way, or to where it was: what follows the folder's name in it counts.
  std::optional<std::size_t> find_below(const fs::path& path) const {
    if (const auto found = find(path.native())) return found;
    const fs::path normal = path.lexically_normal();
    for (auto part = normal.begin(); part != normal.end(); ++part) {
      if (*part != folder_name_) continue;
      fs::path rest;
      for (auto each = std::next(part); each != normal.end(); ++each) rest /= *each;
      if (const auto found = place_.find((folder_ / rest).native()); found != place_.end()) return found->second;
    }
    return std::nullopt;
  }

 private:
  static fs::path name_of(const fs::path& folder) {
    std::error_code failure;
    const fs::path place = fs::canonical(folder, failure);
    return failure ? folder.filename() : place.filename();
  }

  fs::path folder_;
  fs::path folder_name_;
  std::unordered_map<std::string_view, std::size_t> place_;
};

/// Cells of label_issues.csv by the names of their columns.
class IssueTable {
 public:
  explicit IssueTable(data::Table table) : table_(std::move(table)) {}

  std::size_t size() const { return table_.size(); }
  std::optional<std::size_t> column(const std::string& name) const {
    const auto& columns = table_.columns();
    const auto found = std::find(columns.begin(), columns.end(), name);
    if (found == columns.end()) return std::nullopt;
    return static_cast<std::size_t>(found - columns.begin());
  }
  std::size_t required(const std::string& name) const {
    if (const auto at = column(name)) return *at;
    throw core::FormatError(
        table_.path(),
        core::followed_by(fmt::format("no column '{}'{}", name, core::did_you_mean(name, table_.columns())),
                          "findings come from the label_issues.csv or the JSON of `check_data`"));
  }
  std::string_view cell(std::size_t row, std::size_t at) const { return table_.cell(row, at); }
  bool is_true(std::size_t row, std::size_t at) const {
    const auto said = data::truth(cell(row, at));
    if (!said) fail(row, at, "must be true or false");
    return *said;
  }
  double share(std::size_t row, std::size_t at) const {
    const std::string_view text = cell(row, at);
    double value = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    if (read.ec != std::errc() || read.ptr != text.data() + text.size() || !(value >= 0 && value <= 1)) {
      fail(row, at, "must be a number from 0 to 1");
    }
    return value;
  }

 private:
  [[noreturn]] void fail(std::size_t row, std::size_t at, const char* problem) const {
    throw core::FormatError(table_.path(), fmt::format("line {}: {} {}, not '{}'", table_.line(row),
                                                       table_.columns()[at], problem, core::one_line(cell(row, at))));
  }

  data::Table table_;
};

data::Labels labels_of_cell(std::string_view cell, data::Task task) {
  if (task == data::Task::kMultiLabel) return data::labels_in(cell, ";");
  if (cell.empty()) return {};
  return {std::string(cell)};
}

FoundInFile of_issue_table(const IssueTable& table, const ReviewedData& data, const fs::path& folder) {
  const ImagePlaces places(data, folder);
  const std::size_t image = table.required("image");
  const std::size_t is_issue = table.required("is_label_issue");
  const std::size_t quality = table.required("label_quality");
  const std::size_t predicted = table.required("predicted_label");
  FoundInFile found{.predicted = std::vector<std::optional<data::Labels>>(data.size())};
  std::size_t elsewhere = 0;
  for (std::size_t row = 0; row < table.size(); ++row) {
    const double label_quality = table.share(row, quality);
    const bool is_flagged = table.is_true(row, is_issue);
    const auto place = places.find_below(table.cell(row, image));
    if (!place) {
      ++elsewhere;
      continue;
    }
    const data::Labels labels = labels_of_cell(table.cell(row, predicted), data.labeller.task);
    if (!labels.empty() || data.labeller.task == data::Task::kMultiLabel) found.predicted[*place] = labels;
    if (!is_flagged) continue;
    found.findings.push_back(
        {.kind = data::FindingKind::kWrongLabel,
         .paths = {data.images.names()[*place]},
         .classes = data.labels[*place],
         .text = fmt::format("predicted {}, label quality {:.2f}", core::joined(labels, ";"), label_quality),
         .evidence = {{"label_quality", label_quality}},
         .suggestion = labels});
  }
  if (elsewhere > 0)
    found.warnings.push_back(fmt::format("{} of its {} images are not among the data", elsewhere, table.size()));
  return found;
}

data::Finding finding_of(const FindingJson& json, data::FindingKind kind) {
  data::Finding finding{.kind = kind, .text = json.value("text", "")};
  for (const auto& path : json.at("paths")) finding.paths.emplace_back(path.get<std::string>());
  if (json.contains("classes")) finding.classes = json.at("classes").get<std::vector<std::string>>();
  if (json.contains("suggestion")) finding.suggestion = json.at("suggestion").get<std::vector<std::string>>();
  if (!json.contains("evidence")) return finding;
  for (const auto& [name, value] : json.at("evidence").items()) {
    if (value.is_number()) finding.evidence.push_back({name, value.get<double>()});
  }
  return finding;
}

/// Its paths become those of the data. Returns whether any of its images is there.
bool find_images(data::Finding& finding, const ImagePlaces& places, const ReviewedData& data) {
  bool is_any = finding.paths.empty();
  for (fs::path& path : finding.paths) {
    const auto place = places.find_below(path);
    if (place) path = data.images.names()[*place];
    is_any = is_any || place;
  }
  return is_any;
}

FoundInFile of_json(const std::string& text, const fs::path& file, const fs::path& folder, const ReviewedData& data) {
  const FindingJson json = core::parsed_json(text);
  const FindingJson& list = json.is_object() && json.contains("findings") ? json["findings"] : json;
  if (!list.is_array()) throw core::FormatError(file, "no JSON with a list of findings, as `check_data` writes it");
  const ImagePlaces places(data, folder);
  FoundInFile found;
  std::size_t unknown = 0;
  std::size_t elsewhere = 0;
  for (std::size_t i = 0; i < list.size(); ++i) {
    try {
      const auto kind = data::kind_named(list[i].at("kind").get<std::string>());
      if (!kind) {
        ++unknown;
        continue;
      }
      found.findings.push_back(finding_of(list[i], *kind));
      if (!find_images(found.findings.back(), places, data)) ++elsewhere;
    } catch (const FindingJson::exception& error) {
      throw core::FormatError(file, fmt::format("finding {}: {}", i + 1, core::one_line(error.what())));
    }
  }
  if (unknown > 0)
    found.warnings.push_back(fmt::format("{} of a kind that this version does not know",
                                         core::counted(unknown, "finding is", "findings are")));
  if (elsewhere > 0)
    found.warnings.push_back(fmt::format("{} about images that are not among the data",
                                         core::counted(elsewhere, "finding is", "findings are")));
  return found;
}

/// The table has the predictions of all images, the JSON the findings of all kinds.
FoundInFile of_report(const fs::path& report, const fs::path& folder, const ReviewedData& data) {
  const fs::path json = report / "label_check.json";
  FoundInFile found = of_issue_table(IssueTable(data::read_table(report / "label_issues.csv")), data, folder);
  if (!fs::exists(json)) return found;
  FoundInFile of_all = of_json(data::read_text(json), json, folder, data);
  std::erase_if(of_all.findings, [](const auto& finding) { return finding.kind == data::FindingKind::kWrongLabel; });
  found.findings.insert(found.findings.end(), of_all.findings.begin(), of_all.findings.end());
  found.warnings.insert(found.warnings.end(), of_all.warnings.begin(), of_all.warnings.end());
  return found;
}

}  // namespace

FoundInFile read_findings(const fs::path& file, const fs::path& folder, const ReviewedData& data) {
  if (fs::is_directory(file)) return of_report(file, folder, data);
  return findings_in(data::read_text(file, data::OtherBytes::kKeep), file, folder, data);
}

FoundInFile findings_in(const std::string& text, const fs::path& name, const fs::path& folder,
                        const ReviewedData& data) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  const bool is_json = begin != std::string::npos && (text[begin] == '{' || text[begin] == '[');
  return is_json ? of_json(text, name, folder, data)
                 : of_issue_table(IssueTable(data::parse_table(text, name)), data, folder);
}

}  // namespace margay::run
