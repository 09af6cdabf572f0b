#pragma once

#include <string>
#include <vector>

#include <torch/types.h>

namespace margay::interpret {

/// The step that is tried, and what classes and rows are called.
struct XrayOptions {
  double step = 1;                       ///< how far z - step * gradient goes, at least 0
  std::vector<std::string> class_names;  ///< K names; "0" … "K-1" unless given
  std::vector<std::string> row_names;    ///< N names; "row 1" … "row N" unless given, each where it is blank
};

/// What both kinds of X-ray begin with: the logits as float64 on the CPU, and all names filled in.
/// Throws std::invalid_argument, naming `function`, for logits that are not floating [N,K] with K > 0, that hold NaN or
/// +∞ (naming row and class), for names of another number, and for a step that is negative or no number.
struct XrayInput {
  XrayInput(const char* function, const torch::Tensor& logits, const XrayOptions& options);

  torch::Tensor logits;  ///< float64 [N,K], each finite or -∞
  std::vector<std::string> class_names;
  std::vector<std::string> row_names;
};

/// The numbers of a tensor in their order, without negative zeros.
std::vector<double> numbers_of(const torch::Tensor& tensor);

}  // namespace margay::interpret
