#include "margay/train/log/log_state.h"

#include <limits>

#include <fmt/format.h>

#include "margay/core/error.h"

namespace margay::train {

std::int64_t log_count(const CallbackState& state, const char* key, const std::filesystem::path& source) {
  constexpr std::uint64_t kHighest = std::numeric_limits<std::int64_t>::max();
  const auto found = state.values.find(key);
  const bool is_count = found != state.values.end() && found->is_number_integer() &&
                        (found->is_number_unsigned() || found->get<std::int64_t>() >= 0) &&
                        found->get<std::uint64_t>() <= kHighest;
  if (is_count) return found->get<std::int64_t>();
  throw core::FormatError(source, fmt::format("the state of a log does not say '{}'; the file is damaged or of another "
                                              "version",
                                              key));
}

}  // namespace margay::train
