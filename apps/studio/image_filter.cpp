#include "apps/studio/image_filter.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "margay/core/random.h"
#include "margay/core/text.h"
#include "margay/core/unicode.h"

namespace margay::studio {
namespace {

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

/// Finds a text in names as a person would. Names of ASCII alone, the most, take a short way.
class NameSearch {
 public:
  explicit NameSearch(const std::string& text) : folded_(core::folded(text)), is_ascii_(is_ascii(text)) {}

  bool is_in(std::string_view name) const {
    if (folded_.empty()) return true;
    if (is_ascii(name)) return is_ascii_ && lower(name).find(folded_) != std::string::npos;
    return core::folded(name).find(folded_) != std::string::npos;
  }

 private:
  static std::string lower(std::string_view name) { return core::lower_case(std::string(name)); }

  std::string folded_;
  bool is_ascii_;
};

/// Of an image without a label the number of classes, which comes last.
std::uint32_t first_label(const OpenedDataset& dataset, std::uint32_t i) {
  const auto labels = dataset.labels(i);
  return labels.empty() ? static_cast<std::uint32_t>(dataset.classes().size()) : labels.front();
}

void put_in_order(const OpenedDataset& dataset, ImageOrder order, std::vector<std::uint32_t>& images) {
  if (order == ImageOrder::kClass) {
    std::stable_sort(images.begin(), images.end(), [&](std::uint32_t a, std::uint32_t b) {
      return first_label(dataset, a) < first_label(dataset, b);
    });
  }
  if (order != ImageOrder::kRandom) return;
  constexpr std::uint64_t kSeed = 42;  // the same order at each visit
  core::Random random{kSeed};
  for (std::size_t i = images.size(); i > 1; --i) std::swap(images[i - 1], images[random.below(i)]);
}

std::vector<std::uint32_t> all_of(const OpenedDataset& dataset) {
  std::vector<std::uint32_t> images(dataset.size());
  std::iota(images.begin(), images.end(), 0U);
  return images;
}

}  // namespace

ImageFindings::ImageFindings(const OpenedDataset& dataset, std::vector<data::Finding> findings)
    : findings_(std::move(findings)) {
  std::set<std::pair<data::FindingKind, std::uint32_t>> seen;
  for (std::size_t k = 0; k < findings_.size(); ++k) {
    for (const auto& path : findings_[k].paths) {
      const auto found = dataset.find_path(path);
      if (!found) continue;
      const auto image = static_cast<std::uint32_t>(*found);
      std::vector<std::uint32_t>& known = of_image_[image];
      if (known.empty() || known.back() != k) known.push_back(static_cast<std::uint32_t>(k));
      const data::FindingKind kind = findings_[k].kind;
      if (seen.emplace(kind, image).second) images_of_[static_cast<int>(kind)].push_back(image);
    }
  }
}

std::span<const std::uint32_t> ImageFindings::of_image(std::size_t i) const {
  const auto found = of_image_.find(static_cast<std::uint32_t>(i));
  return found == of_image_.end() ? std::span<const std::uint32_t>() : found->second;
}

const std::vector<std::uint32_t>& ImageFindings::images_of(data::FindingKind kind) const {
  static const std::vector<std::uint32_t> kNone;
  const auto found = images_of_.find(static_cast<int>(kind));
  return found == images_of_.end() ? kNone : found->second;
}

std::vector<std::uint32_t> select(const OpenedDataset& dataset, const ImageFindings* findings,
                                  const ImageFilter& filter) {
  std::vector<std::uint32_t> images;
  if (filter.finding) {
    if (findings != nullptr) images = findings->images_of(*filter.finding);
  } else if (filter.has_finding && findings == nullptr) {
    return images;
  } else {
    images = all_of(dataset);
  }
  const NameSearch search(filter.text);
  std::erase_if(images, [&](std::uint32_t i) {
    const auto labels = dataset.labels(i);
    if (filter.label && std::find(labels.begin(), labels.end(), *filter.label) == labels.end()) return true;
    if (filter.is_unlabelled && !labels.empty()) return true;
    if (filter.side && dataset.side(i) != *filter.side) return true;
    if (filter.has_finding && findings->of_image(i).empty()) return true;
    return !search.is_in(dataset.name(i));
  });
  put_in_order(dataset, filter.order, images);
  return images;
}

}  // namespace margay::studio
