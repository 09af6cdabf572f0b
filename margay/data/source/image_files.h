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

namespace margay::data {

/// A folder that names are relative to, ready for many paths.
class Root {
 public:
  explicit Root(const std::filesystem::path& folder);

  const std::filesystem::path& folder() const { return folder_; }
  /// "sub/b.jpg" of "pics/sub/b.jpg" below "pics"; nothing where the path does not begin with the folder as it is
  /// written.
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
