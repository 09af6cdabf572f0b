#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "margay/data/path_list.h"

namespace margay::data {

/// What the file system knows a folder by, however its path is written.
struct FolderId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  auto operator<=>(const FolderId&) const = default;
};

/// The names of what lies directly in a folder, in no order; hidden folders are left out.
struct FolderListing {
  FolderId id;
  PathList files;  ///< links to files included
  PathList hidden_files;
  std::vector<std::string> folders;
  std::vector<std::string> linked_folders;  ///< links to folders
};

/// Empty for a folder that is gone. Throws core::DataError for one that may not be read, core::IoError for other
/// failures of the system.
FolderListing list_folder(const std::filesystem::path& folder);

/// Throws core::DataError unless `folder` is one and may be looked at. Where it is missing the message says how far the
/// path exists and which name there is similar.
void check_folder(const std::filesystem::path& folder);

/// Completes "there is no such …": "; '/data' holds no 'pest'; did you mean 'pets'?"
std::string how_far_it_exists(const std::filesystem::path& missing);

}  // namespace margay::data
