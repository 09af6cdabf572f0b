#include "margay/run/probe_network.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/model/torch_errors.h"
#include "margay/model/weights/pretrained.h"

namespace margay::run {
namespace {

using ProbeClock = std::chrono::steady_clock;

double seconds_since(ProbeClock::time_point begin) {
  return std::chrono::duration<double>(ProbeClock::now() - begin).count();
}

std::shared_ptr<model::Classifier> load_classifier(const ProbeRunOptions& options, const data::Loaders& loaders,
                                                   const model::PretrainedFile& weights, Observer& observer) {
  auto classifier =
      model::make_classifier({.architecture = options.arch,
                              .num_classes = loaders.vocabulary.size(),
                              .image_px = loaders.transforms().augment.size,
                              .arithmetic = options.network.arithmetic.value_or(model::Arithmetic::kUsual),
                              .head = {.kind = model::HeadKind::kLinear, .dropout = {0}}});
  const model::LoadedWeights loaded = model::load_pretrained(*classifier, weights, model::HeadWeights::kNever);
  if (!loaded.warning.empty()) observer.warned(loaded.warning);
  classifier->to(model::find_device(options.network.device));
  return classifier;
}

/// Tells the observer of images as they are done, and stops where it wants a stop.
class FeatureProgress {
 public:
  FeatureProgress(std::string task, std::size_t total, Observer& observer)
      : task_(std::move(task)), total_(static_cast<std::int64_t>(total)), observer_(observer) {}
  ~FeatureProgress() { observer_.progress_ended(); }
  FeatureProgress(const FeatureProgress&) = delete;
  FeatureProgress& operator=(const FeatureProgress&) = delete;

  void add(std::size_t images) {
    if (observer_.is_stop_wanted()) throw core::Interrupted("stopped while computing features");
    done_ = std::min(total_, done_ + static_cast<std::int64_t>(images));
    const double rate = static_cast<double>(done_) / std::max(seconds_since(begin_), 1e-3);
    observer_.progressed(task_, done_, total_, fmt::format("{:.1f} images/s", rate));
  }

 private:
  std::string task_;
  std::int64_t total_;
  Observer& observer_;
  std::int64_t done_ = 0;
  ProbeClock::time_point begin_ = ProbeClock::now();
};

std::size_t image_count(const std::optional<data::Loader>& loader) { return loader ? loader->dataset().size() : 0; }

train::ProbeOptions options_for(const ProbeNetwork& network, const std::filesystem::path& cache_folder) {
  train::ProbeOptions options = network.options.probe;
  options.features.precision = network.precision();
  options.features.group = network.group;
  if (!network.options.keep_features) return options;
  const std::filesystem::path& given = network.options.batch.loader.cache_folder;
  options.features.cache_folder = given.empty() ? cache_folder : given;
  return options;
}

void warn_of_features(const predict::Features& features, Observer& observer) {
  for (const std::string& warning : features.warnings) observer.warned(warning);
  for (const data::SkippedImage& image : features.skipped) observer.warned("left out " + image.problem);
}

/// train::probe with groups that are there already.
train::Probe probe_with_groups(ProbeNetwork& network, const train::ProbeOptions& options,
                               const predict::ImageGroups& groups, const predict::ImageCounter& count) {
  const data::Loaders& loaders = network.loaders;
  train::Probe probe;
  probe.train = predict::collect_features(*network.classifier, loaders.train, options.features, count);
  if (probe.train.size() != groups.of_image.size(0)) {
    throw core::DataError(network.options.batch.folder,
                          "other images could be read with one network than with another; compare again");
  }
  if (loaders.valid) {
    probe.valid = predict::collect_features(*network.classifier, *loaders.valid, options.features, count);
  }
  probe.train_groups = groups;
  probe.result = train::fit_probe(probe, loaders, options);
  return probe;
}

std::int64_t computed(const predict::Features& features) { return features.size() - features.from_cache; }

double speed_of_features(const train::Probe& probe) {
  const auto images = static_cast<double>(computed(probe.train) + (probe.valid ? computed(*probe.valid) : 0));
  const double seconds = probe.train.seconds + (probe.valid ? probe.valid->seconds : 0);
  return images > 0 && seconds > 0 ? images / seconds : 0;
}

}  // namespace

model::Precision ProbeNetwork::precision() const {
  return model::resolve_precision(options.network.precision, classifier->device());
}

ProbeNetwork load_probe_network(const ProbeRunOptions& options, const std::filesystem::path& cache_folder,
                                Observer& observer, const LoadersMaker& make) {
  std::vector<TimedPart> seconds;
  auto begin = ProbeClock::now();
  ProbeRunOptions used = options;
  used.network.weights = model::existing_weights(used.network.weights, model::find_architecture(used.arch));
  const std::optional<model::PretrainedFile> weights = follow_weights(
      used.batch, {used.network.weights, used.network.weights_sha256}, used.network.arithmetic, used.arch, observer);
  used.batch.loader.seed = used.probe.seed;
  fit_presizing(used.batch.transforms);
  data::Loaders loaders = make(used.batch, cache_folder);
  for (const std::string& warning : loaders.warnings) observer.warned(warning);
  seconds.push_back({"labels", seconds_since(begin)});
  begin = ProbeClock::now();
  auto classifier =
      model::with_own_errors(model::kFreeMemory, [&] { return load_classifier(used, loaders, *weights, observer); });
  seconds.push_back({"weights", seconds_since(begin)});
  ProbeNetwork network{.options = std::move(used),
                       .loaders = std::move(loaders),
                       .classifier = std::move(classifier),
                       .seconds = std::move(seconds)};
  network.precision();  // refuses one that is not available before anything is computed
  return network;
}

predict::Features collect_probe_features(ProbeNetwork& network, const std::filesystem::path& cache_folder,
                                         Observer& observer) {
  const data::Loader& loader = network.loaders.train;
  predict::FeatureOptions options = options_for(network, cache_folder).features;
  FeatureProgress progress(network.options.arch, loader.dataset().size(), observer);
  predict::Features features = predict::collect_features(*network.classifier, loader, options,
                                                         [&](std::size_t images) { progress.add(images); });
  warn_of_features(features, observer);
  return features;
}

FittedProbe fit_probe_network(ProbeNetwork& network, const std::filesystem::path& cache_folder, Observer& observer,
                              const predict::ImageGroups* groups) {
  const auto begin = ProbeClock::now();
  const data::Loaders& loaders = network.loaders;
  const train::ProbeOptions options = options_for(network, cache_folder);
  FittedProbe fitted;
  {
    FeatureProgress progress(network.options.arch, loaders.train.dataset().size() + image_count(loaders.valid),
                             observer);
    const auto count = [&](std::size_t images) { progress.add(images); };
    fitted.probe = groups == nullptr ? train::probe(loaders, *network.classifier, options, count)
                                     : probe_with_groups(network, options, *groups, count);
  }
  const train::Probe& probe = fitted.probe;
  warn_of_features(probe.train, observer);
  if (probe.valid) warn_of_features(*probe.valid, observer);
  if (!probe.train_groups.note.empty() && groups == nullptr) observer.warned(probe.train_groups.note);
  fitted.images_per_s = speed_of_features(probe);
  const double features = probe.train.seconds + (probe.valid ? probe.valid->seconds : 0);
  fitted.seconds = {{"features", features}, {"fit", seconds_since(begin) - features}};
  return fitted;
}

std::string grouping_text(const predict::ImageGroups& groups, const DataOptions& data) {
  if (groups.largest < 2) return "";
  if (groups.kind == predict::Grouping::kNearCopies) return "near copies";
  return data.group_column.empty() ? "groups of `group_regex`"
                                   : fmt::format("groups of column '{}'", data.group_column);
}

}  // namespace margay::run
