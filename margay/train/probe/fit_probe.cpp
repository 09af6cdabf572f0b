#include "margay/train/probe/probe.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/metric/folds.h"
#include "margay/model/torch_errors.h"
#include "margay/train/probe/probe_fit.h"
#include "margay/train/probe/probe_rows.h"

namespace margay::train {
namespace {

constexpr std::int64_t kChoiceFolds = 5;

/// The folds of a set, and the images of it that choose.
struct ChoosingSet {
  torch::Tensor folds;  // int64 [N]
  std::int64_t num_folds = 0;
  torch::Tensor positions;  // int64 [R]
};

ChoosingSet choosing_set(const ProbeRows& rows, std::uint64_t seed) {
  ChoosingSet set{.folds = metric::deal_folds(rows.groups, rows.num_groups, kChoiceFolds, seed),
                  .num_folds = std::min(kChoiceFolds, rows.num_groups)};
  set.positions = choosing_positions(set.folds, set.num_folds, rows.num_classes, seed);
  return set;
}

predict::Predictions predictions_of(const predict::Features& features, const ProbeRows& rows,
                                    const torch::Tensor& logits) {
  predict::Predictions predictions;
  predictions.targets = rows.targets;
  predictions.ids = features.ids;
  predictions.skipped = features.skipped;
  predictions.set_logits(logits, predict::activation_of(rows.task));
  return predictions;
}

/// The error of the most frequent prediction.
double blind_error(const ProbeRows& rows) {
  if (rows.task == data::Task::kSingleLabel) {
    return 1 - torch::bincount(rows.targets).max().item<double>() / static_cast<double>(rows.size());
  }
  const torch::Tensor shares = rows.targets.mean(0);
  return torch::minimum(shares, 1 - shares).mean().item<double>();
}

/// What is known of the training images before any fit.
void describe_groups(ProbeResult& result, const ProbeRows& rows) {
  result.images = rows.size();
  result.groups = rows.num_groups;
  result.largest_group = torch::bincount(rows.groups).max().item<std::int64_t>();
  result.blind_error = blind_error(rows);
  for (std::int64_t k = 0; k < rows.num_classes; ++k) {
    const bool is_single = rows.task == data::Task::kSingleLabel;
    const torch::Tensor is_of_class = is_single ? rows.targets == k : rows.targets.select(1, k) > 0;
    const torch::Tensor groups = rows.groups.masked_select(is_of_class);
    if (groups.size(0) == 0) {
      result.absent_classes.push_back(k);
    } else if ((groups == groups[0]).all().item<bool>()) {
      result.one_group_classes.push_back(k);
    }
  }
}

/// The map to logits.
LinearMap scaled_map(const LinearMap& map, const OutputScale& scale) {
  return {.weight = map.weight * scale.scale.unsqueeze(1), .bias = map.bias * scale.scale + scale.offset};
}

/// float [M,K]: each fold with the fit and the scale that the others chose.
torch::Tensor cross_fitted_logits(const ProbeFit& fit, const ProbeRows& valid, const ChoosingSet& set,
                                  const StrengthChoice& choice) {
  torch::Tensor logits = torch::empty({valid.size(), valid.num_classes});
  for (std::size_t fold = 0; fold < choice.without_fold.size(); ++fold) {
    const ChosenStrength& chosen = choice.without_fold[fold];
    const torch::Tensor own = (set.folds == static_cast<std::int64_t>(fold)).nonzero().squeeze(1);
    const torch::Tensor outputs = outputs_of(fit.solve(chosen.strength), valid.features, own);
    logits.index_copy_(0, own, chosen.scale.logits(outputs));
  }
  return logits;
}

/// The logits that scores are of.
struct JudgedLogits {
  StrengthChoice choice;
  torch::Tensor train;  // float [N,K], left out
  torch::Tensor valid;  // float [M,K]; undefined: those of the classifier
};

JudgedLogits choose_left_out(const ProbeFit& fit, const ProbeOptions& options) {
  const ChoosingSet set = choosing_set(fit.rows(), options.seed);
  JudgedLogits judged;
  judged.choice = choose_strength(fit.left_out_choice(set.positions, set.folds, set.num_folds), options.strength,
                                  strength_grid(fit.rows().size()));
  judged.train = fit.left_out_logits(set.folds, judged.choice.without_fold);
  return judged;
}

JudgedLogits choose_on_valid(const ProbeFit& fit, const ProbeRows& valid, const ProbeOptions& options) {
  const ChoosingSet set = choosing_set(valid, options.seed);
  JudgedLogits judged;
  judged.choice = choose_strength(fit.choice_of(valid, set.positions, set.folds, set.num_folds), options.strength,
                                  strength_grid(fit.rows().size()));
  judged.train = fit.left_out_logits(torch::zeros({fit.rows().size()}, torch::kLong), {judged.choice.all});
  judged.valid = cross_fitted_logits(fit, valid, set, judged.choice);
  return judged;
}

std::optional<ProbeRows> valid_rows(const predict::Features* valid, const ProbeGroups& groups, const ProbeRows& train,
                                    const ProbeOptions& options) {
  const bool chooses = options.select == ProbeSelect::kValid;
  if (valid == nullptr && chooses) {
    throw std::invalid_argument("[probe] `select` valid needs a validation set; give one, or choose left_out");
  }
  if (valid == nullptr) return std::nullopt;
  ProbeRows rows = probe_rows(kValidationSet, *valid, groups.valid, train.num_classes, train.task, options.balance);
  if (rows.features.size(1) != train.features.size(1)) {
    throw std::invalid_argument(fmt::format("[probe] training images have {} features, validation images {}",
                                            train.features.size(1), rows.features.size(1)));
  }
  if (!chooses || rows.num_groups >= 2) return rows;
  throw std::invalid_argument(
      "[probe] `select` valid needs validation images of two groups at least, since what one chooses is judged by the "
      "other");
}

ProbeRows training_rows(const predict::Features& train, const ProbeGroups& groups, std::int64_t num_classes,
                        data::Task task, const ProbeOptions& options) {
  ProbeRows rows = probe_rows(kTrainingSet, train, groups.train, num_classes, task, options.balance);
  const std::string problem = why_not_fitted(rows);
  if (!problem.empty()) throw std::invalid_argument("[probe] " + problem);
  return rows;
}

void take_map(ProbeResult& result, const ProbeFit& fit) {
  const LinearMap map = scaled_map(fit.solve(result.strength), result.scale);
  result.weight = map.weight.to(torch::kFloat).contiguous();
  result.bias = map.bias.to(torch::kFloat).contiguous();
  const torch::Tensor logits = outputs_of(map, fit.rows().features);
  result.training_error = image_errors(logits, fit.rows().targets, fit.rows().task).mean().item<double>();
}

void take_choice(ProbeResult& result, StrengthChoice choice) {
  result.strength = choice.all.strength;
  result.scale = choice.all.scale;
  result.tried = std::move(choice.tried);
  for (const ChosenStrength& chosen : choice.without_fold) result.fold_strengths.push_back(chosen.strength);
}

ProbeValidation validation_of(const ProbeResult& result, const predict::Features& features, const ProbeRows& rows,
                              torch::Tensor logits) {
  if (!logits.defined()) logits = outputs_of({result.weight, result.bias}, rows.features);
  ProbeValidation valid{.predictions = predictions_of(features, rows, logits)};
  valid.score = probe_score(valid.predictions, rows.groups, rows.task);
  valid.disagreement = probe_disagreement(result.score, valid.score, rows.task);
  return valid;
}

ProbeResult fit_checked(const predict::Features& train, const predict::Features* valid, const ProbeGroups& groups,
                        std::int64_t num_classes, data::Task task, const ProbeOptions& options) {
  const ProbeRows rows = training_rows(train, groups, num_classes, task, options);
  const std::optional<ProbeRows> judges = valid_rows(valid, groups, rows, options);
  ProbeResult result;
  describe_groups(result, rows);
  result.feature_norm = mean_norm(rows.features);
  const ProbeFit fit(rows, result.feature_norm, options.features.group);
  JudgedLogits judged =
      options.select == ProbeSelect::kValid ? choose_on_valid(fit, *judges, options) : choose_left_out(fit, options);
  take_choice(result, std::move(judged.choice));
  take_map(result, fit);
  result.left_out = predictions_of(train, rows, judged.train);
  result.score = probe_score(result.left_out, rows.groups, task);
  if (judges) result.valid = validation_of(result, *valid, *judges, judged.valid);
  if (options.learning_curve) {
    result.curve = learning_curve(rows,
                                  {.feature_norm = result.feature_norm,
                                   .strength = result.strength,
                                   .left_out_errors = image_errors(judged.train, rows.targets, task),
                                   .group = options.features.group},
                                  options.seed);
  }
  result.fine_tuning = fine_tuning_outlook(result.score, {result.training_error, result.blind_error},
                                           result.valid ? &result.valid->disagreement : nullptr,
                                           result.curve ? &*result.curve : nullptr);
  return result;
}

}  // namespace

ProbeResult fit_probe(const predict::Features& train, const predict::Features* valid, const ProbeGroups& groups,
                      std::int64_t num_classes, data::Task task, const ProbeOptions& options) {
  core::validate(options);
  const torch::NoGradGuard no_grad;
  return model::with_own_errors(model::kFreeMemory,
                                [&] { return fit_checked(train, valid, groups, num_classes, task, options); });
}

const core::OptionTable& ProbeOptions::fields() {
  using O = ProbeOptions;
  static const core::OptionTable table(
      "probe",
      {core::field<&O::balance>(
           "balance",
           "none, or weights: images of rare classes count more, each class as much as every other; "
           "sampler is the same"),
       core::field<&O::select>("select",
                               "left_out, or valid: what strength and temperature are chosen on, the training images, "
                               "each left out with its group, or the validation set"),
       core::field<&O::strength>(
           "strength", "of the ridge penalty, for features whose mean norm is 1; chosen by default", {1e-9, 1e9}),
       core::field<&O::learning_curve>("learning_curve",
                                       "also fits parts of the images, which tells what more would do"),
       core::field<&O::seed>("seed", "of the folds and of the parts of the learning curve"),
       core::field<&O::grouping>("grouping",
                                 "auto, given, near_copies or none: which images are left out together; auto is the "
                                 "data's groups if it has some, else near copies"),
       core::field<&O::features>("features", "how features are computed")});
  return table;
}

}  // namespace margay::train
