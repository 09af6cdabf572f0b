#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <torch/types.h>

namespace margay::interpret {

/// The step that is tried, and the names of classes and rows.
struct XrayOptions {
  double step = 1;                       ///< how far z - step * gradient goes, at least 0
  double temperature = 1;                ///< what the logits were divided by before; it is told, not applied
  std::vector<std::string> class_names;  ///< K names; "0" … "K-1" unless given
  std::vector<std::string> row_names;    ///< N names; "row 1" … "row N" unless given, each where it is blank
};

/// The checked input of both kinds of X-ray: the logits as float64 on the CPU, and all names filled in.
/// Throws std::invalid_argument, naming `function`, for logits that are not floating [N,K] with K > 0, that hold NaN or
/// +∞ (naming row and class), for a wrong number of names, and for a step that is negative or NaN.
struct XrayInput {
  XrayInput(const char* function, const torch::Tensor& logits, const XrayOptions& options);

  torch::Tensor logits;  ///< float64 [N,K], each finite or -∞
  std::vector<std::string> class_names;
  std::vector<std::string> row_names;
};

/// The numbers of a tensor in order, with negative zeros made positive.
std::vector<double> numbers_of(const torch::Tensor& tensor);

/// A batch in one line.
struct XraySummary {
  std::size_t rows = 0;       ///< rows with a known target; the others have no loss
  double mean_loss = 0;       ///< over those rows; +∞ if one of them is
  std::string heaviest_row;   ///< the row of the largest loss, the first of equals
  double heaviest_share = 0;  ///< its loss by the sum of all, 0 … 1
};

/// A row's name and loss.
struct RowLoss {
  std::string name;
  double loss;
};

/// Nothing for no losses.
std::optional<XraySummary> summarize(const std::vector<RowLoss>& losses);

/// part / whole of two losses in [0, ∞]: 0 if the whole is 0, and 1 if both are infinite.
double share_of(double part, double whole);

/// Each loss divided by the sum of all, 0 … 1, even if the sum overflows. The shares are 0 if all losses are 0;
/// infinite losses share the whole equally. losses: in [0, ∞].
std::vector<double> shares_of(const std::vector<double>& losses);

}  // namespace margay::interpret
