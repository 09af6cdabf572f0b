#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "margay/data/path_list.h"

namespace margay::data {

/// The names of what lies directly in a folder, in no order; hidden ones are left out.
struct FolderListing {
  PathList files;  ///< links to files included
  std::vector<std::string> folders;
};

/// Empty for a folder that is gone or may not be read. Throws core::IoError for other failures of the system.
FolderListing list_folder(const std::filesystem::path& folder);

/// Throws core::DataError unless `folder` is one. Where it is missing the message says how far the path exists and
/// which name there is similar.
void check_folder(const std::filesystem::path& folder);

/// Completes "there is no such …": "; '/data' holds no 'pest'; did you mean 'pets'?"
std::string how_far_it_exists(const std::filesystem::path& missing);

}  // namespace margay::data
