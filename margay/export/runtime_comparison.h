#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "margay/core/options.h"
#include "margay/metric/interval.h"

namespace margay::exporting {

/// How far what a runtime says may be from what Margay says. The first four are for files in float32, the others for
/// quantised ones, whose logits differ by design.
struct CertificateBounds {
  /// The largest |difference| of a logit, as a share of the range (largest minus smallest) of all of Margay's logits.
  double max_logit_difference = 1e-4;
  double max_probability_difference = 2e-3;
  /// Decisions may differ where the two probabilities that compete differ by no more.
  double max_margin = 1e-3;
  /// Of p_known, a share of ranks: it steps by 1 / (1 + calibration images) where a score passes another.
  double max_known_difference = 0.02;
  double max_accuracy_loss = 0.01;  ///< of a quantised file, on labelled images
  double min_agreement = 0.95;      ///< of a quantised file: the share of images with the same decision

  static const core::OptionTable& fields();
};

/// What one side says of one image.
struct ImageOutputs {
  std::vector<float> logits;         ///< [K]
  std::vector<float> probabilities;  ///< [K], calibrated
  std::optional<float> p_known = std::nullopt;
};

/// A largest |difference|; infinite where one side alone is finite, or a value is no number.
struct LargestDifference {
  double value = 0;
  std::string image;  ///< that shows it; empty: there is none
  std::string name;   ///< of its class
};

/// An image about which two sides decide differently.
struct Disagreement {
  std::string image;
  std::string margay;   ///< the class, or the classes
  std::string runtime;  ///< the same
  double margin = 0;    ///< how far Margay's probabilities are from deciding as the runtime does
};

/// Times of one image after the other, each alone.
struct CertifiedSpeed {
  double images_per_s = 0;
  double median_ms = 0;
  double p95_ms = 0;  ///< 19 of 20 images take no longer
};

/// seconds: of each image, none negative. Without images all is 0.
CertifiedSpeed speed_of(std::vector<double> seconds);

/// Right decisions about labelled images, Margay's and a runtime's on the same ones.
struct PairedAccuracy {
  std::int64_t images = 0;
  std::int64_t margay_right = 0;
  std::int64_t runtime_right = 0;
  metric::Estimate difference;  ///< the runtime's accuracy minus Margay's, with its 95 % interval
};

/// What one runtime says of the images.
struct RuntimeVerdict {
  std::string name;
  std::string version;
  std::string problem;  ///< why it could not judge all images; empty: it did
  bool was_asked_for = false;
  std::int64_t images = 0;
  LargestDifference logits;
  double logit_range = 0;  ///< of Margay's
  LargestDifference probabilities;
  std::optional<LargestDifference> p_known;
  std::int64_t disagreements = 0;      ///< decisions: images with one label, images and classes with several
  std::int64_t beyond_margin = 0;      ///< of them
  std::vector<Disagreement> examples;  ///< those of the largest margins, at most 50
  std::optional<PairedAccuracy> accuracy;
  CertifiedSpeed speed;
  std::vector<std::string> breaches;  ///< of the bounds, a sentence each

  bool has_run() const { return problem.empty(); }
  bool passes() const { return has_run() && breaches.empty(); }
};

/// Adds up the differences of a runtime image by image.
class RuntimeComparison {
 public:
  struct Setting {
    std::vector<std::string> classes;
    bool is_multi_label = false;
    bool is_quantised = false;
    CertificateBounds bounds;
  };

  explicit RuntimeComparison(Setting setting);

  /// right: the classes of a labelled image (one, or any number). Throws std::invalid_argument unless both have a logit
  /// and a probability for every class.
  void add(const std::string& image, const ImageOutputs& margay, const ImageOutputs& runtime, double seconds,
           const std::optional<std::vector<std::int64_t>>& right = std::nullopt);

  std::int64_t images() const { return verdict_.images; }

  /// The differences, and what they say about the bounds. Name, version and problem are the caller's.
  RuntimeVerdict verdict() const;

 private:
  void compare(const std::string& image, std::span<const float> margay, std::span<const float> runtime,
               LargestDifference& largest) const;
  void compare_decisions(const std::string& image, std::span<const float> margay, std::span<const float> runtime);
  void compare_accuracy(const ImageOutputs& margay, const ImageOutputs& runtime,
                        const std::vector<std::int64_t>& right);
  std::vector<std::string> breaches(const RuntimeVerdict& verdict) const;

  Setting setting_;
  RuntimeVerdict verdict_;
  std::int64_t agreeing_ = 0;  ///< images whose decisions are all the same
  double lowest_logit_ = std::numeric_limits<double>::infinity();
  double highest_logit_ = -std::numeric_limits<double>::infinity();
  std::int64_t only_margay_errs_ = 0;
  std::int64_t only_runtime_errs_ = 0;
  std::vector<double> seconds_;
};

}  // namespace margay::exporting
