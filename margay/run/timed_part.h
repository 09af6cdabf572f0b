#pragma once

#include <string>

namespace margay::run {

/// A part of a command, and how long it took.
struct TimedPart {
  std::string name;
  double seconds = 0;
};

}  // namespace margay::run
