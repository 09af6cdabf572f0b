#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "apps/studio/dataset.h"
#include "margay/data/check/finding.h"

namespace margay::studio {

/// Findings about a dataset, and which images each is about. Unchanging.
class ImageFindings {
 public:
  /// Findings about files that are not among the images stay, without an image.
  ImageFindings(const OpenedDataset& dataset, std::vector<data::Finding> findings);

  const std::vector<data::Finding>& all() const { return findings_; }
  /// Positions in all(); none for an image that nothing was found about.
  std::span<const std::uint32_t> of_image(std::size_t i) const;
  /// The images that findings of a kind are about, each once, in the order of the findings, so that copies stand side
  /// by side; of kinds that name no image but a class, none.
  const std::vector<std::uint32_t>& images_of(data::FindingKind kind) const;

 private:
  std::vector<data::Finding> findings_;
  std::unordered_map<std::uint32_t, std::vector<std::uint32_t>> of_image_;
  std::unordered_map<int, std::vector<std::uint32_t>> images_of_;  ///< by FindingKind
};

enum class ImageOrder { kName, kClass, kRandom };

constexpr auto names(ImageOrder /*tag*/) {
  return std::array{std::pair{ImageOrder::kName, "name"}, std::pair{ImageOrder::kClass, "class"},
                    std::pair{ImageOrder::kRandom, "random"}};
}

/// Which images the page shows, and in which order. What is absent or empty does not restrict.
struct ImageFilter {
  std::optional<std::uint32_t> label;  ///< a position in classes()
  bool is_unlabelled = false;          ///< only images without a label
  std::optional<ImageSide> side;
  std::optional<data::FindingKind> finding;
  bool has_finding = false;              ///< only images that something was found about
  std::string text;                      ///< that the name holds, whatever the case of its letters
  ImageOrder order = ImageOrder::kName;  ///< with `finding`, kName is the order of the findings

  bool operator==(const ImageFilter&) const = default;
};

/// The images that pass, as positions in the dataset. findings: null where nothing was checked; then no image has any.
std::vector<std::uint32_t> select(const OpenedDataset& dataset, const ImageFindings* findings,
                                  const ImageFilter& filter);

}  // namespace margay::studio
