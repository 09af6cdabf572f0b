#include "margay/data/source/image_files.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "margay/core/error.h"
#include "margay/core/lower_case.h"
#include "margay/core/natural_order.h"
#include "margay/data/image/read_image.h"
#include "margay/data/source/folder_walk.h"
#include "margay/data/source/root.h"

namespace margay::data {
namespace {

constexpr std::array<std::string_view, 14> kImages = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp",
                                                      ".dib", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pnm"};

// What lies beside images, often as many of them: opening a million notes takes as long as reading them.
constexpr std::array<std::string_view, 22> kOthers = {
    ".txt", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".html", ".md",  ".yml", ".yaml", ".npy",
    ".npz", ".mat", ".pkl", ".py",   ".pt",    ".zip", ".gz",   ".tar", ".tgz", ".bz2",  ".xz"};

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

bool begins_like_an_image(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return false;
  std::array<std::uint8_t, 16> head{};
  const ssize_t size = read(file, head.data(), head.size());
  close(file);
  return size > 0 && sniff_format({head.data(), static_cast<std::size_t>(size)}) != ImageFormat::kUnknown;
}

bool is_image(const std::string& path) {
  const std::string_view extension = extension_of(path);
  if (is_among(extension, kImages)) return true;
  return !is_among(extension, kOthers) && begins_like_an_image(path);
}

void check_all_open(const ImageSearch& search) {
  if (!search.closed.empty()) throw core::DataError(search.closed.front().path, search.closed.front().problem);
}

}  // namespace

std::string_view image_extension(std::string_view name) {
  const std::string_view extension = extension_of(name);
  return is_among(extension, kImages) ? extension : std::string_view();
}

bool has_image_extension(const std::filesystem::path& path) { return !image_extension(path.native()).empty(); }

ImageSearch search_images(const std::filesystem::path& folder) {
  check_folder(folder);
  ImageSearch search;
  std::size_t others = 0;
  FolderWalk walk(folder);
  while (const std::optional<WalkedFolder> here = walk.next()) {
    if (!here->problem.empty()) search.closed.push_back({here->path, here->problem});
    const Root root(here->path);
    for (std::size_t i = 0; i < here->listing.files.size(); ++i) {
      const std::string path = root.path(here->listing.files.text(i));
      if (is_image(path))
        search.images.add(path);
      else
        ++others;
    }
  }
  if (search.images.empty()) {
    check_all_open(search);
    throw core::DataError(folder, fmt::format("no images in this folder ({} other files); images are files named "
                                              ".jpg, .png, .webp, … or files that begin like one",
                                              others));
  }
  search.images.sort(core::natural_less);
  return search;
}

PathList image_files(const std::filesystem::path& folder) {
  ImageSearch search = search_images(folder);
  check_all_open(search);
  return std::move(search.images);
}

}  // namespace margay::data
