#include "margay/train/network_speed.h"

#include <chrono>
#include <functional>
#include <memory>

#include <torch/types.h>
#include <torch/utils.h>

#include "margay/model/architecture/architectures.h"
#include "margay/model/classifier.h"
#include "margay/train/device.h"
#include "margay/train/optim/make_optimizer.h"
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
        precision_(model::resolve_precision(options.precision, find_device(options.device))) {
    const torch::Device device = find_device(options.device);
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
  using Clock = std::chrono::steady_clock;
  work();
  const auto begin = Clock::now();
  for (int times = 1;; ++times) {
    work();
    const double spent = std::chrono::duration<double>(Clock::now() - begin).count();
    if (spent >= seconds) return times / spent;
  }
}

}  // namespace

NetworkSpeed measure_network_speed(const std::string& architecture, const NetworkSpeedOptions& options) {
  core::validate(options);
  const std::int64_t image_px = options.size.value_or(model::find_architecture(architecture).input_px);
  SpeedTrial trial(architecture, image_px, options);
  const auto batch = static_cast<double>(options.batch_size);
  return {.train_images_per_s = batch * rate(options.seconds, [&] { trial.train_step(); }),
          .inference_images_per_s = batch * rate(options.seconds, [&] { trial.predict(); }),
          .precision = trial.precision(),
          .image_px = image_px};
}

const core::OptionTable& NetworkSpeedOptions::fields() {
  static const core::OptionTable table(
      "network_speed",
      {core::field<&NetworkSpeedOptions::batch_size>("batch_size", "images in a batch", {2, 1e5}),
       core::field<&NetworkSpeedOptions::size>("size", "side of the images, each network's own unless given",
                                               {8, 4096}),
       core::field<&NetworkSpeedOptions::precision>("precision", "auto, fp32, bf16 or fp16"),
       core::field<&NetworkSpeedOptions::device>("device", "auto, cpu, cuda or cuda:N"),
       core::field<&NetworkSpeedOptions::seconds>(
           "seconds", "so long for each of training and inference, and at least one batch", {0, 3600})});
  return table;
}

}  // namespace margay::train
