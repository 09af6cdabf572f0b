#include "margay/train/recipe/recipes.h"

#include <algorithm>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace margay::train {
namespace {

constexpr std::int64_t kMostEpochs = 1'000'000;

std::string name_of(const Stage& stage) {
  if (!stage.freeze_to) return core::to_text(stage.schedule.kind);
  const int group = *stage.freeze_to;
  if (group == 0) return "unfrozen";
  if (group == -1) return "frozen";
  return group > 0 ? fmt::format("from group {}", group) : fmt::format("last {} groups", -std::int64_t{group});
}

void check_name(const std::string& name) {
  const bool is_line = std::none_of(name.begin(), name.end(), [](char c) {
    const bool is_control = static_cast<unsigned char>(c) < ' ' || c == '\x7f';
    return is_control || std::string_view(":;#,\"").find(c) != std::string_view::npos;
  });
  if (is_line && !name.starts_with(' ') && !name.ends_with(' ')) return;
  throw std::invalid_argument(
      fmt::format("[stage] a name is one line without any of :;#,\" or blanks at its ends, got '{}'", name));
}

}  // namespace

namespace {

/// epochs: 0 or, before resolve(), Stage's own default.
bool is_plain_probe(const Stage& stage) {
  Stage plain{.type = StageKind::kProbe, .name = stage.name};
  if (stage.epochs == 0) plain.epochs = 0;
  return stage == plain;
}

Stage resolved_probe(Stage stage) {
  if (!is_plain_probe(stage)) {
    throw std::invalid_argument(
        "[stage] a probe is solved in closed form: it has no epochs, groups, size, rates or schedule");
  }
  stage.epochs = 0;
  if (stage.name.empty()) stage.name = core::to_text(StageKind::kProbe);
  return stage;
}

}  // namespace

Stage resolve(Stage stage) {
  check_name(stage.name);
  if (stage.type == StageKind::kProbe) return resolved_probe(std::move(stage));
  if (stage.epochs < 1 || stage.epochs > kMostEpochs) {
    throw std::invalid_argument(fmt::format("[stage] epochs must lie in [1, {}], got {}", kMostEpochs, stage.epochs));
  }
  if (stage.size && *stage.size < 1) {
    throw std::invalid_argument(fmt::format("[stage] size must be positive, got {}", *stage.size));
  }
  check_schedule(stage.schedule, stage.epochs);
  if (stage.name.empty()) stage.name = name_of(stage);
  return stage;
}

bool begins_with_probe(const Stages& recipe) { return !recipe.empty() && recipe.front().type == StageKind::kProbe; }

void check_order(const Stages& recipe) {
  for (std::size_t i = 1; i < recipe.size(); ++i) {
    if (recipe[i].type != StageKind::kProbe) continue;
    throw std::invalid_argument(fmt::format(
        "[recipe] a probe must be the first stage, but stage {} is one: it would throw away what came before", i + 1));
  }
  if (!begins_with_probe(recipe) || recipe.size() > 1) return;
  throw std::invalid_argument(
      "[recipe] nothing trains after the probe; add a stage such as 'unfreeze 1 epoch at 1e-4'");
}

std::optional<int> first_trained_group(const Stage& stage, std::size_t groups) {
  if (!stage.freeze_to) return std::nullopt;
  const auto count = static_cast<std::int64_t>(groups);
  const std::int64_t group = *stage.freeze_to < 0 ? count + *stage.freeze_to : *stage.freeze_to;
  if (group >= 0 && group < count) return static_cast<int>(group);
  throw std::invalid_argument(fmt::format("[stage] freeze_to must lie in [{}, {}] for {} groups, got {}", -count,
                                          count - 1, count, *stage.freeze_to));
}

HyperSchedule hyper_schedule(const Stage& stage, std::size_t groups) {
  resolve(stage);
  return hyper_schedule(stage.schedule, stage.lr.for_groups(groups), stage.epochs);
}

namespace {

constexpr int kHeadAlone = -1;
constexpr int kEverything = 0;
constexpr double kFrozenPctStart = 0.99;  // fastai's: the new head only climbs

/// A value that is written down only where it is not the usual one.
template <class T>
std::optional<T> unless(const T& usual, const T& value) {
  return value == usual ? std::nullopt : std::optional<T>(value);
}

}  // namespace

Stages fine_tune_recipe(std::int64_t epochs, const FineTuneOptions& options) {
  core::validate(options);
  Stages recipe;
  if (options.freeze_epochs > 0) {
    recipe.push_back(resolve({.freeze_to = kHeadAlone,
                              .epochs = options.freeze_epochs,
                              .lr = LearningRate::slice(options.base_lr),
                              .schedule = {.pct_start = kFrozenPctStart}}));
  }
  const double peak = options.base_lr / 2;
  recipe.push_back(resolve({.freeze_to = kEverything,
                            .epochs = epochs,
                            .lr = LearningRate::slice(peak / options.lr_mult, peak),
                            .schedule = {.pct_start = options.pct_start, .div = options.div}}));
  return recipe;
}

Stages probe_recipe(std::int64_t epochs, const ProbeTuneOptions& options) {
  core::validate(options);
  return {resolve({.type = StageKind::kProbe}),
          resolve({.freeze_to = kEverything,
                   .epochs = epochs,
                   .lr = LearningRate::slice(options.tune_lr / options.tune_lr_mult, options.tune_lr)})};
}

Stages one_cycle_recipe(std::int64_t epochs, const LearningRate& lr_max, const OneCycleShape& shape) {
  const OneCycleShape usual;
  return {resolve({.epochs = epochs,
                   .lr = lr_max,
                   .schedule = {.pct_start = unless(usual.pct_start, shape.pct_start),
                                .div = unless(usual.div, shape.div),
                                .div_final = unless(usual.div_final, shape.div_final),
                                .moms = unless(usual.moms, shape.moms)}})};
}

Stages flat_cos_recipe(std::int64_t epochs, const LearningRate& lr, const FlatCosShape& shape) {
  const FlatCosShape usual;
  return {resolve({.epochs = epochs,
                   .lr = lr,
                   .schedule = {.kind = ScheduleKind::kFlatCos,
                                .pct_start = unless(usual.pct_start, shape.pct_start),
                                .div_final = unless(usual.div_final, shape.div_final),
                                .momentum = unless(usual.momentum, shape.momentum)}})};
}

Stages sgdr_recipe(const SgdrShape& shape, const LearningRate& lr_max) {
  const SgdrShape usual;
  return {resolve({.epochs = sgdr_epochs(shape),
                   .lr = lr_max,
                   .schedule = {.kind = ScheduleKind::kSgdr,
                                .cycle_len = unless(usual.cycle_len, shape.cycle_len),
                                .cycle_mult = unless(usual.cycle_mult, shape.cycle_mult),
                                .momentum = unless(usual.momentum, shape.momentum)}})};
}

const core::OptionTable& ProbeTuneOptions::fields() {
  static const core::OptionTable table(
      "probe_tune",
      {core::field<&ProbeTuneOptions::tune_lr>("tune_lr", "peak rate of the head, from the probe on", {1e-9, 10}),
       core::field<&ProbeTuneOptions::tune_lr_mult>("tune_lr_mult", "the first group's rate is the head's / this",
                                                    {1, 1e6})});
  return table;
}

const core::OptionTable& FineTuneOptions::fields() {
  static const core::OptionTable table(
      "fine_tune",
      {core::field<&FineTuneOptions::base_lr>("base_lr",
                                              "peak rate of the head while the body is frozen; half of it "
                                              "afterwards",
                                              {1e-9, 10}),
       core::field<&FineTuneOptions::freeze_epochs>("freeze_epochs", "epochs with the body frozen", {0, 1e5}),
       core::field<&FineTuneOptions::lr_mult>("lr_mult", "the first group's rate is the head's / this", {1, 1e6}),
       core::field<&FineTuneOptions::pct_start>("pct_start", "share of the unfrozen epochs spent warming up",
                                                {0.001, 0.999}),
       core::field<&FineTuneOptions::div>("div", "the first rate is the peak / this", {1, 1e6})});
  return table;
}

}  // namespace margay::train
