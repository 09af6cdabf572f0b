#include "margay/data/source/splits.h"

#include <algorithm>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/core/random.h"
#include "margay/data/source/name_list.h"

namespace margay::data {
namespace {

bool lies_below(const std::filesystem::path& relative, const std::string& folder) {
  const std::filesystem::path parents = relative.parent_path();
  return std::find(parents.begin(), parents.end(), folder) != parents.end();
}

}  // namespace

Splitter random_split(RandomSplitOptions options) {
  core::validate(options);
  return [options](const std::vector<Item>& items) {
    const std::vector<std::size_t> order = core::torch_permutation(items.size(), options.seed);
    const auto cut = static_cast<std::ptrdiff_t>(options.valid_fraction * static_cast<double>(items.size()));
    return Split{{order.begin() + cut, order.end()}, {order.begin(), order.begin() + cut}};
  };
}

Splitter folder_split(const std::filesystem::path& root, const std::string& train, const std::string& valid) {
  return [root, train, valid](const std::vector<Item>& items) {
    Split split;
    NameList neither;
    for (std::size_t i = 0; i < items.size(); ++i) {
      const std::filesystem::path relative = items[i].path.lexically_relative(root);
      if (lies_below(relative, valid)) {
        split.valid.push_back(i);
      } else if (lies_below(relative, train)) {
        split.train.push_back(i);
      } else {
        neither.add(relative.string());
      }
    }
    if (neither.empty()) return split;
    throw core::DataError(root, fmt::format("{} pictures lie below neither {}/ nor {}/: {}", neither.size(), train,
                                            valid, neither.text()));
  };
}

}  // namespace margay::data
