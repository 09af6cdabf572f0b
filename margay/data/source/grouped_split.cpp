#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/core/random.h"
#include "margay/data/common_folder.h"
#include "margay/data/source/folder_walk.h"
#include "margay/data/source/names.h"
#include "margay/data/source/splits.h"

namespace margay::data {

ItemGroups groups_of(const Items& items, const Labeller& group) {
  ItemGroups groups;
  NameIndex names;
  NameList without;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string_view path = items.paths().text(i);
    const auto name = group.label(path);
    if (!name || name->size() != 1) {
      without.add(std::string(file_name(path)));
      continue;
    }
    if (names.add(name->front())) groups.sizes.push_back(0);
    groups.of_item.push_back(static_cast<std::uint32_t>(*names.find(name->front())));
    ++groups.sizes[groups.of_item.back()];
  }
  if (without.empty()) return groups;
  throw core::DataError(common_folder(items), fmt::format("{} of {} images get no group by {}: {}", without.size(),
                                                          items.size(), group.description, without.text()));
}

namespace {

/// Groups in an order drawn at random; a group joins while that brings the sum nearer to what is wanted.
std::vector<std::uint32_t> valid_groups(const ItemGroups& groups, double wanted, std::uint64_t seed) {
  std::vector<std::uint32_t> side(groups.sizes.size(), 0);
  const std::vector<std::size_t> order = core::permutation(groups.sizes.size(), core::Random({seed}));
  double sum = 0;
  std::size_t joined = 0;
  for (const std::size_t group : order) {
    const double with_it = sum + static_cast<double>(groups.sizes[group]);
    if (std::abs(with_it - wanted) >= std::abs(sum - wanted) || joined + 1 == order.size()) continue;
    side[group] = 1;
    sum = with_it;
    ++joined;
  }
  if (joined == 0) {  // every group is more than twice as large as what is wanted
    const auto smallest = std::min_element(groups.sizes.begin(), groups.sizes.end());
    side[static_cast<std::size_t>(smallest - groups.sizes.begin())] = 1;
  }
  return side;
}

Split split_by_groups(const ItemGroups& groups, const std::vector<std::uint32_t>& part_of_group, std::uint32_t valid) {
  std::vector<std::uint32_t> part;
  part.reserve(groups.of_item.size());
  for (const std::uint32_t group : groups.of_item) part.push_back(part_of_group[group]);
  return split_by_parts(part, valid);
}

std::vector<std::uint32_t> deal_groups(const ItemGroups& groups, const FoldOptions& options) {
  std::vector<std::size_t> order = core::permutation(groups.sizes.size(), core::Random({options.seed}));
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return groups.sizes[a] > groups.sizes[b]; });
  std::vector<std::size_t> sum(static_cast<std::size_t>(options.folds), 0);
  std::vector<std::uint32_t> part(groups.sizes.size());
  for (const std::size_t group : order) {
    const auto smallest = static_cast<std::size_t>(std::min_element(sum.begin(), sum.end()) - sum.begin());
    part[group] = static_cast<std::uint32_t>(smallest);
    sum[smallest] += groups.sizes[group];
  }
  return part;
}

}  // namespace

Splitter grouped_split(Labeller group, RandomSplitOptions options) {
  core::validate(options);
  return [group = std::move(group), options](const Items& items) {
    if (options.valid_fraction == 0) return no_split()(items);
    const ItemGroups groups = groups_of(items, group);
    if (groups.sizes.size() < 2) {
      throw core::DataError(
          common_folder(items),
          fmt::format("{} of one group by {}, which cannot be split; use smaller groups",
                      items.size() == 1 ? "the only image is" : fmt::format("all {} images are", items.size()),
                      group.description));
    }
    const double wanted = options.valid_fraction * static_cast<double>(items.size());
    return split_by_groups(groups, valid_groups(groups, wanted, options.seed), 1);
  };
}

Splitter grouped_fold_split(Labeller group, FoldOptions options) {
  check_folds(options);
  return [group = std::move(group), options](const Items& items) {
    const ItemGroups groups = groups_of(items, group);
    check_enough(items, groups.sizes.size(), "groups", options);
    return split_by_groups(groups, deal_groups(groups, options), static_cast<std::uint32_t>(options.fold - 1));
  };
}

}  // namespace margay::data
