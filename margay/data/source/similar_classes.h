#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "margay/data/item.h"

namespace margay::data {

/// What happens to classes whose names people read as one, such as "Cup", "cup " and "ｃup".
enum class SimilarClasses { kRefuse, kKeep, kMerge };

constexpr auto names(SimilarClasses /*tag*/) {
  return std::array{std::pair{SimilarClasses::kRefuse, "refuse"}, std::pair{SimilarClasses::kKeep, "keep"},
                    std::pair{SimilarClasses::kMerge, "merge"}};
}

/// The name without differences that readers overlook: those of core::folded, and runs of '_' and '-' between two other
/// characters are a space. Two classes with the same folded name are probably one class. Text that is not UTF-8 comes
/// back unchanged.
std::string folded_name(std::string_view name);

/// The names that people read as one (of one core::folded form), two or more in each group, sorted by code point.
std::vector<std::vector<std::string>> similar_names(const std::vector<std::string>& classes);

/// The names of one folded_name that are not similar_names: "hot-dog" and "hot_dog".
std::vector<std::vector<std::string>> names_of_other_joints(const std::vector<std::string>& classes);

/// Throws core::DataError where `classes`, which are labels of the items, hold similar names; it tells of an image
/// each.
void refuse_similar_classes(const Items& items, const std::vector<std::string>& classes);

/// The items with one name for similar ones: the name that is among `known`, else the one of most images (of equally
/// many the first in the order of code points). warning: gets a sentence that tells what was merged, or stays.
Items with_similar_merged(const Items& items, const std::vector<std::string>& known, std::string& warning);

}  // namespace margay::data
