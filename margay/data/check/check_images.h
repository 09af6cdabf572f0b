#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "margay/data/check/check_data.h"
#include "margay/data/check/image_facts.h"
#include "margay/data/data_block.h"

namespace margay::data {

/// The side of the split that an image is on.
enum class Side { kNone, kTrain, kValid };

/// Images, labels and split, as far as they could be determined.
struct LabelledData {
  PathList paths;
  Items items;  ///< the same images; one without a label has "" or none
  std::vector<bool> has_label;
  std::vector<Side> sides;    ///< all kNone where the split failed
  std::string split_problem;  ///< "" where it did not
  std::string labels_by;      ///< the description of the labeller
  SimilarClasses similar_classes = SimilarClasses::kRefuse;
  std::shared_ptr<const LabelEdits> edits;  ///< null where no decisions apply

  std::size_t size() const { return paths.size(); }
  std::size_t count(Side side) const;
  /// The classes that occur, by name.
  std::vector<ClassCount> classes() const;
};

/// Throws std::invalid_argument if the block has no items, no labels or no split. Faults of the data do not throw.
LabelledData labelled_data(const DataBlock& block);

/// Finds faults of single images: unreadable, of one colour, small, huge, elongated, grey among coloured ones, with a
/// wrong extension.
std::vector<Finding> check_images(const PathList& paths, std::span<const ImageFacts> facts,
                                  const CheckOptions& options);

/// Finds images that occur more than once: copies, copies under two labels, copies in both the training and the
/// validation set. Exact copies have equal pixels; where the facts hold fingerprints, images that look alike are found
/// as well. Pairs that somebody decided to be no copies of each other hold no group together. Each group of copies is
/// reported once, or twice if it has both two labels and two sides.
std::vector<Finding> check_duplicates(const LabelledData& data, std::span<const ImageFacts> facts,
                                      const CheckOptions& options);

/// Finds faults of labels, classes and split.
std::vector<Finding> check_classes(const LabelledData& data, const CheckOptions& options);

/// Finds other things in the folder: folders without an image, hidden files, files that are not images. paths: the
/// images that are used. A missing folder has no findings.
std::vector<Finding> check_folder(const std::filesystem::path& folder, const PathList& paths);

}  // namespace margay::data
