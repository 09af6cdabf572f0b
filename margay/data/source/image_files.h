#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "margay/data/path_list.h"

namespace margay::data {

/// The ending of a name that ends like an image's (".jpg" of "a.jpg", ".PNG" of "a.PNG"), else "".
std::string_view image_extension(std::string_view name);

/// Whether the file name ends like an image's (.jpg, .png, …; case does not matter).
bool has_image_extension(const std::filesystem::path& path);

/// All images below `folder`, at any depth, in natural order of their paths: files whose name ends like an
/// image's, and files of other names whose first bytes are an image's, unless they end like a text or an archive
/// (.txt, .json, .zip, …). Hidden files and folders are left out. Links to folders are followed, as fastai's
/// get_image_files does, but each folder is taken once: by its own path if that lies below, else by the first link.
/// Throws core::DataError when the folder is missing, is a file, or holds no image, and for a folder below it that
/// may not be read.
PathList image_files(const std::filesystem::path& folder);

/// A folder that may not be read.
struct ClosedFolder {
  std::filesystem::path path;
  std::string problem;
};

struct ImageSearch {
  PathList images;
  std::vector<ClosedFolder> closed;
};

/// The same, but what may not be read is told, not thrown, as long as there is an image elsewhere.
ImageSearch search_images(const std::filesystem::path& folder);

}  // namespace margay::data
