#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace margay::data {

/// What an image is for.
enum class SplitPart : std::uint8_t { kTrain, kValid, kTest };

/// The part that a folder's name or a table's cell names: "train", "Training", "TRAIN_SET", "train2017"; "valid",
/// "Validation", "val", "dev"; "Test", "testing", "eval", "holdout". Letters count in any case, as do blanks, '_', '-'
/// and '.' between words; "set", "data", "images" and digits may follow the word. Nothing for every other name.
std::optional<SplitPart> split_word(std::string_view name);

/// A name that says what a set of images is for.
struct PartName {
  SplitPart part = SplitPart::kTrain;
  std::string rest;  ///< its other words: "seg" of "seg_train", "" of "train"
};

/// The part that a folder's name means: one of the words of split_word among its words, in any case, or trainval,
/// devel, prediction. Words such as set, data, images, and numbers behind it say nothing: "Train_Images", "testset",
/// "val2017". Nothing for other names, and for those of two parts ("train_test").
std::optional<PartName> part_of_name(std::string_view name);

/// Whether the name holds the words of two parts or more, or the word split: "train_test_split", "splits".
bool names_a_split(std::string_view name);

/// Whether the name is "fold" and a number.
bool names_a_fold(std::string_view name);

}  // namespace margay::data
