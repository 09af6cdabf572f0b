#include "margay/train/choose_network.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <stdexcept>

#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/quantity.h"
#include "margay/core/stopwatch.h"
#include "margay/model/architecture/architectures.h"
#include "margay/model/classifier.h"
#include "margay/model/torch_errors.h"
#include "margay/train/optim/optimizer.h"
#include "margay/train/task_loss.h"

namespace margay::train {
namespace {

constexpr std::int64_t kClasses = 10;
constexpr double kLr = 1e-4;  // so small that noise does not make the network diverge

/// A network with what it takes to train it.
class SpeedTrial {
 public:
  SpeedTrial(const std::string& architecture, std::int64_t image_px, const NetworkSpeedOptions& options)
      : classifier_(
            model::make_classifier({.architecture = architecture, .num_classes = kClasses, .image_px = image_px})),
        precision_(model::resolve_precision(options.precision, model::find_device(options.device))) {
    const torch::Device device = model::find_device(options.device);
    classifier_->to(device);
    optimizer_ = make_optimizer(classifier_->parameter_groups(), OptimizerOptions{});
    images_ =
        torch::randn({options.batch_size, 3, image_px, image_px}, device).contiguous(at::MemoryFormat::ChannelsLast);
    targets_ = torch::randint(kClasses, {options.batch_size}, torch::device(device).dtype(torch::kLong));
  }

  void train_step() {
    classifier_->train();
    optimizer_->zero_grad();
    const torch::Tensor loss = TaskLoss{}.mean(forward(), targets_);
    loss.backward();
    optimizer_->step({.lrs = std::vector<double>(optimizer_->num_groups(), kLr)});
    loss.item<float>();  // waits for the device
  }

  void predict() {
    const torch::NoGradGuard no_grad;
    classifier_->eval();
    forward().sum().item<float>();
  }

  model::Precision precision() const { return precision_; }

 private:
  torch::Tensor forward() {
    const model::Autocast autocast(classifier_->device(), precision_);
    return classifier_->forward(images_).to(torch::kFloat);
  }

  std::shared_ptr<model::Classifier> classifier_;
  model::Precision precision_;
  std::unique_ptr<Optimizer> optimizer_;
  torch::Tensor images_;
  torch::Tensor targets_;
};

/// How often it can be done a second.
double rate(double seconds, const std::function<void()>& work) {
  work();
  const core::Stopwatch watch;
  for (int times = 1;; ++times) {
    work();
    const double spent = watch.seconds();
    if (spent >= seconds) return times / spent;
  }
}

}  // namespace

NetworkSpeed measure_network_speed(const std::string& architecture, const NetworkSpeedOptions& options) {
  core::validate(options);
  const std::int64_t image_px = options.size.value_or(model::find_architecture(architecture).input_px);
  const auto batch = static_cast<double>(options.batch_size);
  return model::with_own_errors(model::kPredictWithLess, [&]() -> NetworkSpeed {
    SpeedTrial trial(architecture, image_px, options);
    return {.train_images_per_s = batch * rate(options.seconds, [&] { trial.train_step(); }),
            .inference_images_per_s = batch * rate(options.seconds, [&] { trial.predict(); }),
            .precision = trial.precision(),
            .image_px = image_px};
  });
}

const core::OptionTable& NetworkSpeedOptions::fields() {
  static const core::OptionTable table(
      "network_speed",
      {core::field<&NetworkSpeedOptions::batch_size>("batch_size", "images in a batch", {2, 1e5}),
       core::field<&NetworkSpeedOptions::size>("size", "side of the images; by default each network's own", {8, 4096}),
       core::field<&NetworkSpeedOptions::precision>("precision", "auto, fp32, bf16 or fp16"),
       core::field<&NetworkSpeedOptions::device>("device", "auto, cpu, cuda or cuda:N"),
       core::field<&NetworkSpeedOptions::seconds>(
           "seconds", "time for each of training and inference; at least one batch", {0, 3600})});
  return table;
}

namespace {

constexpr double kForwardShare = 1.0 / 3;  // of a training step's work
constexpr double kDoubt = 2;               // an estimate may be wrong by such a factor

bool is_more_accurate(const NetworkCandidate& a, const NetworkCandidate& b) {
  return a.error && b.error ? a.error->mean < b.error->mean : a.top1 > b.top1;
}

bool is_better(const NetworkCandidate& a, const NetworkCandidate& b) {
  if (is_more_accurate(a, b) || is_more_accurate(b, a)) return is_more_accurate(a, b);
  return a.images_per_s > b.images_per_s;
}

bool is_faster(const NetworkCandidate& a, const NetworkCandidate& b) { return a.images_per_s > b.images_per_s; }

/// The first in an order among those that `may`; nothing if there is none.
template <class Order, class May>
std::optional<std::size_t> first(const std::vector<NetworkCandidate>& candidates, Order order, May may) {
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (may(i) && (!found || order(candidates[i], candidates[*found]))) found = i;
  }
  return found;
}

/// The measured network of which the other is the least multiple, or the least part.
const NetworkCandidate& nearest_measured(const std::vector<NetworkCandidate>& candidates, double gigamacs) {
  const auto distance = [&](std::size_t i) { return std::abs(std::log(candidates[i].gigamacs / gigamacs)); };
  std::optional<std::size_t> nearest;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (candidates[i].is_measured && (!nearest || distance(i) < distance(*nearest))) nearest = i;
  }
  if (!nearest) throw std::invalid_argument("[estimate_speeds] no network has been measured");
  return candidates[*nearest];
}

bool has_probes(const std::vector<NetworkCandidate>& candidates) {
  return std::any_of(candidates.begin(), candidates.end(),
                     [](const NetworkCandidate& each) { return each.error.has_value(); });
}

/// The most accurate one that fits, besides `other`.
std::optional<std::size_t> pick(const std::vector<NetworkCandidate>& candidates, const TrainingDemand& demand,
                                std::optional<std::size_t> other = std::nullopt) {
  const bool is_by_probes = has_probes(candidates);
  return first(candidates, is_better, [&](std::size_t i) {
    return i != other && minutes_needed(candidates[i], demand) <= demand.minutes &&
           (!is_by_probes || candidates[i].error);
  });
}

[[noreturn]] void refuse(const NetworkCandidate& fastest, const TrainingDemand& demand) {
  throw std::invalid_argument(
      fmt::format("[choose_network] no network trains {} epochs of {} images in {:g} minutes: the fastest, {}, needs "
                  "about {}; give more minutes or fewer epochs",
                  demand.epochs, demand.train_images, demand.minutes, fastest.name,
                  core::duration_text(60 * minutes_needed(fastest, demand))));
}

}  // namespace

void estimate_speeds(std::vector<NetworkCandidate>& candidates) {
  for (NetworkCandidate& each : candidates) {
    if (each.is_measured) continue;
    const NetworkCandidate& known = nearest_measured(candidates, each.gigamacs);
    each.images_per_s = known.images_per_s * known.gigamacs / each.gigamacs;
  }
}

double minutes_needed(const NetworkCandidate& network, const TrainingDemand& demand) {
  const double images =
      static_cast<double>(demand.train_images) + kForwardShare * static_cast<double>(demand.valid_images);
  return static_cast<double>(demand.epochs) * images / network.images_per_s / 60;
}

NetworkChoice choose_network(const std::vector<NetworkCandidate>& candidates, const TrainingDemand& demand) {
  if (candidates.empty()) throw std::invalid_argument("[choose_network] there is no network to choose from");
  const auto fits = [&](std::size_t i) { return minutes_needed(candidates[i], demand) <= demand.minutes; };
  const std::optional<std::size_t> picked = pick(candidates, demand);
  if (!picked) refuse(candidates[*first(candidates, is_faster, [](std::size_t) { return true; })], demand);
  return {.picked = *picked,
          .runner_up = pick(candidates, demand, picked),
          .too_slow = first(candidates, is_faster, [&](std::size_t i) {
            return !fits(i) && is_more_accurate(candidates[i], candidates[*picked]);
          })};
}

std::optional<std::size_t> next_to_measure(const std::vector<NetworkCandidate>& candidates,
                                           const TrainingDemand& demand) {
  const std::optional<std::size_t> picked = pick(candidates, demand);
  if (picked && !candidates[*picked].is_measured) return picked;
  return first(candidates, is_faster, [&](std::size_t i) {
    return !candidates[i].is_measured && (!picked || is_more_accurate(candidates[i], candidates[*picked])) &&
           minutes_needed(candidates[i], demand) <= kDoubt * demand.minutes;
  });
}

}  // namespace margay::train
