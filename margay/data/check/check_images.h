#pragma once

#include <span>
#include <string>
#include <vector>

#include "margay/data/check/check_data.h"
#include "margay/data/check/image_facts.h"
#include "margay/data/data_block.h"

namespace margay::data {

/// Where an image goes.
enum class Side { kNone, kTrain, kValid };

/// Images, labels and split as far as they can be had.
struct LabelledData {
  PathList paths;
  Items items;  ///< the same images; one without a label has "" or none
  std::vector<bool> has_label;
  std::vector<Side> sides;    ///< all kNone where the split failed
  std::string split_problem;  ///< "" where it did not
  std::string labels_by;      ///< the description of the labeller

  std::size_t size() const { return paths.size(); }
  std::size_t count(Side side) const;
  /// The classes that occur, by name.
  std::vector<ClassCount> classes() const;
};

/// Throws std::invalid_argument where the block has no items, no labels or no split; nothing for the data's faults.
LabelledData labelled_data(const DataBlock& block);

/// What single images have wrong: unreadable, of one colour, small, huge, long, grey among colour, misnamed.
std::vector<Finding> check_images(const PathList& paths, std::span<const ImageFacts> facts,
                                  const CheckOptions& options);

/// Images that occur more than once: copies, copies under two labels, copies in training and validation; exact ones
/// by their pixels and, where the facts hold fingerprints, those that look alike. Each group of copies is told once, or
/// twice where it has both two labels and two sides.
std::vector<Finding> check_duplicates(const LabelledData& data, std::span<const ImageFacts> facts,
                                      const CheckOptions& options);

/// What labels, classes and split have wrong.
std::vector<Finding> check_classes(const LabelledData& data, const CheckOptions& options);

/// What else lies in the folder: folders without an image, hidden files, files among images that are none.
/// paths: the images that are used. An absent folder has no findings.
std::vector<Finding> check_folder(const std::filesystem::path& folder, const PathList& paths);

}  // namespace margay::data
