#pragma once

#include <cstddef>
#include <optional>

namespace margay::interpret {

/// A random sample of images whose labels were looked at one after another, without replacement. An image is wrong if
/// the reviewer would give it another label or delete it. That the reviewer makes no mistakes is assumed.
struct ReviewedSample {
  std::size_t population = 0;  ///< images that the sample is drawn from
  std::size_t looked_at = 0;   ///< the first of a random order of them, at most all
  std::size_t wrong = 0;       ///< of those looked at; one that could not be decided counts as wrong
};

/// The most images of the population that are wrong, those seen in the sample included, with at least this confidence.
/// The bound holds for all sizes of the sample at once: a reviewer may look at it after every image, stop when it
/// pleases, and go on later. It is exact for a finite population; with every image looked at it is what was seen.
///
/// Method: a confidence sequence for sampling without replacement (Waudby-Smith and Ramdas, "Confidence sequences for
/// sampling without replacement", NeurIPS 2020, section 2), in a one-sided form. With θ wrong of N images, t of which
/// are seen, s of them wrong, one order of results has the likelihood
///     L(θ) = θ!/(θ−s)! · (N−θ)!/(N−θ−t+s)! · (N−t)!/N!
/// For weights w that do not depend on the data
///     M(θ) = Σ_{j≤θ} w(j) L(j) / (L(θ) Σ_{j≤θ} w(j))
/// is a non-negative martingale that begins at 1 if θ is true, so by Ville's inequality it ever reaches 1/α with
/// probability α at most. The bound is the largest θ with M(θ) < 1/α, α = 1 − confidence. w(j) = 1/(j+1): every order
/// of magnitude weighs about the same. L(j)/L(θ) falls in s for j ≤ θ, so counting an image as wrong that is not can
/// only raise the bound.
///
/// Throws std::invalid_argument unless wrong <= looked_at <= population and 0 < confidence < 1.
std::size_t most_wrong(const ReviewedSample& sample, double confidence = 0.95);

/// How many of the images that were not looked at are wrong if the sample is like them: their number times the share of
/// wrong ones among those seen; nothing before the first look. Throws as most_wrong.
std::optional<double> estimated_unseen_wrong(const ReviewedSample& sample);

/// How many more images, all of them right, bring most_wrong below or to `allowed`, counting those seen; 0 if it is
/// there. Nothing if even looking at all images does not, as more are wrong already. Throws as most_wrong.
std::optional<std::size_t> looks_until(const ReviewedSample& sample, std::size_t allowed, double confidence = 0.95);

}  // namespace margay::interpret
