#pragma once

namespace margay::data {

/// Which side of the split an item is transformed for: drawn at random, or always the same.
enum class Phase { kTrain, kValid };

}  // namespace margay::data
