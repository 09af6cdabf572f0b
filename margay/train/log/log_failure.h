#pragma once

#include <functional>
#include <utility>

#include "margay/core/error.h"

namespace margay::train {

/// Hears once of a log that could not be written (disk full, no rights). May be empty.
using LogFailureListener = std::function<void(const core::IoError&)>;

/// Keeps a log's failures away from the training: the first goes to the listener, the others are known by then.
/// Whoever writes a log goes on trying, because a full disk may be emptied.
class LogFailure {
 public:
  explicit LogFailure(LogFailureListener listener) : listener_(std::move(listener)) {}

  /// Runs what writes; throws what is no core::IoError.
  template <class Write>
  void guard(Write&& write) {
    try {
      write();
    } catch (const core::IoError& error) {
      if (!std::exchange(has_told_, true) && listener_) listener_(error);
    }
  }

 private:
  LogFailureListener listener_;
  bool has_told_ = false;
};

}  // namespace margay::train
