#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace margay::data {

/// What an image is for.
enum class SplitPart : std::uint8_t { kTrain, kValid, kTest };

/// The part that a folder's name or a table's cell names: "train", "Training", "TRAIN_SET", "train2017"; "valid",
/// "Validation", "val", "dev"; "Test", "testing", "eval", "holdout". Letters count in any case, as do blanks, '_', '-'
/// and '.' between words; "set", "data", "images" and digits may follow the word. Nothing for every other name.
std::optional<SplitPart> split_word(std::string_view name);

}  // namespace margay::data
