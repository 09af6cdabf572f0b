#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "margay/data/source/split_word.h"

namespace margay::data {

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
