#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <torch/types.h>

#include "margay/data/dataset.h"
#include "margay/data/image/read_image.h"
#include "margay/run/label_check_options.h"
#include "margay/run/observer.h"
#include "margay/run/probe_network.h"

namespace margay::run {

/// Labelled images with the probabilities of predictors that did not see them.
struct OutOfSample {
  std::shared_ptr<const data::Dataset> dataset;
  data::Vocabulary vocabulary;
  std::filesystem::path root;                               ///< of the images' names; "" where they are no files
  std::vector<bool> validates;                              ///< of each image of the dataset
  data::ReadOptions reading;                                ///< to look at the images again
  std::shared_ptr<const data::LabelEdits> edits = nullptr;  ///< null where no decisions apply

  std::vector<std::size_t> ids;       ///< [N], positions in the dataset of the images that were judged
  torch::Tensor targets;              ///< int64 [N]; float [N,K] of 0 and 1 for several labels
  torch::Tensor probabilities;        ///< float [N,K]; undefined where nothing could judge
  torch::Tensor groups;               ///< int64 [N]; undefined: each image is alone
  bool are_groups_copies = false;     ///< whether images of a group are near copies of each other
  torch::Tensor features;             ///< float [N,D]; undefined where there are none
  std::string source;                 ///< a sentence
  std::vector<std::string> warnings;  ///< of images that were not judged, and the like
  std::vector<TimedPart> seconds;
};

/// All images of a data set in one set, with the split that it has.
struct JoinedImages {
  data::Loaders loaders;        ///< all in the training set
  std::vector<bool> validates;  ///< of each image
};
JoinedImages joined_images(data::DataBlock block, const data::LoaderOptions& options);

/// By what the options choose; see LabelCheckOptions. Throws as check_labels.
OutOfSample out_of_sample(const LabelCheckOptions& options, const std::filesystem::path& cache_folder,
                          Observer& observer);

/// The left-out predictions of a linear classifier on this network's features, for all images of the block; without
/// probabilities where the labels are all of one class.
OutOfSample left_out_of_probe(const data::DataBlock& block, model::Classifier& classifier,
                              const LabelJudgeOptions& options);

}  // namespace margay::run
