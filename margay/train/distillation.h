#pragma once

#include <filesystem>
#include <memory>

#include "margay/core/options.h"
#include "margay/data/data_block.h"
#include "margay/model/classifier.h"
#include "margay/model/precision.h"
#include "margay/train/task_loss.h"

namespace margay::train {

struct DistillationOptions {
  std::filesystem::path teacher;
  double distill_temperature = 4;
  double distill_alpha = 0.9;

  static const core::OptionTable& fields();
};

/// Knowledge distillation: the loss of a student that learns from labels and from a teacher's predictions for the same
/// images, with pᵀ = softmax(z / T),
///
///     loss = α T² KL(pᵀ of the teacher || pᵀ of the student) + (1 - α) base
///
/// T² keeps the proportion of the two gradients for every T. Source: Hinton, Vinyals, Dean, "Distilling the Knowledge
/// in a Neural Network", arXiv:1503.02531. The teacher sees the same augmented and mixed images as the student (Beyer
/// et al., "Knowledge distillation: a good teacher is patient and consistent", arXiv:2106.05237), in the student's
/// size, but normalised as in its own training.
///
/// A function object, a TrainingLoss; copies share the teacher.
class Distillation {
 public:
  /// loaders: the student's data; device and precision (not kAuto) are the student's; base: the loss of the labels.
  /// Throws core::DataError and core::FormatError for a bundle that is missing or broken, core::DataError for one with
  /// other classes or another order of them, std::invalid_argument for options out of range, an empty base and a
  /// multi-label task.
  Distillation(const DistillationOptions& options, const data::Loaders& loaders, torch::Device device,
               model::Precision precision, TrainingLoss base);

  /// logits: float [N,K]; batch: theirs, on the device. Result: a scalar; the gradient goes to the logits alone.
  torch::Tensor operator()(const torch::Tensor& logits, const data::Batch& batch) const;

  /// The teacher's logits, float [N,K], for images normalised as the student's. In eval mode and without a gradient.
  torch::Tensor teacher_logits(const torch::Tensor& images) const;

 private:
  DistillationOptions options_;
  std::shared_ptr<model::Classifier> teacher_;
  torch::Device device_;
  model::Precision precision_;
  TrainingLoss base_;
  torch::Tensor scale_;  ///< float [1,3,1,1]: images · scale + shift are normalised for the teacher
  torch::Tensor shift_;
};

/// The mean over the rows of KL(softmax(teacher / T) || softmax(student / T)) = Σ_k pᵗ_k (log pᵗ_k - log pˢ_k).
/// student, teacher: floating [N,K]; the teacher's is a constant. temperature: positive. Result: a scalar.
torch::Tensor distillation_divergence(const torch::Tensor& student, const torch::Tensor& teacher, double temperature);

}  // namespace margay::train
