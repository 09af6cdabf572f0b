#include "margay/predict/image_groups.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <unordered_map>
#include <utility>
#include <vector>

#include <torch/utils.h>

#include "margay/predict/near_copies.h"

namespace margay::predict {
namespace {

/// Numbers the groups and counts their images. group: of each image, any numbers.
void set_groups(ImageGroups& result, const std::vector<std::int64_t>& group) {
  std::unordered_map<std::int64_t, std::int64_t> number_of;
  std::vector<std::int64_t> numbers;
  std::vector<std::int64_t> sizes;
  for (const std::int64_t each : group) {
    const auto [found, is_new] = number_of.try_emplace(each, static_cast<std::int64_t>(sizes.size()));
    if (is_new) sizes.push_back(0);
    numbers.push_back(found->second);
    ++sizes[static_cast<std::size_t>(found->second)];
  }
  result.of_image = torch::tensor(numbers, torch::kLong);
  result.count = static_cast<std::int64_t>(sizes.size());
  for (const std::int64_t size : sizes) {
    result.largest = std::max(result.largest, size);
    if (size > 1) result.joined += size;
  }
}

std::vector<std::int64_t> given_groups(const Features& features, const data::Dataset& dataset) {
  std::vector<std::int64_t> group;
  for (const std::size_t id : features.ids) {
    const std::optional<std::int64_t> given = dataset.group(id);
    if (!given) {
      throw std::invalid_argument(
          "[groups] the data has no groups; give them with `group_regex` or `group_column`, or look for near copies");
    }
    group.push_back(*given);
  }
  return group;
}

}  // namespace

ImageGroups group_images(const Features& features, const data::Dataset& dataset, Grouping grouping) {
  const bool has_groups = dataset.size() > 0 && dataset.group(0).has_value();
  ImageGroups result{.kind = grouping};
  if (grouping == Grouping::kAuto) result.kind = has_groups ? Grouping::kGiven : Grouping::kNearCopies;
  std::vector<std::int64_t> group(features.ids.size());
  std::iota(group.begin(), group.end(), std::int64_t{0});
  if (result.kind == Grouping::kGiven) group = given_groups(features, dataset);
  if (result.kind == Grouping::kNearCopies) {
    NearCopies found = find_near_copies(features);
    group = std::move(found.group);
    result.least_similarity = found.least_similarity;
    result.note = std::move(found.note);
  }
  set_groups(result, group);
  return result;
}

}  // namespace margay::predict
