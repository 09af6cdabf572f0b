#include "margay/data/source/content_checksums.h"

#include <algorithm>

#include "margay/core/checksum.h"
#include "margay/core/error.h"
#include "margay/core/threads.h"

namespace margay::data {

void ContentChecksums::note(std::size_t i, std::span<const std::uint8_t> bytes) {
  note(i, std::max<std::uint64_t>(core::checksum(bytes), 1));
}

std::optional<std::uint64_t> ContentChecksums::of(std::size_t i) const {
  const std::uint64_t sum = sums_[i].load(std::memory_order_relaxed);
  return sum == 0 ? std::nullopt : std::optional(sum);
}

void ContentChecksums::read_missing(const std::function<ImageSource(std::size_t)>& image) {
  std::vector<std::size_t> missing;
  for (std::size_t i = 0; i < size(); ++i) {
    if (!has(i)) missing.push_back(i);
  }
  core::for_each_index(missing.size(), [&](std::size_t at) {
    try {
      note(missing[at], *image(missing[at]).read());
    } catch (const core::DataError&) {  // whoever decodes it names it
    }
  });
}

}  // namespace margay::data
