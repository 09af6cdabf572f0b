#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace margay::data {

/// What a set of images is for.
enum class SplitPart { kTrain, kValid, kTest };

constexpr auto names(SplitPart /*tag*/) {
  return std::array{std::pair{SplitPart::kTrain, "train"}, std::pair{SplitPart::kValid, "valid"},
                    std::pair{SplitPart::kTest, "test"}};
}

/// A name that says what a set of images is for.
struct PartName {
  SplitPart part = SplitPart::kTrain;
  std::string rest;  ///< its other words: "seg" of "seg_train", "" of "train"
};

/// The part that the usual names mean, in any case: train, training, trainval; valid, validation, val, dev,
/// development; test, testing, eval, evaluation, holdout, prediction (as the Hugging Face hub reads them, which takes
/// evaluation for a test). Words such as set, data, images, and numbers behind it say nothing: "Train_Images",
/// "testset", "val2017". Nothing for other names, and for those of two parts ("train_test").
std::optional<PartName> part_of_name(std::string_view name);

/// Whether the name holds the words of two parts or more, or the word split: "train_test_split", "splits".
bool names_a_split(std::string_view name);

/// Whether the name is "fold" and a number.
bool names_a_fold(std::string_view name);

}  // namespace margay::data
