#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace margay::train {

/// Reads "1e-3" or "1e-5, .001": finite numbers separated by commas, with optional spaces. Returns nothing for any
/// other text.
std::optional<std::vector<double>> read_numbers(std::string_view text);

/// Learning rates of the parameter groups. The first groups, whose features are general, need smaller ones than the
/// head (Howard, Ruder, "ULMFiT", 2018: discriminative fine-tuning). The first four ways are fastai's:
///   LearningRate(1e-3)              the same for all
///   LearningRate::slice(1e-3)       that for the last group, a tenth for the others
///   LearningRate::slice(1e-6, 1e-4) from the first group to the last in equal ratios
///   LearningRate::list({…})         one for each group
///   LearningRate::decay(1e-3, 0.5)  that for the last group, half as much for each group before it
class LearningRate {
 public:
  LearningRate(double lr);  // NOLINT(google-explicit-constructor): fit(3, 1e-3) must read like fastai's
  static LearningRate slice(double last);
  static LearningRate slice(double first, double last);
  /// A single rate counts for all groups, as in fastai.
  static LearningRate list(std::vector<double> lrs);
  /// Group g of G gets last·factor^(G-1-g): layer-wise decay (ULMFiT's factor is 1/2.6; Clark et al., "ELECTRA", 2020).
  /// factor: 0 < factor <= 1.
  static LearningRate decay(double last, double factor);
  /// "1e-3", "slice(1e-3)", "slice(1e-6,1e-4)", "decay(1e-3,0.5)" or "1e-5,1e-4,1e-3". Throws std::invalid_argument for
  /// other texts.
  static LearningRate parse(const std::string& text);

  /// One rate per group, first group first. Throws std::invalid_argument for a list of another length.
  std::vector<double> for_groups(std::size_t groups) const;
  /// The text that parse() reads, without spaces: parse(text()) is the same learning rate.
  std::string text() const;

  bool operator==(const LearningRate&) const = default;

 private:
  enum class Kind { kScalar, kSliceToLast, kSlice, kList, kDecay };
  LearningRate(Kind kind, std::vector<double> values);

  Kind kind_;
  std::vector<double> values_;
};

}  // namespace margay::train
