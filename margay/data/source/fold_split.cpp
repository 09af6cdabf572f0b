#include "margay/data/source/fold_split.h"

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/core/random.h"

namespace margay::data {

Split split_by_parts(const std::vector<std::uint32_t>& part, std::uint32_t valid) {
  Split split;
  for (std::size_t i = 0; i < part.size(); ++i) (part[i] == valid ? split.valid : split.train).push_back(i);
  return split;
}

void check_folds(const FoldOptions& options) {
  core::validate(options);
  if (options.fold <= options.folds) return;
  throw std::invalid_argument(
      fmt::format("[fold_split] fold {} of {} folds; the last is {}", options.fold, options.folds, options.folds));
}

void check_enough(const Items& items, std::size_t count, const char* what, const FoldOptions& options) {
  if (count >= static_cast<std::size_t>(options.folds)) return;
  const std::filesystem::path where = items.size() == 0 ? "" : items.path(0).parent_path();
  throw core::DataError(where, fmt::format("{} {} make no {} folds; take fewer folds", count, what, options.folds));
}

Splitter fold_split(FoldOptions options) {
  check_folds(options);
  return [options](const Items& items) {
    check_enough(items, items.size(), "images", options);
    std::vector<std::uint32_t> part(items.size());
    std::uint32_t next = 0;
    for (const std::size_t row : core::permutation(items.size(), core::Random({options.seed}))) {
      part[row] = next;
      next = (next + 1) % static_cast<std::uint32_t>(options.folds);
    }
    return split_by_parts(part, static_cast<std::uint32_t>(options.fold - 1));
  };
}

}  // namespace margay::data
