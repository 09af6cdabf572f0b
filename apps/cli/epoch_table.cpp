#include "apps/cli/epoch_table.h"

#include <chrono>
#include <cstdio>

#include <fmt/format.h>

#include "apps/cli/number_text.h"
#include "margay/train/learner.h"

namespace margay::cli {

namespace {

std::string epochs_text(const train::Progress& at) {
  if (at.epochs == 0) return "as many epochs as there is time for";
  return fmt::format("{} epoch{}", at.epochs, at.epochs == 1 ? "" : "s");
}

std::string epoch_text(const train::Progress& at, const char* pass) {
  if (at.epochs == 0) return fmt::format("epoch {}{}", at.epoch + 1, pass);
  return fmt::format("epoch {}/{}{}", at.epoch + 1, at.epochs, pass);
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

void EpochTable::before_fit(train::Learner& learner, const train::Progress& at) {
  time_left_ = StageTimeLeft();
  fmt::print("\n{} ({})\n{:<6} {:<11} {:<11} ", at.stage, epochs_text(at), "epoch", "train_loss", "valid_loss");
  for (const auto& metric : learner.metrics()) fmt::print("{:<11} ", metric->name());
  fmt::print("{:<6} {:<9} {}\n", "time", "images/s", "waiting");
  std::fflush(stdout);
}

void EpochTable::before_epoch(train::Learner& /*learner*/, const train::Progress& at) {
  line_.begin(epoch_text(at, ""));
}

void EpochTable::after_batch(train::Learner& learner, const train::Progress& at) {
  const double now_s = std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  time_left_.after_batch(at, learner.loaders().valid ? learner.loaders().valid->num_batches() : 0, now_s);
  line_.show(at.step + 1, at.steps, at.is_training ? training_text(at) : speed_text(at), time_left_.seconds());
}

void EpochTable::after_train(train::Learner& /*learner*/, const train::Progress& at) {
  line_.begin(epoch_text(at, " valid"));
}

void EpochTable::after_epoch(train::Learner& /*learner*/, const train::Progress& /*at*/,
                             const train::EpochRecord& record) {
  line_.clear();
  fmt::print("{:<6} {:<11} {:<11} ", record.epoch, number_text(record.train_loss, 6),
             number_text(record.valid_loss, 6));
  for (const double metric : record.metrics) fmt::print("{:<11} ", number_text(metric, 6));
  fmt::print("{:<6} {:<9.1f} {:.1f} %\n", clock_text(record.seconds), record.train_images_per_s,
             record.wait_share * 100);
  std::fflush(stdout);
}

}  // namespace margay::cli
