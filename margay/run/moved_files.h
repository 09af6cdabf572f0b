#pragma once

#include <filesystem>
#include <optional>

#include "margay/run/data_options.h"
#include "margay/run/train_options.h"

namespace margay::run {

/// The working folder in which the run of this folder began, as its run.json knows it; nothing for runs of earlier
/// versions.
std::optional<std::filesystem::path> working_folder_of_run(const std::filesystem::path& run);

/// Where a path that a run remembers leads today: a relative one begins at the working folder of the run, or, where
/// that has no such file, at the present one. Unchanged if it leads nowhere.
std::filesystem::path path_of_run(const std::filesystem::path& path, const std::filesystem::path& run);

/// The folder of images of a run: the given new place, or, if that is empty, where path_of_run finds it. Throws
/// core::DataError for a new place that leads nowhere.
std::filesystem::path images_of_run(const std::filesystem::path& folder, const std::filesystem::path& moved,
                                    const std::filesystem::path& run);

/// The folder of images of the run's config.json, by path_of_run; nothing if config.json tells none.
std::optional<std::filesystem::path> data_folder_of_run(const std::filesystem::path& run);

/// The new places of what a run reads; empty: where it was.
struct MovedFiles {
  std::filesystem::path data;  ///< the folder of images
  std::filesystem::path labels_csv;
  std::filesystem::path valid_csv;
  std::filesystem::path valid_list;
  std::filesystem::path weights;
  std::filesystem::path teacher;
  std::filesystem::path cache_folder;
};

/// Sets the paths of a run to where they lead today: to the new place if one is given, otherwise by path_of_run.
/// Returns whether any has changed. Throws core::DataError, naming the option for its new place, for the first that
/// leads nowhere. weights: those of a checkpoint need no file.
bool find_moved_files(TrainOptions& options, const MovedFiles& moved, const std::filesystem::path& run,
                      train::PretrainedWeights weights);

/// The same for the tables that a model remembers: its relative paths begin at the working folder of the run in whose
/// folder the model lies, at the present one, or at the folder of images. Throws core::DataError, naming the option.
void find_moved_tables(DataOptions& options, const std::filesystem::path& model, const std::filesystem::path& images);

}  // namespace margay::run
