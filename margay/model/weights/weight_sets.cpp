#include "margay/model/weights/weight_sets.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/core/text.h"
#include "margay/model/weights/weight_set_rows.h"

namespace margay::model {
namespace {

struct MeanAndStd {
  std::array<double, 3> mean, std;
};

MeanAndStd values_of(PublishedStatistics statistics) {
  switch (statistics) {
    case PublishedStatistics::kOfInception:
      return {{0.5, 0.5, 0.5}, {0.5, 0.5, 0.5}};
    case PublishedStatistics::kOfClip:
      return {{0.48145466, 0.4578275, 0.40821073}, {0.26862954, 0.26130258, 0.27577711}};
    case PublishedStatistics::kAsPixelsAre:
      return {{0, 0, 0}, {1, 1, 1}};
    default:
      return {core::kImagenetMean, core::kImagenetStd};
  }
}

WeightSet set_of(const TimmSetRow& row) {
  const MeanAndStd statistics = values_of(row.statistics);
  return {.network = row.network,
          .name = row.name,
          .publisher = "timm",
          .licence = row.licence,
          .input_px = row.input_px,
          .mean = statistics.mean,
          .std = statistics.std,
          .crop_share = row.crop_share,
          .resize = row.resize,
          .top1 = row.top1,
          .url = timm_weights_url(row.name),
          .source = row.source};
}

WeightSet set_of(const TorchvisionSetRow& row) {
  return {.network = row.network,
          .name = fmt::format("{}.{}", row.network, row.tag),
          .publisher = "torchvision",
          .licence = row.licence,
          .input_px = row.crop_px,
          .crop_share = static_cast<double>(row.crop_px) / row.resize_px,
          .resize = row.resize,
          .top1 = row.top1,
          .url = torchvision_weights_url(row.file),
          .source = "torchvision 0.14.1 (Weights)"};
}

/// torchvision's sets of a network first, as most people know them.
std::vector<WeightSet> make_sets() {
  std::vector<WeightSet> sets;
  for (const TorchvisionSetRow& row : torchvision_set_rows()) sets.push_back(set_of(row));
  for (const TimmSetRow& row : timm_set_rows()) sets.push_back(set_of(row));
  return sets;
}

/// "resnet18d" and "ra4_e3600_r224_in1k"; no tag where there is no dot.
std::pair<std::string_view, std::string_view> split_at_dot(std::string_view name) {
  const std::size_t dot = name.find('.');
  return dot == std::string_view::npos ? std::pair{name, std::string_view()}
                                       : std::pair{name.substr(0, dot), name.substr(dot + 1)};
}

/// "timm" and what stands behind its slash; "" for a name without one.
std::pair<std::string_view, std::string_view> split_publisher(std::string_view name) {
  const std::size_t slash = name.find('/');
  return slash == std::string_view::npos ? std::pair{std::string_view(), name}
                                         : std::pair{name.substr(0, slash), name.substr(slash + 1)};
}

bool is_called(const WeightSet& set, std::string_view name) {
  const auto [network, tag] = split_at_dot(name);
  const auto are_alike = [](std::string_view a, std::string_view b) {
    return core::lower_case(std::string(a)) == core::lower_case(std::string(b));
  };
  return are_alike(set.name, name) || (set.network == network && are_alike(set.tag(), tag));
}

std::string list_of(const std::vector<const WeightSet*>& sets) {
  std::string text;
  for (const WeightSet* each : sets) {
    text += fmt::format("{}{}/{}", text.empty() ? "" : ", ", each->publisher, each->name);
  }
  return text;
}

[[noreturn]] void refuse_unknown_set(std::string_view name) {
  const auto [network, tag] = split_at_dot(split_publisher(name).second);
  const std::vector<const WeightSet*> known = weight_sets_of(network);
  if (known.empty()) {
    std::vector<std::string> names;
    for (const WeightSet& each : weight_sets()) names.push_back(each.name);
    throw std::invalid_argument(fmt::format("[find_weight_set] no weights '{}' are known{}", core::one_line(name),
                                            core::did_you_mean(name, names)));
  }
  throw std::invalid_argument(
      fmt::format("[find_weight_set] no weights '{}' of {} are known, but {}; a file of others is given by `weights`",
                  core::one_line(name), network, list_of(known)));
}

/// "resnet50-11ad3fa6" of https://download.pytorch.org/models/resnet50-11ad3fa6.pth.
std::string_view file_stem(const WeightSet& set) {
  const std::string_view file = std::string_view(set.url).substr(set.url.rfind('/') + 1);
  return file.substr(0, file.rfind('.'));
}

}  // namespace

std::string WeightSet::tag() const { return std::string(split_at_dot(name).second); }

const std::vector<WeightSet>& weight_sets() {
  static const std::vector<WeightSet> sets = make_sets();
  return sets;
}

std::vector<const WeightSet*> weight_sets_of(std::string_view network) {
  std::vector<const WeightSet*> sets;
  for (const WeightSet& each : weight_sets()) {
    if (each.network == network || split_at_dot(each.name).first == network) sets.push_back(&each);
  }
  return sets;
}

bool names_weight_set(std::string_view name) { return name.find_first_of("./") != std::string_view::npos; }

const WeightSet& find_weight_set(std::string_view name) {
  const auto [publisher, plain] = split_publisher(name);
  std::vector<const WeightSet*> found;
  for (const WeightSet& each : weight_sets()) {
    if ((publisher.empty() || each.publisher == publisher) && is_called(each, plain)) found.push_back(&each);
  }
  if (found.empty()) refuse_unknown_set(name);
  if (found.size() == 1) return *found.front();
  throw std::invalid_argument(fmt::format("[find_weight_set] several weights are called '{}'; name one: {}",
                                          core::one_line(name), list_of(found)));
}

const WeightSet* weight_set_called(std::string_view plain_name) {
  const auto& sets = weight_sets();
  const auto found = std::find_if(sets.begin(), sets.end(), [&](const WeightSet& each) {
    const std::string_view called = each.publisher == "torchvision" ? file_stem(each) : std::string_view(each.name);
    return core::lower_case(std::string(called)) == plain_name || core::lower_case(each.name) == plain_name;
  });
  return found == sets.end() ? nullptr : &*found;
}

const WeightSet* weight_set_with_hash(std::string_view sha256) {
  const auto& sets = weight_sets();
  const auto found = std::find_if(sets.begin(), sets.end(), [&](const WeightSet& each) {
    if (each.publisher != "torchvision") return false;
    const std::string_view stem = file_stem(each);
    return sha256.starts_with(stem.substr(stem.rfind('-') + 1));
  });
  return found == sets.end() ? nullptr : &*found;
}

}  // namespace margay::model
