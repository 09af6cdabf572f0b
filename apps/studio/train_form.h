#pragma once

#include <functional>
#include <string>
#include <vector>

namespace margay::studio {

/// A flag of `margay train`, as the program declares it.
struct TrainFlag {
  enum class Kind { kSwitch, kNumber, kText, kPath, kChoice };

  std::string name;     ///< "--epochs"
  std::string off;      ///< of a switch: "--no-ema"
  std::string help;     ///< with its range
  std::string heading;  ///< under which it stands in the help
  Kind kind = Kind::kText;
  std::string default_text;          ///< "" where there is none
  std::vector<std::string> choices;  ///< of kChoice
  bool is_everyday = false;          ///< one that most users need
};

/// What the page's form of a training is made from, and checked by; the program gives it (apps/cli).
struct TrainForm {
  std::vector<TrainFlag> flags;
  /// Reads "train", "images", "--epochs=3" … as the program would, and throws std::invalid_argument for what it would
  /// refuse.
  std::function<void(const std::vector<std::string>& arguments)> check = {};
};

}  // namespace margay::studio
