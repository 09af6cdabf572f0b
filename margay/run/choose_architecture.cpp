#include "margay/run/choose_architecture.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/core/counted.h"
#include "margay/core/error.h"
#include "margay/core/quantity.h"
#include "margay/core/text.h"
#include "margay/model/architecture/architectures.h"
#include "margay/model/weights/pretrained.h"
#include "margay/run/probe_comparison.h"
#include "margay/run/speed_records.h"

namespace margay::run {

namespace fs = std::filesystem;

namespace {

using model::Architecture;
using train::NetworkCandidate;

constexpr double kMeasureSeconds = 0.5;
constexpr double kTypicalPx = 224;
constexpr double kCpuBatch = 16;  // of typical images: on a CPU more are hardly faster, but take longer to measure

/// Where the weights of several networks lie; "": train without.
fs::path folder_of(const fs::path& weights, const fs::path& cache_folder) {
  if (weights.empty()) return {};
  const fs::path folder = weights == model::kCachedWeights ? cache_folder / "weights" : weights;
  if (fs::is_directory(folder)) return folder;
  if (!fs::exists(folder)) {
    throw core::DataError(folder,
                          "is no folder with weights of several networks, which `arch` auto chooses among; "
                          "`fetch NAME to FOLDER` makes one, and `architectures` lists the names");
  }
  throw std::invalid_argument(
      fmt::format("[train] `arch` auto takes a folder with weights of several networks, NAME.safetensors and so on, "
                  "for `weights`, not {}; for a single file give its network with `arch`",
                  core::shown_path(folder)));
}

std::vector<const Architecture*> all_networks() {
  std::vector<const Architecture*> networks;
  for (const Architecture& each : model::architectures()) networks.push_back(&each);
  return networks;
}

/// The networks that may be chosen, the one with the fewest multiply-adds first. Without weights, which probes could
/// rank, those without a published accuracy only where there are no others.
std::vector<const Architecture*> networks_for(const fs::path& folder) {
  std::vector<const Architecture*> networks = folder.empty() ? all_networks() : model::networks_with_weights(folder);
  const auto has_accuracy = [](const Architecture* each) { return each->top1 > 0; };
  const bool is_by_accuracy = folder.empty() && std::any_of(networks.begin(), networks.end(), has_accuracy);
  if (is_by_accuracy) std::erase_if(networks, std::not_fn(has_accuracy));
  std::stable_sort(networks.begin(), networks.end(),
                   [](const Architecture* a, const Architecture* b) { return a->gigamacs < b->gigamacs; });
  return networks;
}

void check_same_networks(collective::Group& group, const std::vector<const Architecture*>& networks) {
  std::string names;
  for (const Architecture* each : networks) names += (names.empty() ? "" : ", ") + each->name;
  collective::check_same(group, {{"the networks whose weights are there", names}});
}

train::TrainingDemand demand_of(const TrainOptions& options, const fs::path& cache_folder) {
  const data::Loaders loaders = make_loaders(options.batch, cache_folder);
  train::TrainingDemand demand{.train_images = static_cast<std::int64_t>(loaders.train.dataset().size()),
                               .epochs = 0,
                               .minutes = options.minutes.value_or(0)};
  if (loaders.valid) demand.valid_images = static_cast<std::int64_t>(loaders.valid->dataset().size());
  for (const train::Stage& stage : recipe_of(options)) demand.epochs += stage.epochs;
  return demand;
}

bool has_measured(const std::vector<NetworkCandidate>& networks) {
  return std::any_of(networks.begin(), networks.end(), [](const NetworkCandidate& each) { return each.is_measured; });
}

/// Measures networks with the precision, device and image size of the run to come.
class SpeedProbe {
 public:
  SpeedProbe(const TrainOptions& options, Observer& observer, collective::Group& group)
      : observer_(observer),
        group_(group),
        speed_{.batch_size = options.batch.loader.batch_size / group.size(),
               .size = options.batch.transforms.augment.size,
               .precision = options.vision_learner.learner.precision,
               .device = options.vision_learner.learner.device,
               .seconds = kMeasureSeconds} {
    if (model::find_device(speed_.device).is_cpu()) speed_.batch_size = std::min(speed_.batch_size, cpu_batch());
    speed_.batch_size = std::max<std::int64_t>(speed_.batch_size, 2);
  }

  /// Measures one of them, and estimates the others anew. What cannot be trained so is left out.
  void measure(std::vector<NetworkCandidate>& networks, std::size_t which) {
    const std::string name = networks[which].name;
    observer_.progressed("arch auto", measured_++, static_cast<std::int64_t>(networks.size()), name);
    const std::optional<train::NetworkSpeed> speed = speed_or_warn(name, speed_, observer_);
    observer_.progress_ended();
    const double images_per_s = group_.size() * slowest(speed ? speed->train_images_per_s : 0);
    if (images_per_s > 0) {
      networks[which].images_per_s = images_per_s;
      networks[which].is_measured = true;
    } else {
      networks.erase(networks.begin() + static_cast<std::ptrdiff_t>(which));
    }
    if (has_measured(networks)) train::estimate_speeds(networks);
  }

 private:
  /// Each waits for the slowest in every step. 0 where one of them cannot train the network.
  double slowest(double mine) const {
    double negative = -mine;
    group_.maximum({&negative, 1});
    return -negative;
  }

  /// As many images as have the pixels of kCpuBatch typical ones.
  std::int64_t cpu_batch() const {
    const double share = kTypicalPx / static_cast<double>(*speed_.size);
    return std::llround(kCpuBatch * share * share);
  }

  Observer& observer_;
  collective::Group& group_;
  train::NetworkSpeedOptions speed_;
  std::int64_t measured_ = 0;
};

/// Multiply-adds an image at one size for all; they grow with its area.
double comparable_macs(const Architecture& network) {
  const double share = kTypicalPx / network.input_px;
  return network.gigamacs * share * share;
}

std::vector<NetworkCandidate> candidates_of(const std::vector<const Architecture*>& networks) {
  std::vector<NetworkCandidate> candidates;
  for (const Architecture* each : networks) {
    candidates.push_back({.name = each->name, .top1 = each->top1, .gigamacs = comparable_macs(*each)});
  }
  return candidates;
}

/// A small and a middling network, from which the others can be estimated.
void measure_two(std::vector<NetworkCandidate>& candidates, SpeedProbe& probe) {
  while (!candidates.empty() && !has_measured(candidates)) probe.measure(candidates, 0);
  const std::size_t middle = candidates.size() / 2;
  if (middle > 0 && !candidates[middle].is_measured) probe.measure(candidates, middle);
}

/// The probes may take this share of the time; the training gets what is left.
constexpr double kShareForProbes = 0.25;

ProbeRunOptions probe_of(const TrainOptions& options, const NetworkCandidate& candidate, const fs::path& folder) {
  ProbeRunOptions probe;
  probe.arch = candidate.name;
  probe.batch = options.batch;
  probe.batch.loader.balance = data::Balance::kNone;
  probe.batch.loader.mix = {};
  probe.network = {.weights = model::find_weights(folder, model::find_architecture(candidate.name)),
                   .weights_sha256 = "",
                   .arithmetic = options.vision_learner.arithmetic,
                   .precision = options.vision_learner.learner.precision,
                   .device = options.vision_learner.learner.device};
  probe.probe.balance = options.batch.loader.balance;
  probe.probe.seed = options.vision_learner.seed;
  probe.probe.learning_curve = false;
  return probe;
}

/// Those whose epochs fit into the time, the most accurate as published first.
std::vector<std::size_t> worth_probing(const std::vector<NetworkCandidate>& candidates,
                                       const train::TrainingDemand& demand) {
  std::vector<std::size_t> which;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (train::minutes_needed(candidates[i], demand) <= demand.minutes) which.push_back(i);
  }
  std::stable_sort(which.begin(), which.end(),
                   [&](std::size_t a, std::size_t b) { return candidates[a].top1 > candidates[b].top1; });
  return which;
}

/// Forward alone is a third of a training step.
double minutes_of_probe(const NetworkCandidate& candidate, const train::TrainingDemand& demand) {
  return train::minutes_needed(candidate, {.train_images = demand.train_images, .epochs = 1}) / 3;
}

/// Probes the networks on the images as long as their share of the time lasts, and takes that time from the training's.
/// What cannot be probed is left out with a warning; what there is no time to probe is named.
void rank_by_probes(std::vector<NetworkCandidate>& candidates, train::TrainingDemand& demand,
                    const TrainOptions& options, const fs::path& folder, const fs::path& cache_folder,
                    Observer& observer, const std::shared_ptr<collective::Group>& group) {
  const std::vector<std::size_t> which = worth_probing(candidates, demand);
  if (which.size() < 2) return;
  const auto begin = std::chrono::steady_clock::now();
  const auto spent = [&] {
    const double mine = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() / 60;
    return collective::from_first(*group, mine);  // all decide by one clock
  };
  std::vector<std::string> no_time;
  for (const std::size_t i : which) {
    NetworkCandidate& each = candidates[i];
    if (spent() + minutes_of_probe(each, demand) > kShareForProbes * demand.minutes) {
      no_time.push_back(each.name);
      continue;
    }
    const ComparedNetwork probed = probe_network(probe_of(options, each, folder), cache_folder, observer, group);
    if (probed.problem.empty()) {
      each.error = probed.score.error;
    } else {
      observer.warned(fmt::format("`arch` auto leaves {} out: {}", each.name, probed.problem));
    }
  }
  demand.minutes -= spent();
  if (no_time.empty()) return;
  observer.warned(fmt::format("`arch` auto has no time to probe {}: probes get a quarter of `minutes`",
                              core::joined(no_time, ", ")));
}

/// The choice, of a network whose speed has been measured.
train::NetworkChoice measured_choice(std::vector<NetworkCandidate>& candidates, const train::TrainingDemand& demand,
                                     SpeedProbe& probe) {
  train::NetworkChoice choice = train::choose_network(candidates, demand);
  while (!candidates[choice.picked].is_measured) {
    probe.measure(candidates, choice.picked);
    choice = train::choose_network(candidates, demand);
  }
  return choice;
}

std::string accuracy_text(const NetworkCandidate& network) {
  if (network.error)
    return fmt::format("probe's error {:.4f} ± {:.4f}", network.error->mean, network.error->standard_error);
  return network.top1 > 0 ? fmt::format("{:.1f} % on ImageNet", network.top1) : "no published accuracy";
}

}  // namespace

std::string choice_text(const std::vector<NetworkCandidate>& candidates, const train::TrainingDemand& demand,
                        const train::NetworkChoice& choice) {
  const auto about = [&](std::size_t i) {
    return fmt::format("{} ({}) about {}{}", candidates[i].name, accuracy_text(candidates[i]),
                       core::duration_text(60 * train::minutes_needed(candidates[i], demand)),
                       candidates[i].is_measured ? "" : ", not measured");
  };
  std::string text = fmt::format("arch auto: {} of the {} for {} at {:.1f} images/s", about(choice.picked),
                                 core::duration_text(60 * demand.minutes), core::counted(demand.epochs, "epoch"),
                                 candidates[choice.picked].images_per_s);
  text += choice.runner_up ? fmt::format("; next: {}", about(*choice.runner_up)) : "; no other fits";
  if (choice.too_slow) text += fmt::format("; too slow: {}", about(*choice.too_slow));
  return text;
}

void choose_architecture(TrainOptions& options, const fs::path& cache_folder, Observer& observer,
                         const std::shared_ptr<collective::Group>& group) {
  const fs::path folder = folder_of(options.vision_learner.weights, cache_folder);
  const std::vector<const Architecture*> networks = networks_for(folder);
  check_same_networks(*group, networks);
  train::TrainingDemand demand = demand_of(options, cache_folder);
  SpeedProbe probe(options, observer, *group);
  std::vector<NetworkCandidate> candidates = candidates_of(networks);
  measure_two(candidates, probe);
  while (const auto next = train::next_to_measure(candidates, demand)) probe.measure(candidates, *next);
  if (!folder.empty()) rank_by_probes(candidates, demand, options, folder, cache_folder, observer, group);
  const train::NetworkChoice choice = measured_choice(candidates, demand, probe);
  observer.chose_architecture(choice_text(candidates, demand, choice));
  options.arch = candidates[choice.picked].name;
  if (folder.empty()) return;
  options.minutes = demand.minutes;
  options.vision_learner.weights = model::find_weights(folder, model::find_architecture(options.arch));
}

}  // namespace margay::run
