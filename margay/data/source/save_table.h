#pragma once

#include <filesystem>
#include <string>

#include "margay/data/dataset.h"

namespace margay::data {

/// Writes the images, labels and split (name, label, is_valid), the training images first, so that a LabelTable of
/// the same root makes the same datasets of it: the same images in the same order on both sides. A path that ends in
/// .jsonl gets JSON lines, whose lists of labels need no delimiter; any other CSV. Names are relative to root, absolute
/// outside it. Replaces the file in one step. Returns the delimiter to read several labels of a CSV with
/// (LabelColumns::delimiter, --label-delimiter): the first of ; | / , that is in no label, else a byte that is in none;
/// "" where the task is single-label, and for JSON lines. Throws core::IoError when it cannot be written,
/// core::DataError for JSON lines with a file name that is not UTF-8.
std::string save_table(const Datasets& datasets, const std::filesystem::path& root, const std::filesystem::path& path);

}  // namespace margay::data
