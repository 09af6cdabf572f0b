#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "margay/data/source/folder_listing.h"

namespace margay::data {

/// One folder on the way.
struct WalkedFolder {
  std::filesystem::path path;
  FolderListing listing;  ///< empty where there is a problem
  std::string problem;    ///< why it may not be read, or ""
};

/// A folder and all below it, each once, hidden ones left out. Links to folders are followed where no other path leads:
/// those that lie in the tree come first, then the links in the order of their paths. So loops end, and the paths do
/// not depend on the order in which the file system lists.
class FolderWalk {
 public:
  explicit FolderWalk(const std::filesystem::path& root) : folders_{root.native()} {}

  /// Nothing at the end. Throws core::IoError for failures of the system other than a missing right.
  std::optional<WalkedFolder> next();

 private:
  std::optional<std::string> next_path();

  std::vector<std::string> folders_;
  std::set<std::string> links_;
  std::set<FolderId> seen_;
};

}  // namespace margay::data
