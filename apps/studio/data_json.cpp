#include "apps/studio/data_json.h"

#include <algorithm>
#include <exception>
#include <vector>

#include <sys/stat.h>
#include <nlohmann/json.hpp>

#include "apps/studio/image_id.h"
#include "apps/studio/thumbnails.h"
#include "margay/core/field_type.h"
#include "margay/core/text.h"
#include "margay/data/image/read_image.h"

namespace margay::studio {
namespace {

using DataJson = nlohmann::ordered_json;
namespace fs = std::filesystem;

DataJson classes_json(const OpenedDataset& dataset) {
  DataJson classes = DataJson::array();
  for (const ClassSize& each : dataset.classes()) {
    classes.push_back({shown_name(each.name), each.images, each.train, each.valid});
  }
  return classes;
}

/// How often each kind of finding came, the worst first.
DataJson kinds_json(const ImageFindings& findings) {
  DataJson kinds = DataJson::array();
  for (const data::KindText& kind : data::all_kinds()) {
    const auto count = std::count_if(findings.all().begin(), findings.all().end(),
                                     [&](const data::Finding& finding) { return finding.kind == kind.kind; });
    if (count == 0) continue;
    kinds.push_back({{"name", kind.name},
                     {"title", kind.title},
                     {"severity", core::to_text(kind.severity)},
                     {"remedy", kind.remedy},
                     {"count", count},
                     {"images", findings.images_of(kind.kind).size()}});
  }
  return kinds;
}

/// Those that name no image: of classes and of the whole. At most 500 of them.
DataJson other_findings_json(const ImageFindings& findings) {
  constexpr std::size_t kMost = 500;
  DataJson others = DataJson::array();
  for (const data::Finding& finding : findings.all()) {
    if (finding.paths.empty() && others.size() < kMost) others.push_back(finding_json(finding));
  }
  return others;
}

DataJson labels_json(const OpenedDataset& dataset, std::size_t i) {
  DataJson labels = DataJson::array();
  for (const std::uint32_t label : dataset.labels(i)) labels.push_back(label);
  return labels;
}

}  // namespace

std::string shown_name(std::string_view name) { return core::valid_utf8(core::spelled_out(std::string(name))); }

DataJson dataset_json(const OpenedDataset& dataset) {
  return {{"images", dataset.size()},
          {"train", dataset.count(ImageSide::kTrain)},
          {"valid", dataset.count(ImageSide::kValid)},
          {"unlabelled", dataset.unlabelled()},
          {"is_multi_label", dataset.is_multi_label()},
          {"deep_bits", dataset.deep_bits},
          {"classes", classes_json(dataset)},
          {"labels_by", dataset.labels_by},
          {"split_by", dataset.split_by},
          {"split_problem", dataset.split_problem},
          {"warnings", dataset.warnings},
          {"left_out", dataset.left_out},
          {"change", name_of(dataset.change())}};
}

DataJson finding_json(const data::Finding& finding) {
  DataJson json = data::to_json(finding);
  json["title"] = data::words_of(finding.kind).title;
  return json;
}

DataJson check_json(const ShelvedDataset::Checked& checked, std::uint64_t revision) {
  DataJson json = {{"state", checked.checking.name()}, {"done", checked.checking.done},
                   {"total", checked.checking.total},  {"problem", checked.checking.problem},
                   {"revision", checked.revision},     {"origin", checked.origin}};
  if (!checked.findings) return json;
  json["is_of_this_data"] = checked.of_revision == revision;
  json["kinds"] = kinds_json(*checked.findings);
  json["others"] = other_findings_json(*checked.findings);
  return json;
}

DataJson image_json(const OpenedDataset& dataset, const ImageFindings* findings, std::size_t i) {
  const std::string_view name = dataset.name(i);
  DataJson json = {{"i", i},
                   {"id", image_id(name)},
                   {"labels", labels_json(dataset, i)},
                   {"side", name_of(dataset.side(i))},
                   {"version", Thumbnails::version_of(dataset.path(i))}};
  if (json["id"] != name) json["name"] = shown_name(name);
  if (findings == nullptr || findings->of_image(i).empty()) return json;
  const data::Finding& worst = findings->all()[findings->of_image(i).front()];
  json["finding"] = data::words_of(worst.kind).title;
  json["harms"] = worst.severity() == data::Severity::kHarm;
  return json;
}

DataJson file_json(const fs::path& path) {
  constexpr std::size_t kHead = 4096;
  DataJson json = {{"path", shown_name(path.string())}};
  try {
    struct stat state {};
    if (::stat(path.c_str(), &state) == 0) json["modified"] = state.st_mtim.tv_sec;
    const data::ImageFile file(path);
    json["bytes"] = file.size();
    const std::vector<std::uint8_t> head = file.read(kHead);
    json["format"] = data::format_name(data::sniff_format(head));
    json["bits"] = data::sample_bits(head);
    const data::ImageSize size = data::read_size(path);
    json["width"] = size.width;
    json["height"] = size.height;
  } catch (const std::exception& error) {
    json["problem"] = core::valid_utf8(error.what());
  }
  return json;
}

}  // namespace margay::studio
