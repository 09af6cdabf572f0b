#pragma once

#include <span>
#include <vector>

#include "margay/data/check/check_options.h"
#include "margay/data/check/finding.h"
#include "margay/data/check/image_facts.h"
#include "margay/data/check/labelled_data.h"

namespace margay::data {

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
