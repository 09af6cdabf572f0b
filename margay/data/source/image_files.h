#pragma once

#include <filesystem>
#include <vector>

namespace margay::data {

/// Whether the file name ends like a picture's (.jpg, .png, …; case does not matter).
bool has_image_extension(const std::filesystem::path& path);

/// All pictures below `folder`, at any depth, in natural order of their paths: files whose name ends like a
/// picture's, and files of other names whose first bytes are a picture's. Hidden files and folders are left out;
/// links to folders are not followed.
/// Throws core::DataError when the folder is missing, is a file, or holds no picture.
std::vector<std::filesystem::path> image_files(const std::filesystem::path& folder);

}  // namespace margay::data
