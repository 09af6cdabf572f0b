#include "margay/run/probe_run.h"

#include <chrono>
#include <cmath>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/bundle/bundle.h"
#include "margay/core/error.h"
#include "margay/core/file.h"
#include "margay/data/source/csv.h"
#include "margay/data/source/known_images.h"
#include "margay/run/pretrained_weights.h"
#include "margay/run/provenance.h"
#include "margay/run/run_folder.h"
#include "margay/run/run_listing.h"
#include "margay/run/same_options.h"
#include "margay/run/training_charts.h"

namespace margay::run {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::int64_t count_of(const std::optional<data::Loader>& loader) {
  return loader ? static_cast<std::int64_t>(loader->dataset().size()) : 0;
}

ProbeStart start_of(const ProbeNetwork& network) {
  const data::Loaders& loaders = network.loaders;
  return {.arch = network.options.arch,
          .weights = network.options.network.weights,
          .precision = core::to_text(network.precision()),
          .train_images = static_cast<std::int64_t>(loaders.train.dataset().size()),
          .valid_images = count_of(loaders.valid),
          .num_classes = loaders.vocabulary.size()};
}

NewRun new_probe_run(const ProbeNetwork& network, const RunFolder& folder) {
  NewRun run{.folder = folder.path().filename().string(),
             .name = network.options.name,
             .group = "",
             .seed = network.options.probe.seed,
             .working_folder = present_folder(),
             .config = core::to_json(network.options)};
  if (network.loaders.valid) run.valid_images = count_of(network.loaders.valid);
  return run;
}

std::vector<std::string> names_of(const std::vector<std::int64_t>& classes, const data::Vocabulary& vocabulary) {
  std::vector<std::string> names;
  for (const std::int64_t each : classes) names.push_back(vocabulary.name(each));
  return names;
}

Probed probed_of(const ProbeNetwork& network, FittedProbe&& fitted) {
  const data::Loaders& loaders = network.loaders;
  train::Probe& probe = fitted.probe;
  Probed probed{.start = start_of(network),
                .task = loaders.task(),
                .result = std::move(probe.result),
                .grouping = grouping_text(probe.train_groups, network.options.batch.data)};
  probed.absent_classes = names_of(probed.result.absent_classes, loaders.vocabulary);
  probed.one_group_classes = names_of(probed.result.one_group_classes, loaders.vocabulary);
  const bool has_groups = probe.train_groups.largest > 1;
  probed.mistakes = find_mistakes(
      probed.result.left_out, loaders.train.dataset(), loaders.vocabulary,
      {.root = network.options.batch.folder, .groups = has_groups ? probe.train_groups.of_image : torch::Tensor()});
  probed.from_cache = probe.train.from_cache + (probe.valid ? probe.valid->from_cache : 0);
  probed.images_per_s = fitted.images_per_s;
  probed.seconds = network.seconds;
  probed.seconds.insert(probed.seconds.end(), fitted.seconds.begin(), fitted.seconds.end());
  return probed;
}

const char* error_name(data::Task task) {
  return task == data::Task::kSingleLabel ? "left_out_error" : "left_out_wrong_decisions";
}

/// In the form of an epoch, for `margay runs`: the metric of trainings first, where there is a validation set.
RunEpoch results_of(const Probed& probed, double seconds) {
  const train::ProbeResult& result = probed.result;
  RunEpoch epoch{.stage = "probe",
                 .epoch = 0,
                 .train_loss = result.score.loss.mean,
                 .valid_loss = std::nan(""),
                 .metrics = {},
                 .seconds = seconds};
  if (result.valid) {
    epoch.valid_loss = result.valid->score.loss.mean;
    const double error = result.valid->score.error.mean;
    const bool is_single = probed.task == data::Task::kSingleLabel;
    epoch.metrics.emplace_back(is_single ? "error_rate" : "accuracy_multi", is_single ? error : 1 - error);
  }
  const std::string name = error_name(probed.task);
  epoch.metrics.emplace_back(name, result.score.error.mean);
  epoch.metrics.emplace_back(name + kErrorSuffix, result.score.error.standard_error);
  return epoch;
}

Json provenance_of(const ProbeNetwork& network, const RunEpoch& results) {
  Json json = {{"program", "margay " MARGAY_VERSION},
               {"kind", core::to_text(RunKind::kProbe)},
               {"data", core::to_json(network.options.batch.data)},
               {"weights", network.options.network.weights.string()},
               {"left_out_loss", results.train_loss}};
  json = with_pretrained(std::move(json), pretrained_record(network.options.arch, network.options.network.weights));
  if (Json edits = edits_record(network.loaders); !edits.is_null()) json["edits"] = std::move(edits);
  if (std::isfinite(results.valid_loss)) json["valid_loss"] = results.valid_loss;
  for (const auto& [name, value] : results.metrics) {
    if (std::isfinite(value)) json[name] = value;
  }
  return json;
}

std::string history_csv(const RunEpoch& epoch) {
  std::string header = "stage,epoch,train_loss,valid_loss";
  std::string line = fmt::format("{},{},{},{}", epoch.stage, epoch.epoch, epoch.train_loss, epoch.valid_loss);
  for (const auto& [name, value] : epoch.metrics) {
    header += "," + name;
    line += fmt::format(",{}", value);
  }
  return fmt::format("{},seconds\n{},{}\n", header, line, epoch.seconds);
}

double sum_of(const std::vector<TimedPart>& parts) {
  double sum = 0;
  for (const TimedPart& part : parts) sum += part.seconds;
  return sum;
}

/// A probe and the folder that it leaves.
class ProbeRun {
 public:
  ProbeRun(ProbeNetwork network, Observer& observer)
      : network_(std::move(network)),
        observer_(observer),
        folder_(network_.options.runs, network_.options.name),
        listing_(folder_.path().parent_path(), new_probe_run(network_, folder_),
                 [&observer](const std::string& problem) { observer.warned(problem); }) {}

  void run(const fs::path& cache_folder) {
    listing_.begin();
    try {
      record();
      Probed probed = probed_of(network_, fit_probe_network(network_, cache_folder, observer_));
      const std::optional<core::IoError> failure = write(probed);
      observer_.probed(probed);
      if (failure) throw core::IoError(*failure);
    } catch (const core::Interrupted& interrupted) {
      listing_.finish(RunStatus::kInterrupted, interrupted.what());
      throw;
    } catch (const std::exception& error) {
      listing_.finish(RunStatus::kFailed, error.what());
      throw;
    }
    listing_.finish(RunStatus::kDone);
  }

 private:
  void record() const {
    folder_.write_config(core::to_json(network_.options));
    data::save_table(datasets_of(network_.loaders), network_.options.batch.folder,
                     folder_.split(network_.loaders.task()));
  }

  /// The first file that could not be written; the results are worth telling all the same.
  std::optional<core::IoError> write(Probed& probed) {
    const auto begin = std::chrono::steady_clock::now();
    std::optional<core::IoError> failure;
    const auto attempt = [&](auto&& write_file) {
      try {
        write_file();
      } catch (const core::IoError& error) {
        if (!failure) failure = error;
      }
    };
    probed.folder = folder_.path();
    const RunEpoch results = results_of(probed, sum_of(probed.seconds));
    attempt([&] { save_model(probed, results); });
    attempt([&] { write_tables(probed, results); });
    attempt([&] { draw_hardest(probed); });
    probed.seconds.push_back(
        {"files", std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count()});
    attempt([&] { core::write_file_atomically(folder_.results(), to_json(probed).dump(2) + "\n"); });
    listing_.add(results);
    return failure;
  }

  /// The head has the temperature in it already, so 1 is left. It came from images that no one else judged.
  predict::Calibration calibration_of(const Probed& probed) const {
    const train::ProbeResult& result = probed.result;
    const bool is_balanced = network_.options.probe.balance != data::Balance::kNone;
    const std::string weighing = is_balanced ? ", each class as much as every other" : "";
    if (network_.options.probe.select == train::ProbeSelect::kValid) {
      const std::int64_t images = result.valid->predictions.size();
      return {.source = predict::CalibrationSource::kHeldOut,
              .images = images,
              .groups = result.valid->score.loss.groups,
              .data = "the validation set of the probe" + weighing};
    }
    return {.source = predict::CalibrationSource::kLeftOut,
            .images = result.images,
            .groups = result.groups,
            .data = "the training images of the probe, each left out with its group" + weighing};
  }

  void save_model(Probed& probed, const RunEpoch& results) {
    const data::Loaders& loaders = network_.loaders;
    const data::Dataset* valid = loaders.valid ? &loaders.valid->dataset() : nullptr;
    bundle::save_bundle(folder_.model(), {.classifier = network_.classifier,
                                          .vocabulary = loaders.vocabulary,
                                          .task = loaders.task(),
                                          .transforms = loaders.transforms(),
                                          .provenance = provenance_of(network_, results),
                                          .known_images = data::known_images(loaders.train.dataset(), valid,
                                                                             loaders.root, data::Unread::kRead),
                                          .calibration = calibration_of(probed)});
    probed.model = folder_.model();
  }

  void write_tables(Probed& probed, const RunEpoch& results) const {
    const data::Loaders& loaders = network_.loaders;
    const fs::path& root = network_.options.batch.folder;
    core::write_file_atomically(folder_.history(), history_csv(results));
    core::write_file_atomically(
        folder_.left_out(), predictions_csv(probed.result.left_out, loaders.train.dataset(), loaders.vocabulary, root));
    probed.left_out = folder_.left_out();
    if (!probed.result.valid) return;
    core::write_file_atomically(folder_.valid(), predictions_csv(probed.result.valid->predictions,
                                                                 loaders.valid->dataset(), loaders.vocabulary, root));
  }

  void draw_hardest(Probed& probed) {
    const data::Loader& loader = network_.loaders.train;
    const std::string warning =
        write_drawing(mistakes_sheet(probed.mistakes.hardest, loader.dataset(), loader.pipeline()), folder_.hardest());
    if (!warning.empty()) observer_.warned(warning);
    probed.sheet = folder_.hardest();
  }

  ProbeNetwork network_;
  Observer& observer_;
  RunFolder folder_;
  RunListing listing_;
};

}  // namespace

NoWeightsError::NoWeightsError(FromScratch what)
    : std::invalid_argument(fmt::format("[probe] needs pretrained `weights` of {}", what.arch)),
      what_(std::move(what)) {}

Outcome start_probe(const ProbeRunOptions& given, const fs::path& cache_folder, Observer& observer,
                    std::shared_ptr<collective::Group> group) {
  ProbeRunOptions options = given;
  check_probe_options(options);
  check_same_options(*group, core::to_json(options));
  if (options.network.weights.empty()) throw NoWeightsError(from_scratch(options.arch, cache_folder));
  if (group->rank() == 0) check_runs_folder(options.runs);
  options.network.weights = resolve_weights(options.network.weights, options.arch, cache_folder);
  ProbeNetwork network = load_probe_network(options, cache_folder, observer);
  network.group = std::move(group);
  if (network.group->rank() > 0) {
    fit_probe_network(network, cache_folder, observer);
    return Outcome::kDone;
  }
  observer.probe_started(start_of(network));
  ProbeRun(std::move(network), observer).run(cache_folder);
  return Outcome::kDone;
}

}  // namespace margay::run
