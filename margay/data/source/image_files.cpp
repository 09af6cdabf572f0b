#include "margay/data/source/image_files.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <set>
#include <string>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/core/natural_order.h"
#include "margay/data/image/read_image.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;

std::string lower_extension(const fs::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return extension;
}

bool begins_like_an_image(const fs::path& path) {
  std::array<char, 16> head{};
  std::ifstream file(path, std::ios::binary);
  file.read(head.data(), head.size());
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(head.data());
  return sniff_format({bytes, static_cast<std::size_t>(file.gcount())}) != ImageFormat::kUnknown;
}

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

void check_folder(const fs::path& folder) {
  if (!fs::exists(folder)) throw core::DataError(folder, "there is no such folder");
  if (!fs::is_directory(folder)) throw core::DataError(folder, "expected a folder of pictures, found a file");
}

}  // namespace

bool has_image_extension(const fs::path& path) {
  static const std::set<std::string> extensions = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp",
                                                   ".dib", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pnm"};
  return extensions.contains(lower_extension(path));
}

std::vector<fs::path> image_files(const fs::path& folder) {
  check_folder(folder);
  std::vector<fs::path> found;
  std::size_t others = 0;
  for (auto entry = fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied);
       entry != fs::recursive_directory_iterator(); ++entry) {
    if (is_hidden(entry->path())) {
      entry.disable_recursion_pending();
      continue;
    }
    if (!entry->is_regular_file()) continue;
    const bool is_image = has_image_extension(entry->path()) || begins_like_an_image(entry->path());
    if (is_image) found.push_back(entry->path());
    if (!is_image) ++others;
  }
  if (found.empty()) {
    throw core::DataError(folder, fmt::format("no pictures in this folder ({} other files); pictures are files named "
                                              ".jpg, .png, .webp, … or files that begin like one",
                                              others));
  }
  std::sort(found.begin(), found.end(),
            [](const fs::path& a, const fs::path& b) { return core::natural_less(a.native(), b.native()); });
  return found;
}

}  // namespace margay::data
