#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "margay/interpret/xray.h"

namespace margay::interpret {

/// A number as the tables show it: four digits after the point; where those would hide it, a short power of ten
/// ("2.1e-09", "1.5e+12"); "inf" and "-inf".
std::string number_text(double number);

/// The same with its sign, for gradients: "+0.9916". Rounding noise below 1e-15 is 0.
std::string signed_text(double number);

/// "77 %"; below 1 % with a digit more, "0.3 %"; "all" and "none" are left to the caller. share: 0 … 1.
std::string percent_text(double share);

/// Whether an image of a row may leave classes out.
enum class Extent { kShort, kAll };

/// Up to this many classes are all shown, in their order.
inline constexpr std::size_t kMostShown = 12;

/// Which classes of a row are shown, by index. All in their order for Extent::kAll and up to kMostShown classes;
/// otherwise kMostShown of them, the most probable first, and always the target.
std::vector<std::size_t> shown_classes(const SoftmaxRow& row, Extent extent);

/// The same, the classes that cost most first; without a target the most probable.
std::vector<std::size_t> shown_classes(const SigmoidRow& row, Extent extent);

/// Those of 0 … count-1 that `shown` leaves out, in their order.
std::vector<std::size_t> hidden_classes(std::size_t count, const std::vector<std::size_t>& shown);

// The X-ray in plain words. Each result is made of whole sentences, without a line break.

/// How a row came out.
enum class Outcome {
  kOpen,    ///< no target is known
  kWrong,   ///< another class is more probable than the target; of yes and no, one lies on the wrong side of 1/2
  kUnsure,  ///< right, with a loss of 0.01 or more
  kSure     ///< right, with a smaller loss: softmax gave the target p > 0.99
};

Outcome outcome(const SoftmaxRow& row);
Outcome outcome(const SigmoidRow& row);

/// Right or wrong, how sure, and what dominates: "Wrong: 'boxer' got p = 0.7100, the target 'beagle' 0.0901. 77 % of
/// this loss is the gap to 'boxer': without it the loss would be 0.5534." Without a target: what each would cost.
std::string verdict(const SoftmaxRow& row);
std::string verdict(const SigmoidRow& row);

/// What one step along the gradient does to the loss; "" without a target.
std::string step_words(const SoftmaxRow& row, double step);
std::string step_words(const SigmoidRow& row, double step);

/// What a table of the classes `shown` leaves out: "… 25 more classes, together p = 0.1188; `all` shows them"; "" when
/// nothing is.
std::string left_out_words(const SoftmaxRow& row, const std::vector<std::size_t>& shown);
std::string left_out_words(const SigmoidRow& row, const std::vector<std::size_t>& shown);

/// The batch: mean loss and the row that weighs most.
std::string summary_words(const XraySummary& summary);

/// A column of the table and what it means.
struct LegendEntry {
  std::string column;
  std::string meaning;
};

std::vector<LegendEntry> softmax_legend();
std::vector<LegendEntry> sigmoid_legend();

/// "1 row", "2 rows", "3 classes".
std::string counted(std::size_t count, const std::string& noun);

}  // namespace margay::interpret
