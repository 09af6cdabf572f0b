#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "margay/interpret/xray.h"

namespace margay::interpret {

/// The text of a number in tables: four digits after the point, or a short power of ten if those do not show it
/// ("2.1e-09", "1.5e+12"); "inf" and "-inf".
std::string number_text(double number);

/// The same with its sign, for gradients: "+0.9916". Rounding noise below 1e-15 is 0.
std::string signed_text(double number);

/// "77 %", or with one more digit below 1 %, "0.3 %". share: 0 … 1.
std::string percent_text(double share);

/// Whether a row is shown with all classes or may leave some out.
enum class Extent { kShort, kAll };

/// Up to this number of classes all are shown, in their order.
inline constexpr std::size_t kMostShown = 12;

/// The indices of the classes of a row that are shown: all of them in their order for Extent::kAll and up to kMostShown
/// classes; otherwise kMostShown of them, the most probable first, and always the target.
std::vector<std::size_t> shown_classes(const SoftmaxRow& row, Extent extent);

/// The same, with the classes of the largest losses first; without a target the most probable.
std::vector<std::size_t> shown_classes(const SigmoidRow& row, Extent extent);

/// The indices of 0 … count-1 that are not in `shown`, in their order.
std::vector<std::size_t> hidden_classes(std::size_t count, const std::vector<std::size_t>& shown);

// The X-ray in plain words. Each result consists of whole sentences, without a line break.

/// The outcome of a row.
enum class Outcome {
  kOpen,   ///< no target is known
  kWrong,  ///< another class is more probable than the target; for a sigmoid, a probability is on the wrong side of 1/2
  kUnsure,  ///< right, with a loss of 0.01 or more
  kSure     ///< right, with a smaller loss: softmax gave the target p > 0.99
};

Outcome outcome(const SoftmaxRow& row);
Outcome outcome(const SigmoidRow& row);

/// Whether the prediction is right, how sure it is, and what dominates the loss: "Wrong: 'boxer' got p = 0.7100, the
/// target 'beagle' 0.0901. 77 % of this loss is the gap to 'boxer': without it the loss would be 0.5534." Without a
/// target: the loss of each class.
std::string verdict(const SoftmaxRow& row);
std::string verdict(const SigmoidRow& row);

/// The effect of one step along the gradient on the loss; "" without a target.
std::string step_words(const SoftmaxRow& row, double step);
std::string step_words(const SigmoidRow& row, double step);

/// A sentence about the classes that are not in `shown`: "… 25 more classes, together p = 0.1188; `all` shows them"; ""
/// when nothing is.
std::string left_out_words(const SoftmaxRow& row, const std::vector<std::size_t>& shown);
std::string left_out_words(const SigmoidRow& row, const std::vector<std::size_t>& shown);

/// The batch: its mean loss and the row with the largest share.
std::string summary_words(const XraySummary& summary);

/// A column of the table and what it means.
struct LegendEntry {
  std::string column;
  std::string meaning;
};

/// temperature: of the X-ray; a line says so unless it is 1.
std::vector<LegendEntry> softmax_legend(double temperature = 1);
std::vector<LegendEntry> sigmoid_legend(double temperature = 1);

}  // namespace margay::interpret
