#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "margay/core/options.h"

namespace margay::train {

/// In which order the gradients of several processes are added: exact, the same for any number of processes, or fast,
/// in the order of a ring.
enum class Reduce { kExact, kFast };

constexpr auto names(Reduce /*tag*/) {
  return std::array{std::pair{Reduce::kExact, "exact"}, std::pair{Reduce::kFast, "fast"}};
}

/// How a batch is divided. The options come from the user; resolved() gives the numbers that a training really uses.
struct MicroBatchOptions {
  std::optional<std::int64_t> micro_batches;
  std::optional<int> micro_batch_threads;
  Reduce reduce = Reduce::kExact;
  bool sync_batch_norm = false;

  /// With a value in each field. world: the number of processes; threads: those that this process may use.
  /// Without micro_batches they are as many as processes; then a micro-batch gets all threads of its process, otherwise
  /// one. Throws std::invalid_argument where the processes do not divide the micro-batches.
  MicroBatchOptions resolved(int world, int threads) const;

  static const core::OptionTable& fields();
};

}  // namespace margay::train
