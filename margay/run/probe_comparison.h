#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "margay/collective/group.h"
#include "margay/metric/standard_error.h"
#include "margay/run/observer.h"
#include "margay/run/probe_options.h"
#include "margay/run/training_run.h"
#include "margay/train/probe/probe.h"

namespace margay::run {

/// One network of a comparison.
struct ComparedNetwork {
  std::string arch;
  std::filesystem::path weights;
  std::string problem;      ///< why it could not be probed; "" if it was
  train::ProbeScore score;  ///< left out, nested
  double images_per_s = 0;  ///< of its features, loading included; 0: they were all in the cache
  /// Its error minus that of the best network on the same images, left out in the same groups; of the best itself all
  /// is 0.
  metric::Difference to_best;
};

/// Probes one network without a run folder; without to_best. What is wrong with its weights becomes the `problem`.
/// Throws core::Interrupted as start_probe, and what is wrong with the data or the settings.
/// processes: that share the work; all get the result.
ComparedNetwork probe_network(const ProbeRunOptions& options, const std::filesystem::path& cache_folder,
                              Observer& observer,
                              const std::shared_ptr<collective::Group>& processes = collective::one_process());

/// Networks on the same images, the lowest error first, those that could not be probed last.
struct ProbeComparison {
  std::vector<ComparedNetwork> networks;
  std::int64_t images = 0;
  std::int64_t groups = 0;
  std::string grouping;  ///< as Probed's

  /// Throws std::out_of_range without any.
  const ComparedNetwork& best() const { return networks.at(0); }
};

/// The value of `compare` for all networks whose weights are found.
inline constexpr const char* kCompareAll = "all";

/// The names in a list with commas, or with kCompareAll those whose weights model::look_up_weights finds in the folder,
/// in the order of the table of architectures. Throws std::invalid_argument for an unknown or repeated name and for an
/// empty list, core::DataError for a folder that holds none.
std::vector<std::string> networks_to_compare(const std::string& list, const std::filesystem::path& folder);

/// The folder with weights of several networks that `weights` means: "" and "cached": weights/ of the cache folder.
/// Throws std::invalid_argument where there is no cache folder.
std::filesystem::path folder_of_weights(const std::filesystem::path& weights,
                                        const std::filesystem::path& cache_folder);

/// Probes each network and ranks them by their left-out error. Near copies are those that the first of them finds, so
/// that all leave out the same. A network whose weights are missing or do not fit gets a `problem`, and the others are
/// compared. Differences are of the same images: McNemar's question, with the groups as what is independent
/// (metric::clustered_mean of the differences, Student's t). Announces the progress and the result. Throws
/// core::Interrupted as start_probe, what is wrong with the data or with the settings of all, and the last network's
/// error if none can be probed. processes: that share the work; all get the result.
ProbeComparison compare_probes(const ProbeRunOptions& options, const std::vector<std::string>& networks,
                               const std::filesystem::path& cache_folder, Observer& observer,
                               const std::shared_ptr<collective::Group>& processes = collective::one_process());

}  // namespace margay::run
