#include "apps/cli/epoch_table.h"

#include <cstdio>

#include <fmt/format.h>

#include "margay/train/learner.h"

namespace margay::cli {

void EpochTable::before_fit(train::Learner& learner, const train::Progress& at) {
  fmt::print("\n{} ({} epoch{})\n{:<6} {:<11} {:<11} ", at.stage, at.epochs, at.epochs == 1 ? "" : "s", "epoch",
             "train_loss", "valid_loss");
  for (const auto& metric : learner.metrics()) fmt::print("{:<11} ", metric->name());
  fmt::print("{:<6} {:<9} {}\n", "time", "images/s", "waiting");
  std::fflush(stdout);
}

void EpochTable::before_epoch(train::Learner& /*learner*/, const train::Progress& at) {
  line_.begin(fmt::format("epoch {}/{} train", at.epoch + 1, at.epochs));
}

void EpochTable::after_batch(train::Learner& /*learner*/, const train::Progress& at) {
  const std::string details = at.is_training
                                  ? fmt::format("{:.1f} images/s  loss {:.4f}", at.images_per_s, at.smooth_loss)
                                  : fmt::format("{:.1f} images/s", at.images_per_s);
  line_.show(at.step + 1, at.steps, details);
}

void EpochTable::after_train(train::Learner& /*learner*/, const train::Progress& at) {
  line_.begin(fmt::format("epoch {}/{} valid", at.epoch + 1, at.epochs));
}

void EpochTable::after_epoch(train::Learner& /*learner*/, const train::Progress& /*at*/,
                             const train::EpochRecord& record) {
  line_.clear();
  fmt::print("{:<6} {:<11.6f} {:<11.6f} ", record.epoch, record.train_loss, record.valid_loss);
  for (const double metric : record.metrics) fmt::print("{:<11.6f} ", metric);
  fmt::print("{:<6} {:<9.1f} {:.1f} %\n", clock_text(record.seconds), record.train_images_per_s,
             record.wait_share * 100);
  std::fflush(stdout);
}

}  // namespace margay::cli
