#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "margay/data/check/finding.h"
#include "margay/run/reviewed_data.h"

namespace margay::run {

/// What a file says about images.
struct FoundInFile {
  std::vector<data::Finding> findings;
  std::vector<std::optional<data::Labels>> predicted;  ///< as ReviewedData's; none where the file does not tell
  std::vector<std::string> warnings;                   ///< what was passed over, sentences
};

/// Reads findings from `label_issues.csv` (columns image, is_label_issue, label_quality, given_label, predicted_label,
/// as `check_labels` and cleanlab write them; image: a path, relative to the folder of the data or to where the program
/// runs), from the JSON of a check, or from the folder that a check of labels has written, which holds both. Findings
/// of kinds that this version does not know are passed over with a warning, and so are findings about other images. In
/// JSON an image's path is as the check found it; where that is none of the data's, what follows the name of the
/// data's folder in it counts, so that the folder may be named otherwise, or have moved. Throws core::DataError for a
/// missing file, and core::FormatError naming the line or the field: no such columns, a number that is none.
FoundInFile read_findings(const std::filesystem::path& file, const std::filesystem::path& folder,
                          const ReviewedData& data);

/// The same of a file's text that is in memory. name: of the file, for messages.
FoundInFile findings_in(const std::string& text, const std::filesystem::path& name, const std::filesystem::path& folder,
                        const ReviewedData& data);

}  // namespace margay::run
