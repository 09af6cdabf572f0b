#include "margay/train/device_prefetcher.h"

#include <utility>

namespace margay::train {

std::optional<data::Batch> DevicePrefetcher::next() {
  if (copy_ == nullptr) return pass_.next();
  if (ahead_error_) std::rethrow_exception(std::exchange(ahead_error_, nullptr));
  std::optional<data::Batch> batch = ahead_ ? std::exchange(ahead_, std::nullopt) : fetch();
  if (!batch) return std::nullopt;
  copy_->await(*batch);
  prefetch();
  return batch;
}

std::optional<data::Batch> DevicePrefetcher::fetch() {
  std::optional<data::Batch> batch = pass_.next_unfinished();
  if (batch) copy_->begin(*batch, [this](data::Batch& copied) { pass_.finish(copied); });
  return batch;
}

void DevicePrefetcher::prefetch() {
  if (!pass_.is_ready()) return;
  try {
    ahead_ = fetch();
  } catch (...) {
    ahead_error_ = std::current_exception();  // the batch before it comes first
  }
}

}  // namespace margay::train
