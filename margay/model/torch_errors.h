#pragma once

#include <string_view>
#include <utility>

namespace margay::model {

/// What to do where memory runs out in a training, and where it only predicts.
inline constexpr std::string_view kTrainWithLess =
    "use a smaller `batch_size` or `size`, a lower `precision`, or `checkpoint_activations`";
inline constexpr std::string_view kPredictWithLess = "use a smaller `batch_size`";
inline constexpr std::string_view kFreeMemory = "end other programs that hold it, or use a smaller network";

/// Within a catch block: throws the error caught in Margay's form. Where memory has run out, core::OutOfMemoryError
/// with this remedy; LibTorch's other errors as core::Error, on one line, without stack frames; every other error as it
/// is.
[[noreturn]] void rethrow_as_own(std::string_view remedy);

/// Calls `compute`, whose errors leave it as rethrow_as_own says. The public functions that compute with LibTorch are
/// wrapped in it, so that programs meet Margay's errors alone.
template <class Compute>
decltype(auto) with_own_errors(std::string_view remedy, Compute&& compute) {
  try {
    return std::forward<Compute>(compute)();
  } catch (...) {
    rethrow_as_own(remedy);
  }
}

}  // namespace margay::model
