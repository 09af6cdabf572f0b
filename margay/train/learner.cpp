#include "margay/train/learner.h"

#include <algorithm>
#include <map>
#include <stdexcept>

#include <fmt/format.h>
#include <torch/utils.h>

#include "margay/bundle/bundle.h"
#include "margay/core/text.h"
#include "margay/train/kept_value.h"
#include "margay/train/optim/layer_decay.h"
#include "margay/train/recipe/recipe_text.h"

namespace margay::train {
namespace {

template <class T>
const std::shared_ptr<T>& checked_pointer(const std::shared_ptr<T>& pointer, const char* problem) {
  if (pointer == nullptr) throw std::invalid_argument(problem);
  return pointer;
}

void check_callbacks(const std::vector<std::shared_ptr<Callback>>& callbacks) {
  std::vector<std::string> names;
  for (const auto& callback : callbacks) {
    const std::string name = checked_pointer(callback, "[add_callback] the callback is null")->state_name();
    if (name.empty()) continue;
    if (std::find(names.begin(), names.end(), name) != names.end()) {
      throw std::invalid_argument(fmt::format("[add_callback] there is already a callback whose state is '{}'", name));
    }
    names.push_back(name);
  }
}

}  // namespace

Learner::Learner(data::Loaders loaders, std::shared_ptr<model::Classifier> classifier, const LearnerOptions& options)
    : given_(std::move(loaders)),
      loaders_(given_),
      classifier_(checked_pointer(classifier, "[Learner] the classifier is null")),
      device_(model::find_device(options.device)),
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
    throw std::invalid_argument("[Learner] training needs two images at least, for its batch norms");
  }
  if (loaders_.train.options().batch_size < 2) {
    throw std::invalid_argument("[Learner] `batch_size` must be 2 at least, for its batch norms");
  }
  check_eval_size();
  classifier_->to(device_);
  if (options.checkpoint_activations) {
    classifier_->set_gradient_checkpointing(model::GradientCheckpointing::kOn);
  }
  copy_ = data::batch_copy(device_);
  std::vector<model::ParameterGroup> groups = classifier_->parameter_groups();
  apply_layer_decay(groups, *classifier_, options.optimizer.layer_decay);
  optimizer_ = make_optimizer(groups, options.optimizer);
  if (precision_ == model::Precision::kFp16) scaler_.emplace();
  wanted_micro_batch_ = options.micro_batch;
  set_group(collective::one_process());
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

double Learner::metric_value(const std::string& name) const {
  if (history().empty()) throw std::invalid_argument(fmt::format("[Learner] there is no epoch yet, so no {}", name));
  std::vector<std::string> known;
  for (std::size_t i = 0; i < std::min(metrics_.size(), history().back().metrics.size()); ++i) {
    if (metrics_[i]->name() == name) return history().back().metrics[i];
    known.push_back(metrics_[i]->name());
  }
  throw std::invalid_argument(fmt::format("[Learner] there is no metric '{}' among {}{}", name,
                                          core::joined(known, ", "), core::did_you_mean(name, known)));
}

void Learner::set_metrics(metric::Metrics metrics) {
  for (const auto& metric : metrics) checked_pointer(metric, "[set_metrics] a metric is null");
  metrics_ = std::move(metrics);
}

void Learner::set_training_loss(TrainingLoss loss) {
  if (!loss) throw std::invalid_argument("[set_training_loss] the loss is empty");
  training_loss_ = std::move(loss);
  is_loss_replaced_ = true;
}

void Learner::set_lr_factor(double factor) {
  if (!(factor > 0)) throw std::invalid_argument(fmt::format("[set_lr_factor] must be positive, got {}", factor));
  training_state_.lr_factor = factor;
}

void Learner::refuse_within_fit(const char* what) const {
  if (!is_fitting_) return;
  throw std::invalid_argument(fmt::format("[{}] cannot be called from a callback: a fit is under way", what));
}

void Learner::resume_at(TrainingState state) {
  refuse_within_fit("resume_at");
  training_state_ = std::move(state);
  is_resuming_ = true;
  drop_gradients();
  if (training_state_.first_trained_group) freeze_to(*training_state_.first_trained_group);
}

void Learner::drop_gradients() {
  optimizer_->zero_grad();
  pending_images_ = 0;
  if (micro_) micro_->clear();
}

void Learner::add_callback(std::shared_ptr<Callback> callback) {
  std::vector<std::shared_ptr<Callback>> all = callbacks_;
  all.push_back(std::move(callback));
  exchange_callbacks(std::move(all));
}

std::vector<std::shared_ptr<Callback>> Learner::exchange_callbacks(std::vector<std::shared_ptr<Callback>> callbacks) {
  check_callbacks(callbacks);
  return std::exchange(callbacks_, std::move(callbacks));
}

void Learner::freeze() { freeze_to(-1); }
void Learner::unfreeze() { freeze_to(0); }
void Learner::freeze_to(int group) {
  const int first = group < 0 ? static_cast<int>(num_groups()) + group : group;
  classifier_->freeze_to(first);
  training_state_.first_trained_group = first;
}

void Learner::announce(void (Callback::*event)(Learner&, const Progress&)) {
  const std::vector<std::shared_ptr<Callback>> listeners = callbacks_;  // callbacks may exchange them
  for (const auto& callback : listeners) ((*callback).*event)(*this, at_);
}

torch::Tensor Learner::forward(const data::Batch& batch) {
  return predict::logits_of(*classifier_, batch.images, precision_);
}

void Learner::note_skipped(std::span<const data::SkippedImage> skipped) {
  std::vector<data::SkippedImage>& all = training_state_.skipped;
  for (const data::SkippedImage& image : skipped) {
    const auto is_same = [&](const data::SkippedImage& other) { return other.problem == image.problem; };
    if (std::none_of(all.begin(), all.end(), is_same)) all.push_back(image);
  }
}

void Learner::save(const std::filesystem::path& path, const nlohmann::ordered_json& provenance, data::Unread unread) {
  const data::Dataset* valid = given_.valid ? &given_.valid->dataset() : nullptr;
  bundle::save_bundle(path, {.classifier = classifier_,
                             .vocabulary = loaders_.vocabulary,
                             .task = loaders_.task(),
                             .transforms = loaders_.eval_transforms(),
                             .provenance = provenance,
                             .known_images = data::known_images(given_.train.dataset(), valid, given_.root, unread),
                             .training_inputs = training_state_.inputs});
}

const core::OptionTable& LearnerOptions::fields() {
  static const core::OptionTable table(
      "learner",
      {core::field<&LearnerOptions::optimizer>("optimizer", "how gradients change weights"),
       core::field<&LearnerOptions::loss>("loss", "what training minimises"),
       core::field<&LearnerOptions::precision>("precision",
                                               "auto, fp32, bf16 or fp16; auto is bf16 if the processor computes it"),
       core::field<&LearnerOptions::device>("device", "auto, cpu, cuda or cuda:N; auto is cuda if there is one"),
       core::field<&LearnerOptions::accumulate>(
           "accumulate", "batches whose gradients together make one step of the optimizer, as one larger batch would",
           {1, 1e6}),
       core::field<&LearnerOptions::checkpoint_activations>(
           "checkpoint_activations",
           "keep few activations and compute the others again for the gradients: less memory, more time"),
       core::field<&LearnerOptions::micro_batch>("micro_batch", "how a batch is divided, also among processes")});
  return table;
}

predict::InferenceOptions Learner::inference() const {
  return {.activation = predict::activation_of(loaders_.task()), .precision = precision_, .copy = copy_.get()};
}

data::Loader Learner::valid_loader(const char* caller) const {
  if (!loaders_.valid) throw std::invalid_argument(fmt::format("[{}] there are no validation images", caller));
  return micro_ ? loaders_.valid->shared_out(0, 1, 1) : *loaders_.valid;
}

predict::Predictions Learner::get_preds() {
  const auto threads = micro_batch_threads();
  return predict::collect_predictions(*classifier_, valid_loader("get_preds"), inference());
}

predict::Predictions Learner::tta(const predict::TtaOptions& options) {
  const auto threads = micro_batch_threads();
  return predict::collect_averaged(*classifier_, valid_loader("tta"), inference(), options);
}

void Learner::fit_one_cycle(std::int64_t epochs, const LearningRate& lr_max, const OneCycleShape& shape) {
  run(one_cycle_recipe(epochs, lr_max, shape));
}

void Learner::fit_flat_cos(std::int64_t epochs, const LearningRate& lr, const FlatCosShape& shape) {
  run(flat_cos_recipe(epochs, lr, shape));
}

void Learner::fit_sgdr(const SgdrShape& shape, const LearningRate& lr_max) { run(sgdr_recipe(shape, lr_max)); }

void Learner::fine_tune(std::int64_t epochs, const FineTuneOptions& options) { run(fine_tune_recipe(epochs, options)); }

namespace {

/// The stages with names of their own: the second "one_cycle" is "one_cycle 2".
Stages resolved(const Stages& recipe) {
  Stages stages;
  std::map<std::string, int> seen;
  for (const Stage& stage : recipe) {
    stages.push_back(resolve(stage));
    const int count = ++seen[stages.back().name];
    if (count > 1) stages.back().name += fmt::format(" {}", count);
  }
  return stages;
}

}  // namespace

struct Learner::StagePlan {
  StageKind kind;
  FitPlan fit;
  std::optional<int> first_group;
  data::Loaders loaders;
};

void Learner::check_eval_size() const {
  const std::optional<std::int64_t> only = classifier_->backbone().only_px();
  const std::int64_t size = given_.eval_transforms().augment.size;
  if (!only || size == *only || given_.transforms().augment.size == size) return;
  throw std::invalid_argument(
      fmt::format("[Learner] {} is made for images of {} pixels and cannot be evaluated at {} (`eval_size`); train it "
                  "at that `size`",
                  classifier_->options().architecture, *only, size));
}

void Learner::check_size(const Stage& stage) const {
  const std::optional<std::int64_t> only = classifier_->backbone().only_px();
  if (!only || !stage.size || *stage.size == *only) return;
  throw std::invalid_argument(fmt::format("[recipe] {} is made for images of {} pixels and cannot train on {}",
                                          classifier_->options().architecture, *only, *stage.size));
}

std::vector<Learner::StagePlan> Learner::plan(const Stages& stages, std::optional<double> seconds) const {
  check_order(stages);
  if (begins_with_probe(stages) && classifier_->options().head.kind != model::HeadKind::kLinear) {
    throw std::invalid_argument(
        fmt::format("[recipe] a probe gives a linear head its weights, but this head is {}; set `head.kind` linear",
                    core::to_text(classifier_->options().head.kind)));
  }
  double epochs = 0;
  for (const Stage& stage : stages) epochs += static_cast<double>(stage.epochs);
  std::vector<StagePlan> plans;
  for (const Stage& stage : stages) {
    if (stage.type == StageKind::kProbe) {
      plans.push_back({.kind = stage.type, .fit = {.stage = stage.name}, .first_group = {}, .loaders = given_});
      continue;
    }
    check_size(stage);
    FitPlan fit{.stage = stage.name, .epochs = stage.epochs, .schedule = hyper_schedule(stage, num_groups())};
    if (seconds) fit.seconds = *seconds * static_cast<double>(stage.epochs) / epochs;
    plans.push_back({stage.type, std::move(fit), first_trained_group(stage, num_groups()),
                     shared_out(stage.size ? data::resized(given_, *stage.size) : given_)});
  }
  return plans;
}

void Learner::check_resumed(const std::string& recipe) const {
  if (!is_resuming_ || training_state_.recipe.empty() || training_state_.recipe == recipe) return;
  throw std::invalid_argument(fmt::format("[recipe] training stood in the recipe\n{}\nwhich this one cannot go on:\n{}",
                                          training_state_.recipe, recipe));
}

void Learner::check(const Stages& recipe) const {
  const Stages stages = resolved(recipe);
  plan(stages, std::nullopt);
  check_resumed(recipe_text(stages));
}

void Learner::run(const Stages& recipe, std::optional<double> seconds) {
  refuse_within_fit("run");
  const Stages stages = resolved(recipe);
  std::vector<StagePlan> plans = plan(stages, without_probe(seconds, stages));
  const std::string text = recipe_text(stages);
  check_resumed(text);
  training_state_.recipe = text;
  const std::size_t first = is_resuming_ ? training_state_.stage_index : 0;
  if (first >= plans.size()) throw std::invalid_argument("[run] the recipe has no stage to go on with");
  const KeptValue norms(keeps_norm_statistics_, begins_with_probe(stages));
  for (std::size_t i = first; i < plans.size(); ++i) {
    training_state_.stage_index = i;
    loaders_ = plans[i].loaders;
    if (plans[i].kind == StageKind::kProbe) {
      run_probe(plans[i].fit.stage);
      plans = plan(stages, without_probe(seconds, stages));
      continue;
    }
    if (plans[i].first_group) freeze_to(*plans[i].first_group);
    fit(plans[i].fit);
  }
  training_state_.stage_index = 0;
  training_state_.recipe.clear();
}

}  // namespace margay::train
