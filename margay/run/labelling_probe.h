#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "margay/metric/interval.h"
#include "margay/run/probe_options.h"

namespace margay::run {

class Observer;

/// An image whose class a person has said.
struct KnownImage {
  std::filesystem::path path;
  std::string label;
  bool is_random = false;  ///< it was drawn at random, not because it was uncertain
};

struct LabellingProbeOptions {
  std::vector<KnownImage> known;
  std::vector<std::filesystem::path> unlabelled;
  std::string arch = "resnet18";
  ProbedNetworkOptions network;
  std::size_t most_unlabelled = 5000;  ///< of more, so many are looked at, drawn at random by their names
  int random_each = 4;                 ///< every so-many-th image of the order is drawn at random; 1 or more
};

/// An unlabelled image and what the probe says of it.
struct ImageToLabel {
  std::size_t image = 0;                               ///< position in LabellingProbeOptions::unlabelled
  std::vector<std::pair<std::string, double>> shares;  ///< the nine most probable classes; empty where none is known
  double uncertainty = 1;                              ///< 0 … 1
  bool is_random = false;                              ///< it stands here by chance
};

/// What to label next, and how good a classifier of what is labelled would be.
struct LabellingAdvice {
  std::vector<ImageToLabel> order;
  std::int64_t known = 0;  ///< labelled images that could be read
  /// The share of labelled images that a classifier of all others gets wrong, with Wilson's interval; nothing before
  /// there are two classes of two images each. It is of images that were chosen because they are uncertain, and so too
  /// high for all.
  std::optional<metric::Estimate> error;
  /// The same of those drawn at random, which stand for all; nothing without any.
  std::optional<metric::Estimate> random_error;
  std::int64_t random_images = 0;     ///< that random_error is of
  std::string problem;                ///< why there is no probe yet, a sentence; ""
  std::vector<std::string> warnings;  ///< sentences
};

/// Fits a linear classifier to the features of the labelled images (train::fit_probe) and orders the unlabelled ones by
/// how uncertain it is of them: 1 − (p₁ − p₂) of the two most probable classes, best versus second best (Scheffer,
/// Decomain, Wrobel, "Active hidden Markov models for information extraction", IDA 2001; Settles, "Active learning
/// literature survey", 2009, section 3.1). Every `random_each`-th is drawn at random instead, so that the error on
/// these is one of the images that are left, which the error on uncertain ones is not. The draw depends on the names
/// alone.
///
/// Before two classes have two images each, the order is random. Features are kept in cache_folder, "": nowhere.
/// Throws NoWeightsError without `network.weights`, core::Interrupted when the observer wants a stop, and as
/// load_probe_network and train::fit_probe.
LabellingAdvice probe_for_labelling(const LabellingProbeOptions& options, const std::filesystem::path& cache_folder,
                                    Observer& observer);

/// The order without a probe: at random, all of them so.
std::vector<ImageToLabel> random_labelling_order(const std::vector<std::filesystem::path>& unlabelled);

}  // namespace margay::run
