#include "margay/train/distillation.h"

#include <stdexcept>

#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/bundle/bundle.h"
#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/loss/cross_entropy.h"

namespace margay::train {
namespace {

constexpr std::int64_t kDistillationNamed = 5;

std::string first_names(const data::Vocabulary& classes) {
  std::vector<std::string> names = classes.names();
  if (classes.size() > kDistillationNamed) names.resize(kDistillationNamed);
  return fmt::format("{}{}", core::joined(names, ", "), classes.size() > kDistillationNamed ? ", …" : "");
}

/// Class k must mean the same to both.
void check_classes(const data::Vocabulary& teacher, const data::Vocabulary& student,
                   const std::filesystem::path& path) {
  if (teacher == student) return;
  if (teacher.size() != student.size()) {
    throw core::DataError(path, fmt::format("the teacher knows {} classes ({}), the data has {} ({})", teacher.size(),
                                            first_names(teacher), student.size(), first_names(student)));
  }
  std::int64_t k = 0;
  while (teacher.name(k) == student.name(k)) ++k;
  throw core::DataError(path, fmt::format("the teacher's class {} is '{}', the data's is '{}'; both must have the same "
                                          "classes in the same order",
                                          k, teacher.name(k), student.name(k)));
}

bundle::Bundle load_teacher(const std::filesystem::path& path, const data::Loaders& loaders) {
  if (loaders.task() != data::Task::kSingleLabel) {
    throw std::invalid_argument("[distillation] is for one class per image; this task is multi-label");
  }
  bundle::Bundle teacher = bundle::load_bundle(path);
  if (teacher.task != data::Task::kSingleLabel) {
    throw core::DataError(path, "the teacher predicts several labels, the data has one class per image");
  }
  check_classes(teacher.vocabulary, loaders.vocabulary, path);
  return teacher;
}

torch::Tensor per_channel(const std::array<double, 3>& values, torch::Device device) {
  return torch::tensor({values[0], values[1], values[2]}, torch::kDouble).view({1, 3, 1, 1}).to(device);
}

}  // namespace

torch::Tensor distillation_divergence(const torch::Tensor& student, const torch::Tensor& teacher, double temperature) {
  const torch::Tensor log_p = torch::log_softmax(teacher.detach().to(torch::kFloat) / temperature, 1);
  const torch::Tensor p = log_p.exp();
  const torch::Tensor entropy = torch::xlogy(p, p).sum(1).mean().neg();
  return loss::cross_entropy(student, p, {.temperature = temperature}) - entropy;
}

Distillation::Distillation(const DistillationOptions& options, const data::Loaders& loaders, torch::Device device,
                           model::Precision precision, TrainingLoss base)
    : options_(options), device_(device), precision_(precision), base_(std::move(base)) {
  core::validate(options_);
  if (!base_) throw std::invalid_argument("[distillation] the loss of the labels is empty");
  const bundle::Bundle teacher = load_teacher(options_.teacher, loaders);
  teacher_ = teacher.classifier;
  teacher_->to(device_);
  teacher_->eval();
  for (torch::Tensor& parameter : teacher_->parameters()) parameter.requires_grad_(false);
  const data::Normalization& ours = loaders.transforms().normalization;
  const data::Normalization& theirs = teacher.transforms.normalization;
  const torch::Tensor std = per_channel(theirs.std, device_);
  scale_ = (per_channel(ours.std, device_) / std).to(torch::kFloat);
  shift_ = ((per_channel(ours.mean, device_) - per_channel(theirs.mean, device_)) / std).to(torch::kFloat);
}

torch::Tensor Distillation::teacher_logits(const torch::Tensor& images) const {
  const torch::NoGradGuard no_grad;
  const model::Autocast autocast(device_, precision_);
  return teacher_->forward(images * scale_ + shift_).to(torch::kFloat);
}

torch::Tensor Distillation::operator()(const torch::Tensor& logits, const data::Batch& batch) const {
  const double alpha = options_.distill_alpha;
  const double temperature = options_.distill_temperature;
  const torch::Tensor divergence = distillation_divergence(logits, teacher_logits(batch.images), temperature);
  return alpha * temperature * temperature * divergence + (1 - alpha) * base_(logits, batch);
}

const core::OptionTable& DistillationOptions::fields() {
  using O = DistillationOptions;
  static const core::OptionTable table(
      "distillation", {core::field<&O::teacher>(
                           "teacher", "a bundle (NAME.margay) with the same classes, whose predictions are learnt too"),
                       core::field<&O::distill_temperature>(
                           "distill_temperature",
                           "divides the logits of both, which shows the teacher's probabilities of the other classes",
                           {0.01, 1000}, {core::needs({"teacher"})}),
                       core::field<&O::distill_alpha>(
                           "distill_alpha", "share of the teacher in the loss; the rest is that of the labels", {0, 1},
                           {core::needs({"teacher"})})});
  return table;
}

}  // namespace margay::train
