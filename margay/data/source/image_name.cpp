#include "margay/data/source/image_name.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "margay/core/descriptor.h"
#include "margay/core/text.h"
#include "margay/data/image/read_image.h"
#include "margay/data/source/folder_walk.h"

namespace margay::data {
namespace {

constexpr std::array<std::string_view, 21> kImages = {".jpg", ".jpeg", ".jpe",  ".jfif",  ".png",  ".gif",   ".bmp",
                                                      ".dib", ".webp", ".tif",  ".tiff",  ".ppm",  ".pgm",   ".pnm",
                                                      ".pbm", ".hif",  ".heic", ".heics", ".heif", ".heifs", ".avif"};

// What lies beside images, often as many of them: opening a million notes takes as long as reading them.
constexpr std::array<std::string_view, 16> kDocuments = {".txt",  ".csv", ".tsv", ".json", ".jsonl", ".xml",
                                                         ".html", ".md",  ".yml", ".yaml", ".npy",   ".npz",
                                                         ".mat",  ".pkl", ".py",  ".pt"};
constexpr std::array<std::string_view, 6> kArchives = {".zip", ".gz", ".tar", ".tgz", ".bz2", ".xz"};

/// As std::filesystem::path::extension, without making a path.
std::string_view extension_of(std::string_view path) {
  const std::string_view name = file_name(path);
  const std::size_t dot = name.rfind('.');
  return dot == std::string_view::npos || dot == 0 ? std::string_view() : name.substr(dot);
}

bool is_among(std::string_view extension, std::span<const std::string_view> known) {
  return std::any_of(known.begin(), known.end(), [&](std::string_view each) {
    return std::equal(extension.begin(), extension.end(), each.begin(), each.end(),
                      [](char a, char b) { return core::lower_case(a) == b; });
  });
}

/// What the first bytes of a file are; nothing for one that may not be read.
std::optional<std::vector<std::uint8_t>> head_of(const std::string& path) {
  constexpr std::size_t kHead = 512;
  const core::Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open()) return std::nullopt;
  std::vector<std::uint8_t> head(kHead);
  const ssize_t size = read(file.number(), head.data(), head.size());
  if (size < 0) return std::nullopt;
  head.resize(static_cast<std::size_t>(size));
  return head;
}

}  // namespace

std::optional<LeftOutKind> why_no_image(const std::string& path) {
  const std::string_view extension = extension_of(path);
  if (is_among(extension, kImages)) return std::nullopt;
  if (const auto other = other_by_extension(path)) return *other;
  const bool is_unread = is_unread_extension(extension);
  const auto head = head_of(path);
  if (!head) return is_unread ? LeftOutKind::kUnreadImage : LeftOutKind::kClosedFile;
  const ImageFormat format = sniff_format(*head);
  const bool may_be_raw = is_unread && format == ImageFormat::kTiff;
  if (format != ImageFormat::kUnknown && !may_be_raw) return std::nullopt;
  return is_unread || is_unread_image(*head) ? LeftOutKind::kUnreadImage : LeftOutKind::kOtherFile;
}

std::string_view image_extension(std::string_view name) {
  const std::string_view extension = extension_of(name);
  return is_among(extension, kImages) ? extension : std::string_view();
}

bool has_image_extension(const std::filesystem::path& path) { return !image_extension(path.native()).empty(); }

std::optional<LeftOutKind> other_by_extension(std::string_view name) {
  const std::string_view extension = extension_of(name);
  if (is_among(extension, kDocuments)) return LeftOutKind::kDocument;
  return is_among(extension, kArchives) ? std::optional(LeftOutKind::kOtherFile) : std::nullopt;
}

}  // namespace margay::data
