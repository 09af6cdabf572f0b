#include "margay/train/device_feed.h"

#include <utility>

namespace margay::train {

std::optional<data::Batch> DeviceFeed::next() {
  if (copy_ == nullptr) return pass_.next();
  if (ahead_error_) std::rethrow_exception(std::exchange(ahead_error_, nullptr));
  std::optional<data::Batch> batch = ahead_ ? std::exchange(ahead_, std::nullopt) : fetch();
  if (!batch) return std::nullopt;
  copy_->await(*batch);
  look_ahead();
  return batch;
}

std::optional<data::Batch> DeviceFeed::fetch() {
  std::optional<data::Batch> batch = pass_.next_unfinished();
  if (batch) copy_->begin(*batch, [this](data::Batch& copied) { pass_.finish(copied); });
  return batch;
}

void DeviceFeed::look_ahead() {
  if (!pass_.is_ready()) return;
  try {
    ahead_ = fetch();
  } catch (...) {
    ahead_error_ = std::current_exception();  // the batch before it comes first
  }
}

}  // namespace margay::train
