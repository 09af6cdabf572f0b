#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace margay::loss {

/// A target that is no class index, and where in the batch it stands, for whoever knows what stands there.
class TargetError : public std::invalid_argument {
 public:
  TargetError(const std::string& message, std::int64_t target, std::int64_t position, std::int64_t num_classes)
      : std::invalid_argument(message), target_(target), position_(position), num_classes_(num_classes) {}

  std::int64_t target() const { return target_; }
  /// In the flattened targets; of targets [N], the row.
  std::int64_t position() const { return position_; }
  std::int64_t num_classes() const { return num_classes_; }

 private:
  std::int64_t target_;
  std::int64_t position_;
  std::int64_t num_classes_;
};

}  // namespace margay::loss
