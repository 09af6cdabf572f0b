#include "margay/data/check/report_text.h"

#include <algorithm>

#include <fmt/format.h>

#include "margay/core/text_bar.h"
#include "margay/core/text_table.h"

namespace margay::data {
namespace {

using core::one_line;

constexpr std::size_t kFindings = 5;
constexpr std::size_t kPaths = 4;
constexpr std::size_t kClasses = 20;

std::string counted(std::size_t n, const char* singular, const char* plural) {
  return fmt::format("{} {}", n, n == 1 ? singular : plural);
}

/// One file and the text on one line; several files below the text.
std::string finding_text(const Finding& finding, std::size_t most_paths) {
  if (finding.paths.size() == 1)
    return fmt::format("    {}: {}\n", one_line(finding.paths[0].string()), one_line(finding.text));
  if (finding.paths.empty() && finding.classes.size() == 1) {
    return fmt::format("    '{}': {}\n", one_line(finding.classes[0]), one_line(finding.text));
  }
  std::string text = fmt::format("    {}\n", one_line(finding.text));
  const std::size_t shown = std::min(most_paths, finding.paths.size());
  for (std::size_t i = 0; i < shown; ++i) text += fmt::format("      {}\n", one_line(finding.paths[i].string()));
  if (shown < finding.paths.size()) text += fmt::format("      and {} more\n", finding.paths.size() - shown);
  return text;
}

/// The findings of one kind, which stand together.
std::string kind_text(std::span<const Finding> findings, ReportExtent extent) {
  const KindText& words = words_of(findings.front().kind);
  const bool all = extent == ReportExtent::kAll;
  std::string text =
      fmt::format("{}  {} ({})\n", words.severity == Severity::kHarm ? "HARM" : "note", words.title, findings.size());
  const std::size_t shown = all ? findings.size() : std::min(kFindings, findings.size());
  for (std::size_t i = 0; i < shown; ++i) text += finding_text(findings[i], all ? findings[i].paths.size() : kPaths);
  if (shown < findings.size()) text += fmt::format("    and {} more\n", findings.size() - shown);
  return text + fmt::format("    -> {}\n\n", words.remedy);
}

std::string findings_text(const std::vector<Finding>& findings, ReportExtent extent) {
  std::string text;
  for (std::size_t begin = 0, end = 0; begin < findings.size(); begin = end) {
    while (end < findings.size() && findings[end].kind == findings[begin].kind) ++end;
    text += kind_text(std::span(findings).subspan(begin, end - begin), extent);
  }
  return text;
}

/// The largest first; of more than kClasses the middle is left out.
std::string classes_text(std::vector<ClassCount> classes, ReportExtent extent) {
  constexpr int kBar = 40;
  if (classes.empty()) return "";
  std::stable_sort(classes.begin(), classes.end(),
                   [](const ClassCount& a, const ClassCount& b) { return a.images > b.images; });
  using Align = core::TextTable::Align;
  core::TextTable table({{"class", Align::kLeft}, {"images"}, {"train"}, {"valid"}, {"", Align::kLeft}});
  const auto largest = static_cast<double>(classes.front().images);
  const bool is_short = extent == ReportExtent::kShort && classes.size() > kClasses;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    if (is_short && i >= kClasses / 2 && i < classes.size() - kClasses / 2) {
      i = classes.size() - kClasses / 2 - 1;
      table.add({fmt::format("… {} more", classes.size() - kClasses), "", "", "", ""});
      continue;
    }
    const ClassCount& each = classes[i];
    table.add({one_line(each.name), std::to_string(each.images), std::to_string(each.train), std::to_string(each.valid),
               core::text_bar(static_cast<double>(each.images) / largest, kBar)});
  }
  return table.text() + "\n";
}

std::string verdict(const DataReport& report) {
  const std::size_t harm = report.count(Severity::kHarm);
  const std::size_t notes = report.count(Severity::kNote);
  const std::string rest = notes > 0 ? fmt::format("; {} to know", counted(notes, "thing", "things")) : "";
  if (harm == 0) return fmt::format("Nothing found that harms training{}.\n", rest);
  return fmt::format("{} training{}.\n", counted(harm, "thing harms", "things harm"), rest);
}

}  // namespace

std::string report_text(const DataReport& report, ReportExtent extent) {
  const std::string unreadable =
      report.readable < report.images ? fmt::format(" ({} unreadable)", report.images - report.readable) : "";
  return fmt::format("{}: {}{}, {} train, {} validate, {}\n\n", one_line(report.folder.string()),
                     counted(report.images, "image", "images"), unreadable, report.train, report.valid,
                     counted(report.classes.size(), "class", "classes")) +
         findings_text(report.findings, extent) + classes_text(report.classes, extent) + verdict(report);
}

}  // namespace margay::data
