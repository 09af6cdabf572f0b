#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "apps/studio/job.h"
#include "margay/data/check/finding.h"
#include "margay/data/item.h"
#include "margay/fetch/known_places.h"
#include "margay/run/data_options.h"

namespace margay::studio {

/// A class and its probability, 0 … 1.
using ClassShare = std::pair<std::string, double>;

/// What a search for wrong labels, copies and broken images has found in a folder.
struct FoundLabels {
  std::vector<data::Finding> findings;
  std::unordered_map<std::string, data::Labels> predicted;          ///< by the image's path
  std::unordered_map<std::string, std::vector<ClassShare>> shares;  ///< by the image's path, the nine most probable
  std::string source;                                               ///< where the probabilities come from, a sentence
  std::string time;                                                 ///< of the search, UTC by ISO 8601
  std::size_t images = 0;  ///< of the review that it was begun for; 0: not known
  std::vector<std::string> warnings;
};

/// Reads what keep_found() wrote; nothing is found where there is no such file, or one of another version.
std::optional<FoundLabels> kept_found(const std::filesystem::path& file);
/// Throws core::IoError.
void keep_found(const FoundLabels& found, const std::filesystem::path& file);

/// How to search.
struct LabelSearchOptions {
  std::filesystem::path folder;
  run::DataOptions data = {};          ///< how the folder is read; no decisions apply
  std::filesystem::path cache_folder;  ///< of the user, for features; "": none
  std::string arch = "resnet18";       ///< whose features are probed
  std::filesystem::path model;         ///< a bundle that judges instead; "": none
  fetch::KnownPlaces places = {};      ///< where the weights of `arch` may lie
  std::optional<std::string> device;   ///< of the network; absent: as `margay check` chooses
  std::size_t images = 0;              ///< FoundLabels::images
};

/// Searches first for broken images and copies (data::check_data), then for wrong labels (run::check_labels); without
/// weights to judge labels with a warning says so. Throws core::Interrupted when the job is to stop, and as these.
FoundLabels search_labels(const LabelSearchOptions& options, const Job::Progress& progress);

}  // namespace margay::studio
