#include "margay/data/loader/prepared_pass.h"

#include <utility>

namespace margay::data {

PreparedPass& PreparedPass::operator=(const PreparedPass& other) {
  if (this == &other) return *this;
  const std::lock_guard lock(mutex_);
  pass_.reset();
  return *this;
}

PreparedPass::PreparedPass(PreparedPass&& other) noexcept { *this = std::move(other); }

PreparedPass& PreparedPass::operator=(PreparedPass&& other) noexcept {
  if (this == &other) return *this;
  const std::scoped_lock lock(mutex_, other.mutex_);
  epoch_ = other.epoch_;
  pass_ = std::exchange(other.pass_, std::nullopt);
  return *this;
}

bool PreparedPass::holds(std::int64_t epoch) const {
  const std::lock_guard lock(mutex_);
  return pass_ && epoch_ == epoch;
}

void PreparedPass::put(std::int64_t epoch, LoaderPass pass) {
  const std::lock_guard lock(mutex_);
  epoch_ = epoch;
  pass_ = std::move(pass);
}

std::optional<LoaderPass> PreparedPass::take(std::int64_t epoch) {
  const std::lock_guard lock(mutex_);
  std::optional<LoaderPass> pass = std::exchange(pass_, std::nullopt);
  if (epoch_ != epoch) pass.reset();
  return pass;
}

}  // namespace margay::data
