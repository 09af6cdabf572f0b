#pragma once

#include <optional>
#include <string>
#include <vector>

namespace margay::train {

/// Learning rates of the parameter groups, said in fastai's ways:
///   LearningRate(1e-3)              the same for all
///   LearningRate::slice(1e-3)       that for the last group, a tenth for the others
///   LearningRate::slice(1e-6, 1e-4) from the first group to the last in equal ratios
///   LearningRate::list({…})         one for each group
class LearningRate {
 public:
  LearningRate(double lr);  // NOLINT(google-explicit-constructor): fit(3, 1e-3) must read like fastai's
  static LearningRate slice(double last);
  static LearningRate slice(double first, double last);
  static LearningRate list(std::vector<double> lrs);
  /// "1e-3", "slice(1e-3)", "slice(1e-6,1e-4)" or "1e-5,1e-4,1e-3". Throws std::invalid_argument for other texts.
  static LearningRate parse(const std::string& text);

  /// One rate per group, first group first. Throws std::invalid_argument for a list of another length.
  std::vector<double> for_groups(std::size_t groups) const;

 private:
  enum class Kind { kScalar, kSliceToLast, kSlice, kList };
  LearningRate(Kind kind, std::vector<double> values);

  Kind kind_;
  std::vector<double> values_;
};

}  // namespace margay::train
