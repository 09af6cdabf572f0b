#include "margay/data/check/check_data.h"

#include <algorithm>
#include <array>

#include "margay/data/check/check_images.h"
#include "margay/data/check/deep_images.h"

namespace margay::data {
std::size_t DataReport::count(FindingKind kind) const {
  return static_cast<std::size_t>(
      std::count_if(findings.begin(), findings.end(), [&](const Finding& finding) { return finding.kind == kind; }));
}

std::size_t DataReport::count(Severity severity) const {
  return static_cast<std::size_t>(std::count_if(
      findings.begin(), findings.end(), [&](const Finding& finding) { return finding.severity() == severity; }));
}

DataReport check_data(const DataBlock& block, const std::filesystem::path& folder, const CheckOptions& options,
                      const CheckProgress& on_progress) {
  core::validate(options);
  const LabelledData data = labelled_data(block);
  const std::vector<ImageFacts> facts = facts_of_all(data.paths, options, on_progress);
  DataReport report{.folder = folder, .images = data.size(), .classes = data.classes()};
  report.left_out = block.left_out().sentences();
  report.train = data.count(Side::kTrain);
  report.valid = data.count(Side::kValid);
  report.readable = static_cast<std::size_t>(
      std::count_if(facts.begin(), facts.end(), [](const ImageFacts& each) { return each.is_readable(); }));
  const auto add = [&](std::vector<Finding> found) {
    std::move(found.begin(), found.end(), std::back_inserter(report.findings));
  };
  add(check_images(data.paths, facts, options));
  const DeepImages deep = look_for_deep_images(data.paths, options.max_pixels);
  const std::string deep_problem = deep.are_most_deep() ? deep_bits_warning(deep, options.deep_bits) : "";
  if (!deep_problem.empty()) report.findings.push_back({FindingKind::kDarkDepth, {}, {}, deep_problem});
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

const core::OptionTable& CheckOptions::fields() {
  static const core::OptionTable table(
      "check",
      {core::field<&CheckOptions::near_duplicates>(
           "near_duplicates",
           "also look for images that look alike: copies that were scaled, compressed again or mirrored"),
       core::field<&CheckOptions::near_bits>(
           "near_bits", "bits of 64 in which the hashes of images that look alike may differ", {0, 16}),
       core::field<&CheckOptions::near_correlation>("near_correlation",
                                                    "least correlation of the details of images that look alike; more "
                                                    "where unrelated images of the data reach it",
                                                    {0, 1}),
       core::field<&CheckOptions::min_side>(
           "min_side",
           "a shorter side below this is too small, pixels; by default 32, or half of the median shorter side "
           "if that is less",
           {1, 65535}),
       core::field<&CheckOptions::max_megapixels>("max_megapixels", "an image of more is huge", {0, 1e6}),
       core::field<&CheckOptions::max_aspect>("max_aspect", "most that the longer side may be of the shorter",
                                              {1, 65535}),
       core::field<&CheckOptions::min_per_class>("min_per_class", "a class of fewer images is small", {0, 1e9}),
       core::field<&CheckOptions::max_imbalance>(
           "max_imbalance", "most images that the largest class may have for one of the smallest", {1, 1e9}),
       core::field<&CheckOptions::deep_bits>(
           "deep_bits", "how many of the 16 bits of PNG and TIFF samples hold data, as in training", {8, 16}),
       core::field<&CheckOptions::max_pixels>(
           "max_pixels", "an image that claims more pixels counts as unreadable, as in training", {1, 1e12}),
       core::field<&CheckOptions::threads>("threads", "images read at once; by default one for each CPU", {1, 1024})});
  return table;
}

}  // namespace margay::data
