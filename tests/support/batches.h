#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "margay/data/loader/loader_pass.h"

namespace margay::testing_support {

inline std::vector<data::Batch> all_batches(data::LoaderPass pass) {
  std::vector<data::Batch> batches;
  while (std::optional<data::Batch> batch = pass.next()) batches.push_back(std::move(*batch));
  return batches;
}

}  // namespace margay::testing_support
