#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <torch/types.h>

#include "margay/data/dataset.h"

namespace margay::run {

/// A table of probabilities that another program made, as its file has it.
struct GivenProbabilities {
  std::filesystem::path path;
  torch::Tensor rows;                ///< double [M,K]
  std::vector<std::string> names;    ///< [M] of the images; empty: the file does not say
  std::vector<std::string> classes;  ///< [K] of the columns; empty: the file does not say
};

/// Reads one of
///  - CSV, TSV or JSON lines: a column for each class, under its name or, for all of them, under its number from 0;
///  and,
///    if there is one, a column of the images' names: image, name, file, filename, fname or path;
///  - .npy of floats [M,K];
///  - .safetensors: `probabilities` or `pred_probs` [M,K], and, if there are some, `names` and `classes`: uint8, the
///    bytes of each name and a zero after it.
/// Throws core::FormatError, naming line or tensor, for anything else, core::DataError for a missing file.
GivenProbabilities read_probabilities(const std::filesystem::path& path);

/// The probabilities of a data set's images in its order.
struct MatchedProbabilities {
  torch::Tensor rows;   ///< float [N,K], columns in the order of the vocabulary
  std::string warning;  ///< of rows that no image has; "" if there are none
};

/// Finds the row of each image by its name relative to `root`, by its whole path, or by a file name that no other image
/// has; without names rows are in the order of the images. Columns go by the names of the classes, without them by the
/// order of the vocabulary. Throws core::DataError, naming three of them, for images without a row and rows with one
/// name; for another number of rows or classes; for a probability that is non-finite, or outside 0 … 1, and for rows of
/// a single label that do not sum to 1 (within .001), naming the image.
MatchedProbabilities match_probabilities(const GivenProbabilities& given, const data::Dataset& images,
                                         const data::Vocabulary& vocabulary, const std::filesystem::path& root);

}  // namespace margay::run
