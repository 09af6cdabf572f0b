#include "apps/cli/epoch_table.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "apps/cli/output.h"
#include "margay/core/counted.h"
#include "margay/core/text.h"
#include "margay/train/learner.h"
#include "margay/train/probe/probe.h"

namespace margay::cli {
namespace {

/// Validations that begin after this one. Where time decides, one ends the stage.
double later_validations(const train::Progress& at) {
  return at.epochs == 0 ? 0 : static_cast<double>(at.epochs - at.epoch - 1);
}

}  // namespace

void StageTimeLeft::after_batch(const train::Progress& at, std::int64_t valid_batches, double now_s) {
  if (at.is_training) {
    after_training_batch(at, valid_batches, now_s);
  } else {
    after_validation_batch(at, now_s);
  }
  was_training_ = at.is_training;
  now_s_ = now_s;
}

void StageTimeLeft::after_training_batch(const train::Progress& at, std::int64_t valid_batches, double now_s) {
  if (!begin_s_) {
    begin_s_ = now_s;
    begin_fraction_ = at.fraction;
    return;
  }
  if (!was_training_) validation_s_ = this_validation_s_;
  const double done = at.fraction - begin_fraction_;
  if (done <= 0) return;
  // A schedule over time counts validations as well.
  const double spent_s = now_s - *begin_s_ - (at.epochs == 0 ? 0 : validated_s_);
  training_left_s_ = std::max(0.0, spent_s * (1 - at.fraction) / done);
  const double epoch_s = at.epochs == 0 ? 0 : spent_s / done / static_cast<double>(at.epochs);
  const double guess_s = at.steps == 0 ? 0
                                       : epoch_s * static_cast<double>(valid_batches) / static_cast<double>(at.steps) /
                                             train::kValidationSpeed;
  left_s_ = training_left_s_ + validation_s_.value_or(guess_s) * (1 + later_validations(at));
}

void StageTimeLeft::after_validation_batch(const train::Progress& at, double now_s) {
  if (!begin_s_) return;
  if (was_training_) this_validation_s_ = 0;
  this_validation_s_ += now_s - now_s_;
  validated_s_ += now_s - now_s_;
  if (!left_s_) return;
  const double whole_s = this_validation_s_ * static_cast<double>(at.steps) / static_cast<double>(at.step + 1);
  left_s_ = training_left_s_ + whole_s - this_validation_s_ + whole_s * later_validations(at);
}

namespace {

std::string epochs_text(const train::Progress& at) {
  if (at.epochs == 0) return "as many epochs as fit into the time";
  return core::counted(at.epochs, "epoch");
}

std::string epoch_text(const train::Progress& at, const char* pass) {
  if (at.epochs == 0) return fmt::format("epoch {}{}", at.epoch + 1, pass);
  return fmt::format("epoch {}/{}{}", at.epoch + 1, at.epochs, pass);
}

/// As wide as a loss, or as the metric's name.
std::size_t metric_columns(const metric::Metric& metric) {
  constexpr std::size_t kLoss = 11;
  return std::max(kLoss, core::text_width(metric.name()));
}

std::string speed_text(const train::Progress& at) {
  return at.images_per_s < 100 ? fmt::format("{:.1f} images/s", at.images_per_s)
                               : fmt::format("{:.0f} images/s", at.images_per_s);
}

}  // namespace

std::string training_text(const train::Progress& at) {
  return fmt::format("{}  loss {:.4f}  lr {:.2g}  wait {:.0f} %", speed_text(at), at.smooth_loss, at.lrs.back(),
                     at.wait_share * 100);
}

void EpochTable::during_probe(train::Learner& /*learner*/, std::int64_t images, std::int64_t total) {
  if (!std::exchange(is_probing_, true)) line_.begin("probe");
  line_.show(images, total, "features", std::nullopt);
}

/// Its train_loss is of images that the fit did not see, which the line says.
void EpochTable::after_probe(train::Learner& learner, const train::Probe& probe) {
  line_.clear();
  is_probing_ = false;
  const train::ProbeResult& result = probe.result;
  const std::string left_out =
      result.groups < result.images ? fmt::format("each of {} groups", result.groups) : std::string("each image");
  const bool is_cached = probe.train.from_cache == probe.train.size();
  print_head(learner, fmt::format("probe (closed form{}; {} left out in turn: error {:.4f} ± {:.4f})",
                                  is_cached ? " on features of the cache" : "", left_out, result.score.error.mean,
                                  result.score.error.standard_error));
}

void EpochTable::before_fit(train::Learner& learner, const train::Progress& at) {
  time_left_ = StageTimeLeft();
  print_head(learner, fmt::format("{} ({})", at.stage, epochs_text(at)));
}

void EpochTable::print_head(const train::Learner& learner, const std::string& stage) {
  print_out("\n{}\n{:<6} {:<11} {:<11} ", stage, "epoch", "train_loss", "valid_loss");
  for (const auto& metric : learner.metrics()) print_out("{} ", core::padded(metric->name(), metric_columns(*metric)));
  print_out("{:<6} {:<9} {}\n", "time", "images/s", "waiting");
}

void EpochTable::before_epoch(train::Learner& /*learner*/, const train::Progress& at) {
  line_.begin(epoch_text(at, ""));
}

void EpochTable::after_batch(train::Learner& learner, const train::Progress& at) {
  const double now_s = std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  time_left_.after_batch(at, learner.loaders().valid ? learner.loaders().valid->total_batches() : 0, now_s);
  line_.show(at.step + 1, at.steps, at.is_training ? training_text(at) : speed_text(at), time_left_.seconds());
}

void EpochTable::after_train(train::Learner& /*learner*/, const train::Progress& at) {
  line_.begin(epoch_text(at, " valid"));
}

void EpochTable::after_epoch(train::Learner& learner, const train::Progress& /*at*/, const train::EpochRecord& record) {
  line_.clear();
  print_out("{:<6} {:<11} {:<11} ", record.epoch, number_text(record.train_loss, 6), number_text(record.valid_loss, 6));
  for (std::size_t i = 0; i < record.metrics.size(); ++i) {
    print_out("{} ", core::padded(number_text(record.metrics[i], 6), metric_columns(*learner.metrics()[i])));
  }
  if (std::isnan(record.train_images_per_s)) {  // a probe trains nothing
    print_out("{}\n", clock_text(record.seconds));
  } else {
    print_out("{:<6} {:<9.1f} {:.1f} %\n", clock_text(record.seconds), record.train_images_per_s,
              record.wait_share * 100);
  }
  warn_of_lost_output();
}

/// The table is lost, not the training; a second warning would tell nothing new.
void EpochTable::warn_of_lost_output() {
  const std::optional<int> reason = standard_output().lost();
  if (!reason || std::exchange(has_warned_, true)) return;
  warn(fmt::format("standard output cannot be written ({}); the training goes on, and history.csv has this table",
                   std::generic_category().message(*reason)));
}

}  // namespace margay::cli
