#include "margay/data/check/check_images.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "margay/core/lower_case.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;

/// The format that a name promises; kUnknown where it promises none.
ImageFormat promised_format(const fs::path& path) {
  struct Promise {
    const char* extension;
    ImageFormat format;
  };
  using enum ImageFormat;
  static constexpr Promise kPromises[] = {{".jpg", kJpeg},  {".jpeg", kJpeg}, {".jpe", kJpeg},  {".jfif", kJpeg},
                                          {".png", kPng},   {".gif", kGif},   {".bmp", kBmp},   {".dib", kBmp},
                                          {".webp", kWebp}, {".tif", kTiff},  {".tiff", kTiff}, {".ppm", kPnm},
                                          {".pgm", kPnm},   {".pbm", kPnm},   {".pnm", kPnm}};
  const std::string extension = core::lower_case(path.extension().string());
  for (const Promise& promise : kPromises) {
    if (extension == promise.extension) return promise.format;
  }
  return kUnknown;
}

int smallest_side(std::span<const ImageFacts> facts, const CheckOptions& options) {
  constexpr int kDefault = 32;
  if (options.min_side) return *options.min_side;
  std::vector<int> sides;
  for (const ImageFacts& each : facts) {
    if (each.is_readable()) sides.push_back(each.shorter_side());
  }
  if (sides.empty()) return kDefault;
  const auto middle = sides.begin() + static_cast<std::ptrdiff_t>(sides.size() / 2);
  std::nth_element(sides.begin(), middle, sides.end());
  return std::min(kDefault, *middle / 2);
}

/// Colour as the rule, grey as the exception, or the other way round; neither where they are as many.
std::optional<FindingKind> colour_exception(std::span<const ImageFacts> facts) {
  std::size_t readable = 0;
  std::size_t grey = 0;
  for (const ImageFacts& each : facts) {
    readable += each.is_readable() ? 1U : 0U;
    grey += each.is_readable() && each.is_grey ? 1U : 0U;
  }
  if (2 * grey == readable) return std::nullopt;
  return 2 * grey < readable ? FindingKind::kGreyAmongColour : FindingKind::kColourAmongGrey;
}

/// Collects what is found, image by image.
class ImageCheck {
 public:
  ImageCheck(std::span<const ImageFacts> facts, const CheckOptions& options)
      : options_(options), min_side_(smallest_side(facts, options)), exception_(colour_exception(facts)) {}

  void check(const fs::path& path, const ImageFacts& facts) {
    path_ = path;
    if (!facts.is_readable()) return add_unreadable(facts);
    if (facts.is_uniform) add(FindingKind::kUniform, "all of one colour");
    check_size(facts);
    const bool wants_grey = exception_ == FindingKind::kGreyAmongColour;
    if (exception_ && !facts.is_uniform && facts.is_grey == wants_grey)
      add(*exception_, wants_grey ? "grey" : "coloured");
    const ImageFormat promised = promised_format(path);
    if (promised != ImageFormat::kUnknown && promised != facts.format) {
      add(FindingKind::kWrongExtension,
          fmt::format("a {} named {}", format_name(facts.format), path.extension().string()));
    }
  }

  std::vector<Finding> take() { return std::move(findings_); }

 private:
  void add(FindingKind kind, std::string text) { findings_.push_back({kind, {path_}, {}, std::move(text)}); }

  void add_unreadable(const ImageFacts& facts) {
    if (facts.readability == Readability::kEmptyFile) return add(FindingKind::kEmptyFile, "0 bytes");
    if (facts.readability == Readability::kAbsent) return add(FindingKind::kAbsent, "there is no such file");
    add(facts.readability == Readability::kTruncated ? FindingKind::kTruncated : FindingKind::kUnreadable,
        facts.problem);
  }

  void check_size(const ImageFacts& facts) {
    const std::string size = fmt::format("{}x{}", facts.width, facts.height);
    if (facts.shorter_side() < min_side_) {
      add(FindingKind::kTooSmall, fmt::format("{}, a side is below {} px", size, min_side_));
    }
    const double megapixels = facts.width * 1e-6 * facts.height;
    if (megapixels > options_.max_megapixels)
      add(FindingKind::kHuge, fmt::format("{}, {:.0f} megapixels", size, megapixels));
    const double aspect = static_cast<double>(facts.longer_side()) / facts.shorter_side();
    if (aspect > options_.max_aspect) add(FindingKind::kElongated, fmt::format("{}, {:.1f} to 1", size, aspect));
  }

  const CheckOptions& options_;
  int min_side_;
  std::optional<FindingKind> exception_;
  fs::path path_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> check_images(const PathList& paths, std::span<const ImageFacts> facts,
                                  const CheckOptions& options) {
  ImageCheck check(facts, options);
  for (std::size_t i = 0; i < paths.size(); ++i) check.check(paths[i], facts[i]);
  return check.take();
}

}  // namespace margay::data
