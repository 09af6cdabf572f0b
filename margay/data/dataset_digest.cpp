#include "margay/data/dataset_digest.h"

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include <ATen/core/Tensor.h>
#include <fmt/format.h>

#include "margay/core/checksum.h"
#include "margay/data/loader/batch.h"

namespace margay::data {

std::string dataset_digest(const Dataset& dataset, const std::filesystem::path& root) {
  std::string text;
  for (std::size_t i = 0; i < dataset.size(); ++i) {
    text += root.empty() ? dataset.path(i).string() : dataset.path(i).lexically_relative(root).string();
    text += '\n';
  }
  if (dataset.num_classes() > 0) {
    std::vector<std::size_t> ids(dataset.size());
    std::iota(ids.begin(), ids.end(), std::size_t{0});
    const at::Tensor targets = batch_targets(dataset, ids).contiguous();
    text.append(static_cast<const char*>(targets.data_ptr()), targets.nbytes());
  }
  const auto* const begin = reinterpret_cast<const std::uint8_t*>(text.data());
  return fmt::format("{} images {:016x}", dataset.size(), core::checksum({begin, text.size()}));
}

}  // namespace margay::data
