#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/chart/image_grid.h"
#include "margay/core/error.h"
#include "margay/core/file.h"
#include "margay/core/json_values.h"
#include "margay/core/text.h"
#include "margay/data/source/csv.h"
#include "margay/interpret/interpretation_charts.h"
#include "margay/run/label_check.h"
#include "margay/run/training_charts.h"

namespace margay::run {
namespace {

using IssueJson = nlohmann::ordered_json;

IssueJson share_json(const WrongShare& share) {
  IssueJson json = IssueJson::object();
  if (!share.name.empty()) json["class"] = share.name;
  json["images"] = share.images;
  json["flagged"] = share.flagged;
  json["wrong"] = core::finite_or_null(share.wrong.value);
  json["wrong_low"] = core::finite_or_null(share.wrong.interval.low);
  json["wrong_high"] = core::finite_or_null(share.wrong.interval.high);
  return json;
}

std::string issue_caption(const LabelCheck& check, std::size_t rank, std::size_t row) {
  const std::string given = core::joined(check.given_labels(row), ";");
  const std::string predicted = core::joined(check.predicted_labels(row), ";");
  std::string caption =
      fmt::format("{}: {} -> {}", rank + 1, given.empty() ? "(none)" : given, predicted.empty() ? "(none)" : predicted);
  if (check.task == data::Task::kSingleLabel) {
    caption += fmt::format(" {:.3f}", check.probability(row, check.predicted[row][0]));
  }
  return caption;
}

}  // namespace

std::string label_issues_csv(const LabelCheck& check) {
  std::vector<std::size_t> rank_of(check.size());  // 0: not flagged
  for (std::size_t i = 0; i < check.ranked.size(); ++i) rank_of[static_cast<std::size_t>(check.ranked[i])] = i + 1;
  std::string lines =
      "image,is_label_issue,label_quality,given_label,predicted_label,given_probability,predicted_probability,rank,"
      "part\n";
  const bool is_single = check.task == data::Task::kSingleLabel;
  for (std::size_t row = 0; row < check.size(); ++row) {
    const auto probability = [&](const std::vector<std::int32_t>& classes) {
      return is_single ? fmt::format("{:.6g}", check.probability(row, classes[0])) : std::string();
    };
    const auto cell = [](const data::Labels& labels) { return data::csv_cell(core::joined(labels, ";")); };
    const std::size_t rank = rank_of[row];
    lines +=
        fmt::format("{},{},{:.7g},{},{},{},{},{},{}\n", data::csv_cell(check.name(row)), rank > 0 ? "True" : "False",
                    check.quality[row], cell(check.given_labels(row)), cell(check.predicted_labels(row)),
                    probability(check.given[row]), probability(check.predicted[row]),
                    rank > 0 ? std::to_string(rank) : "", check.validates[row] ? "valid" : "train");
  }
  return lines;
}

nlohmann::ordered_json to_json(const LabelCheck& check) {
  IssueJson classes = IssueJson::array();
  for (const WrongShare& each : check.by_class) classes.push_back(share_json(each));
  IssueJson findings = IssueJson::array();
  for (const data::Finding& each : check.findings) findings.push_back(data::to_json(each));
  IssueJson seconds = IssueJson::object();
  for (const TimedPart& each : check.seconds) seconds[each.name] = each.seconds;
  return {{"folder", check.folder.string()},
          {"task", core::to_text(check.task)},
          {"source", check.source},
          {"all", share_json(check.all)},
          {"classes", classes},
          {"findings", findings},
          {"warnings", check.warnings},
          {"seconds", seconds}};
}

chart::Drawing label_issue_sheet(const LabelCheck& check, const data::ReadOptions& reading, std::size_t most) {
  std::vector<chart::Tile> tiles;
  for (std::size_t i = 0; i < std::min(most, check.ranked.size()); ++i) {
    const auto row = static_cast<std::size_t>(check.ranked[i]);
    tiles.push_back({interpret::contact_tile(check.images[row], reading), issue_caption(check, i, row)});
  }
  return tiles.empty() ? chart::Drawing() : chart::image_grid(tiles);
}

std::vector<std::string> write_label_check(const LabelCheck& check, const std::filesystem::path& folder,
                                           const data::ReadOptions& reading) {
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  if (failure) throw core::IoError(folder, "cannot be made: " + failure.message());
  core::write_file_atomically(folder / kLabelIssuesFile, label_issues_csv(check));
  core::write_file_atomically(folder / kLabelCheckFile,
                              to_json(check).dump(2, ' ', false, IssueJson::error_handler_t::replace) + "\n");
  std::vector<std::string> warnings;
  if (check.ranked.empty()) {
    std::filesystem::remove(folder / kLabelSheetFile, failure);
    return warnings;
  }
  std::string warning = write_drawing(label_issue_sheet(check, reading), folder / kLabelSheetFile);
  if (!warning.empty()) warnings.push_back(std::move(warning));
  return warnings;
}

}  // namespace margay::run
