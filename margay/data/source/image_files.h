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

/// The extension of a name if it is one of images (".jpg" of "a.jpg", ".PNG" of "a.PNG"), otherwise "".
std::string_view image_extension(std::string_view name);

/// Whether the file name has an extension of images (.jpg, .png, …, in any case).
bool has_image_extension(const std::filesystem::path& path);

/// Nothing for a file that is an image by its name or, where that tells nothing, by its first bytes; else what it is
/// instead. A raw image of a camera that begins as a TIFF does is known by its name.
std::optional<LeftOutKind> why_no_image(const std::string& path);

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
