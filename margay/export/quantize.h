#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "margay/core/options.h"
#include "margay/export/onnx_model.h"

namespace margay::exporting {

/// What becomes the largest number that int8 holds of an activation.
enum class CalibrationMethod {
  kPercentile,  ///< the range that leaves the same small share of all values out on either side
  kMinMax       ///< the smallest and the largest value
};

constexpr auto names(CalibrationMethod /*tag*/) {
  return std::array{std::pair{CalibrationMethod::kPercentile, "percentile"},
                    std::pair{CalibrationMethod::kMinMax, "min_max"}};
}

/// How activations and weights become integers. Ranges of activations are cut at a percentile by default, since a few
/// outliers would coarsen the steps of all others (Wu, Judd, Zhang, Isaev, Micikevicius, "Integer quantization for deep
/// learning inference: principles and empirical evaluation", arXiv:2004.09602, §5.2, where 99.99 and above lose the
/// least over networks).
struct QuantizeOptions {
  CalibrationMethod calibration = CalibrationMethod::kPercentile;
  double percentile = 99.99;  ///< of all values lie below the range's upper end, and as many above its lower end
  /// 7 leaves a bit unused: on x86 processors without VNNI sums of two products saturate at 16 bits otherwise.
  int weight_bits = 8;
  bool quantise_first = true;  ///< the first layer, which sees the image
  bool quantise_last = false;  ///< the last one, whose outputs are the logits

  static const core::OptionTable& fields();
};

/// The values of one activation over many images, in bins of equal width around 0, which widen as values need.
class ActivationHistogram {
 public:
  /// Values that are no numbers are left out.
  void add(std::span<const float> values);

  std::int64_t count() const { return count_; }
  /// The smallest and the largest value; 0 and 0 without any.
  std::pair<float, float> min_max() const { return {count_ > 0 ? low_ : 0, count_ > 0 ? high_ : 0}; }
  /// The range that leaves 100 - percentile percent of the values out on either side, to the width of a bin, within
  /// min_max().
  std::pair<float, float> percentile_range(double percentile) const;

 private:
  static constexpr std::size_t kBins = 4096;

  float bin_width() const { return reach_ / static_cast<float>(kBins / 2); }
  void widen_to(float largest);

  std::vector<std::int64_t> bins_ = std::vector<std::int64_t>(kBins, 0);  ///< of [-reach, reach)
  float reach_ = 1e-6F;
  float low_ = 0;
  float high_ = 0;
  std::int64_t count_ = 0;
};

/// Of every value of a model that is to be quantised, by its name.
using ActivationHistograms = std::map<std::string, ActivationHistogram>;

/// The model with every batch norm folded into the convolution before it, as model::fold_batch_norms does.
OnnxModel without_norms(const OnnxModel& model);

/// The values of a model without such norms that quantise() makes integers.
std::vector<std::string> values_to_quantise(const OnnxModel& model, const QuantizeOptions& options);

/// The model with these values as further outputs, so that a runtime says what they are; inputs stay inputs alone.
OnnxModel with_outputs(OnnxModel model, const std::vector<std::string>& values);

/// Static quantisation in the QDQ format (onnxruntime.ai/docs/performance/model-optimizations/quantization.html): pairs
/// of QuantizeLinear and DequantizeLinear stand around what is computed in integers, which runtimes fuse. Convolutions
/// and linear layers, and sums, pools and concatenations between them. With S the scale and Z the zero point
///     q = clamp(round(x / S) + Z)        (Jacob et al., "Quantization and training of neural networks for efficient
///                                         integer-arithmetic-only inference", CVPR 2018, arXiv:1712.05877)
/// activations are uint8 with a range that includes 0, one scale for all; weights are int8 with Z = 0 and a scale for
/// each output channel, largest |w| / 127; biases are int32 with the product of both scales. Everything else, such as
/// the resizing of pixels, stays as it is.
/// Batch norms are folded first. Throws core::Error where nothing can be quantised, std::invalid_argument for a value
/// without a histogram.
OnnxModel quantised(const OnnxModel& model, const ActivationHistograms& histograms, const QuantizeOptions& options);

}  // namespace margay::exporting
