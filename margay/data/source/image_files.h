#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "margay/data/item.h"
#include "margay/data/source/folder_walk.h"
#include "margay/data/source/image_name.h"
#include "margay/data/source/left_out.h"

namespace margay::data {

/// All images below `folder`, at any depth, in natural order of their paths: files with an extension of images, and
/// other files whose first bytes are those of an image, unless they have an extension of texts or archives (.txt,
/// .json, .zip, …). What is hidden or left by systems is left out. Links to folders are followed, as by fastai's
/// get_image_files, but each folder is visited once: by its own path if that is below `folder`, otherwise by the first
/// link. Throws core::DataError when the folder is missing, is a file, or holds no image, and for a folder below it
/// that may not be read.
PathList image_files(const std::filesystem::path& folder);

/// A folder that may not be read.
struct ClosedFolder {
  std::filesystem::path path;
  std::string problem;
};

struct ImageSearch {
  PathList images;
  std::vector<ClosedFolder> closed;
  PathList empty_folders;  ///< the outermost folders without an image
  LeftOut left_out;        ///< the empty folders included
};

/// The same with all that it leaves out. Folders that may not be read are reported and do not throw, as long as there
/// is an image elsewhere.
ImageSearch search_images(const std::filesystem::path& folder);

/// Throws core::DataError for the first folder that may not be read.
void check_all_open(const ImageSearch& search);

}  // namespace margay::data
