#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "margay/data/item.h"
#include "margay/data/source/left_out.h"

namespace margay::data {

/// A folder that names are relative to, prepared for use with many paths.
class Root {
 public:
  explicit Root(const std::filesystem::path& folder);

  const std::filesystem::path& folder() const { return folder_; }
  /// "sub/b.jpg" of "pics/sub/b.jpg" below "pics"; nothing if the path does not begin with the folder as it is written.
  std::optional<std::string_view> below(std::string_view path) const;
  /// The same, with forward slashes, for paths that are written otherwise or lie outside ("../other/b.jpg").
  std::string relative(std::string_view path) const;
  /// The path of a relative name; an absolute name is one already.
  std::string path(std::string_view name) const;

 private:
  std::filesystem::path folder_;
  std::string prefix_;  ///< the folder with a slash; "" for the empty path
};

/// "b.jpg" of "pics/sub/b.jpg".
std::string_view file_name(std::string_view path);

/// The identity of a folder in the file system, however its path is written.
struct FolderId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  auto operator<=>(const FolderId&) const = default;
};

/// An entry of a folder that is no data.
struct LeftOutEntry {
  LeftOutKind kind;
  EntryKind entry;
  std::string name;
};

/// The names of the direct entries of a folder, in no particular order.
struct FolderListing {
  FolderId id;
  PathList files;  ///< links to files included
  std::vector<std::string> folders;
  std::vector<std::string> linked_folders;  ///< links to folders
  std::vector<LeftOutEntry> left_out;       ///< hidden ones and those of systems; they are in no other list

  /// Whether it is the folder of a training, with its settings and its results.
  bool is_run() const;
};

/// Returns an empty listing for a folder that is gone. Throws core::DataError for a folder that may not be read, and
/// core::IoError for other failures of the system.
FolderListing list_folder(const std::filesystem::path& folder);

/// Throws core::DataError unless `folder` is a folder that may be read. If it is missing, the message says how far the
/// path exists and which name there is similar.
void check_folder(const std::filesystem::path& folder);

/// Completes "there is no such …": "; '/data' holds no 'pest'; did you mean 'pets'?"
std::string how_far_it_exists(const std::filesystem::path& missing);

/// One folder of a walk.
struct WalkedFolder {
  std::filesystem::path path;
  FolderListing listing;                     ///< empty if there is a problem
  std::string problem;                       ///< why it may not be read, or ""
  std::optional<LeftOutKind> left_out = {};  ///< why nothing in it is data: kSecondLink, kRun
};

/// Walks over a folder and all folders below it, each once, without hidden ones and those of systems. Folders of the
/// tree come first, then links to other folders in the order of their paths. So loops end, and the paths do not depend
/// on the order in which the file system lists entries. Folders of runs are not entered, unless they are the root.
class FolderWalk {
 public:
  explicit FolderWalk(const std::filesystem::path& root) : root_(root.native()), folders_{root.native()} {}

  /// The next folder, or nothing at the end. Throws core::IoError for failures of the system other than missing
  /// permission.
  std::optional<WalkedFolder> next();

 private:
  std::optional<std::string> next_path();

  std::string root_;
  std::vector<std::string> folders_;
  std::set<std::string> links_;
  std::set<FolderId> seen_;
};

}  // namespace margay::data
