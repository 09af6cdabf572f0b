#pragma once

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <utility>

#include "margay/collective/group.h"
#include "margay/run/observer.h"
#include "margay/run/probe_options.h"
#include "margay/run/probed.h"
#include "margay/run/training_run.h"

namespace margay::run {

/// A probe was asked for without pretrained weights, whose features it needs.
class NoWeightsError : public std::invalid_argument {
 public:
  explicit NoWeightsError(FromScratch what);
  const FromScratch& what_to_fetch() const { return what_; }

 private:
  FromScratch what_;
};

/// Fits a linear classifier to the features of a pretrained network (train::fit_probe) and leaves a run folder:
/// config.json, split.csv, run.json, history.csv, model.margay, left_out.csv, valid.csv where there is a validation
/// set, probe.json (the results), hardest.png. Announces the start, the progress and the results. cache_folder: as for
/// make_loaders and resolve_weights; features are kept there, too. Processes of a group share the features and the fit;
/// that of rank 0 alone leaves the folder and announces the results. Throws NoWeightsError, std::invalid_argument for
/// settings that cannot work, before a folder is made, core::Interrupted when the observer wants a stop (what has been
/// computed of the features stays in the cache), and as make_loaders, model::load_pretrained and train::fit_probe.
Outcome start_probe(const ProbeRunOptions& options, const std::filesystem::path& cache_folder, Observer& observer,
                    std::shared_ptr<collective::Group> group = collective::one_process());

}  // namespace margay::run
