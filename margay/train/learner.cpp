#include "margay/train/learner.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "margay/bundle/bundle.h"
#include "margay/train/optim/make_optimizer.h"

namespace margay::train {

Learner::Learner(data::Loaders loaders, std::shared_ptr<model::Classifier> classifier, const LearnerOptions& options)
    : given_(std::move(loaders)),
      loaders_(given_),
      classifier_(std::move(classifier)),
      device_(find_device(options.device)),
      precision_(model::resolve_precision(options.precision, device_)),
      accumulate_(options.accumulate),
      loss_{.task = loaders_.task(), .options = options.loss},
      training_loss_(training_loss(loss_)),
      validation_loss_(training_loss({.task = loaders_.task()})) {
  core::validate(options);
  loss_.check(loaders_.train.options().mix.method);
  if (classifier_->num_classes() != loaders_.vocabulary.size()) {
    throw std::invalid_argument(fmt::format("[Learner] the classifier has {} classes, the data {}",
                                            classifier_->num_classes(), loaders_.vocabulary.size()));
  }
  if (loaders_.train.dataset().size() < 2) {
    throw std::invalid_argument("[Learner] training needs two pictures at least, for its batch norms");
  }
  if (loaders_.train.options().batch_size < 2) {
    throw std::invalid_argument("[Learner] batch_size must be 2 at least, for its batch norms");
  }
  classifier_->to(device_);
  if (options.checkpoint_activations) {
    classifier_->set_gradient_checkpointing(model::GradientCheckpointing::kOn);
  }
  copy_ = batch_copy(device_);
  optimizer_ = make_optimizer(classifier_->parameter_groups(), options.optimizer);
  if (precision_ == model::Precision::kFp16) scaler_.emplace();
}

void Learner::set_class_weights(std::vector<double> weights) {
  const auto count = static_cast<std::int64_t>(weights.size());
  if (count != 0 && count != classifier_->num_classes()) {
    throw std::invalid_argument(
        fmt::format("[set_class_weights] {} weights for {} classes", count, classifier_->num_classes()));
  }
  if (is_loss_replaced_) {
    throw std::invalid_argument("[set_class_weights] the training loss was replaced; weigh the classes there");
  }
  TaskLoss weighted = loss_;
  weighted.class_weights = std::move(weights);
  weighted.check();
  loss_ = std::move(weighted);
  training_loss_ = training_loss(loss_);
}

void Learner::set_lr_factor(double factor) {
  if (!(factor > 0)) throw std::invalid_argument(fmt::format("[set_lr_factor] must be positive, got {}", factor));
  standing_.lr_factor = factor;
}

void Learner::resume_at(Standing standing) {
  standing_ = std::move(standing);
  is_resuming_ = true;
  drop_gradients();
  if (standing_.first_trained_group) freeze_to(*standing_.first_trained_group);
}

void Learner::drop_gradients() {
  optimizer_->zero_grad();
  pending_pictures_ = 0;
}

void Learner::add_callback(std::shared_ptr<Callback> callback) {
  const std::string name = callback->state_name();
  const auto has_name = [&](const std::shared_ptr<Callback>& other) { return other->state_name() == name; };
  if (!name.empty() && std::any_of(callbacks_.begin(), callbacks_.end(), has_name)) {
    throw std::invalid_argument(fmt::format("[add_callback] there is already a callback whose state is '{}'", name));
  }
  callbacks_.push_back(std::move(callback));
}

void Learner::freeze() { freeze_to(-1); }
void Learner::unfreeze() { freeze_to(0); }
void Learner::freeze_to(int group) {
  const int first = group < 0 ? static_cast<int>(num_groups()) + group : group;
  classifier_->freeze_to(first);
  standing_.first_trained_group = first;
}

void Learner::announce(void (Callback::*event)(Learner&, const Progress&)) {
  for (const auto& callback : callbacks_) ((*callback).*event)(*this, at_);
}

torch::Tensor Learner::forward(const data::Batch& batch) {
  const model::Autocast autocast(device_, precision_);
  return classifier_->forward(batch.images).to(torch::kFloat);
}

void Learner::note_skipped(std::span<const data::SkippedPicture> skipped) {
  std::vector<data::SkippedPicture>& all = standing_.skipped;
  for (const data::SkippedPicture& picture : skipped) {
    const auto is_same = [&](const data::SkippedPicture& other) { return other.problem == picture.problem; };
    if (std::none_of(all.begin(), all.end(), is_same)) all.push_back(picture);
  }
}

void Learner::save(const std::filesystem::path& path, const nlohmann::ordered_json& provenance) {
  bundle::save_bundle(path, {.classifier = classifier_,
                             .vocabulary = loaders_.vocabulary,
                             .task = loaders_.task(),
                             .recipe = loaders_.recipe(),
                             .provenance = provenance});
}

const core::OptionTable& LearnerOptions::fields() {
  static const core::OptionTable table(
      "learner",
      {core::field<&LearnerOptions::optimizer>("optimizer", "how gradients change weights"),
       core::field<&LearnerOptions::loss>("loss", "what training minimises"),
       core::field<&LearnerOptions::precision>(
           "precision", "auto, fp32, bf16 or fp16; auto is bf16 where the processor computes it"),
       core::field<&LearnerOptions::device>("device", "auto, cpu, cuda or cuda:N; auto is cuda where there is one"),
       core::field<&LearnerOptions::accumulate>(
           "accumulate", "batches whose gradients together make one step of the optimizer, as one larger batch would",
           {1, 1e6}),
       core::field<&LearnerOptions::checkpoint_activations>(
           "checkpoint_activations",
           "keep few activations and compute the others again for the gradients: less memory, more time")});
  return table;
}

}  // namespace margay::train
