#include "margay/train/log/tensorboard_log.h"

#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "margay/train/callback/state_value.h"
#include "margay/train/learner.h"

namespace margay::train {

TensorBoardLog::TensorBoardLog(std::filesystem::path folder, LogFailureListener on_failure, const LogOptions& options)
    : folder_(std::move(folder)), failure_(std::move(on_failure)), options_(options) {
  core::validate(options_);
}

void TensorBoardLog::after_batch(Learner& learner, const Progress& at) {
  if (!at.is_training || ++step_ % options_.log_every != 0) return;
  // The loss from the record: at.loss would make a GPU be waited for once more.
  std::vector<LoggedScalar> scalars = {{"loss/train", learner.steps().back().loss}, {"loss/smooth", at.smooth_loss}};
  for (std::size_t i = 0; i < at.lrs.size(); ++i) scalars.push_back({fmt::format("lr/{}", i), at.lrs[i]});
  scalars.push_back({"momentum", at.momentum});
  scalars.push_back({"images_per_s", at.images_per_s});
  write(scalars);
}

void TensorBoardLog::after_epoch(Learner& learner, const Progress& /*at*/, const EpochRecord& record) {
  std::vector<LoggedScalar> scalars;
  const auto add = [&](std::string tag, double value) {
    if (!std::isnan(value)) scalars.push_back({std::move(tag), value});  // NaN: there was nothing to measure
  };
  add("loss/valid", record.valid_loss);
  for (std::size_t i = 0; i < record.metrics.size(); ++i) {
    add("metric/" + learner.metrics()[i]->name(), record.metrics[i]);
  }
  if (!scalars.empty()) write(scalars);
}

void TensorBoardLog::write(const std::vector<LoggedScalar>& scalars) {
  failure_.guard([&] {
    if (!file_) file_.emplace(folder_, first_step_);
    file_->write_scalars(step_, scalars);
  });
}

void TensorBoardLog::load_state(const CallbackState& state, const std::filesystem::path& source) {
  step_ = count_at(state.values, "step", source);
  first_step_ = step_ + 1;
  file_.reset();
}

}  // namespace margay::train
