#include "margay/data/check/check_data.h"

#include <algorithm>

#include "margay/data/check/check_pictures.h"

namespace margay::data {

DataReport check_data(const DataBlock& block, const std::filesystem::path& folder, const CheckOptions& options,
                      const CheckProgress& on_progress) {
  core::validate(options);
  const LabelledData data = labelled_data(block);
  const std::vector<PictureFacts> facts = facts_of_all(data.paths, options, on_progress);
  DataReport report{.folder = folder, .pictures = data.size(), .classes = data.classes()};
  report.train = data.count(Side::kTrain);
  report.valid = data.count(Side::kValid);
  report.readable = static_cast<std::size_t>(
      std::count_if(facts.begin(), facts.end(), [](const PictureFacts& each) { return each.is_readable(); }));
  const auto add = [&](std::vector<Finding> found) {
    std::move(found.begin(), found.end(), std::back_inserter(report.findings));
  };
  add(check_pictures(data.paths, facts, options));
  add(check_duplicates(data, facts, options));
  add(check_classes(data, options));
  add(check_folder(folder, data.paths));
  for (const std::string& warning : block.warnings()) {
    report.findings.push_back({FindingKind::kWarning, {}, {}, warning});
  }
  std::stable_sort(report.findings.begin(), report.findings.end(),
                   [](const Finding& a, const Finding& b) { return a.kind < b.kind; });
  return report;
}

}  // namespace margay::data
