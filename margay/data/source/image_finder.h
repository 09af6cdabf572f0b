#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "margay/data/source/image_files.h"
#include "margay/data/source/names.h"

namespace margay::data {

/// A name in the form that all spellings of one file share: in Unicode's form C (macOS writes form D), with '/' for
/// '\\' (tables made on Windows), without blanks at the ends and detours such as "./".
std::string plain_name(std::string_view name);

/// The names by which a table or a list refers to images: paths relative to one of the roots, absolute paths, or just
/// file names. The extension may be missing. A name means the image that is spelled so, byte by byte; if there is none,
/// the one of the same plain_name.
class ImageNames {
 public:
  explicit ImageNames(std::vector<Root> roots);

  /// Returns false, and adds nothing, if the name is there already.
  bool add(std::string_view name);

  /// The number of the name that refers to this image by its path, relative or absolute.
  std::optional<std::size_t> find_path(std::string_view image) const;
  /// The same, or else by its file name.
  std::optional<std::size_t> find(std::string_view image) const;
  /// The same of many images. A name that is the path of one of them is not taken for the file name of another.
  std::vector<std::optional<std::size_t>> find_each(const PathList& images) const;
  /// The number of a name as it was added.
  std::optional<std::size_t> number(std::string_view name) const { return index_.find(tidied(name)); }

  std::size_t size() const { return index_.size(); }
  std::string_view name(std::size_t i) const { return index_.name(i); }
  const std::vector<Root>& roots() const { return roots_; }

 private:
  std::string tidied(std::string_view name) const;
  std::optional<std::size_t> with_or_without_extension(std::string_view name) const;
  std::optional<std::size_t> exact_or_plain(std::string_view name) const;
  std::optional<std::size_t> number_of_plain(std::string_view plain) const;

  std::vector<Root> roots_;
  Root absolute_root_;  ///< the first root; absolute names become relative to it
  NameIndex index_;
  NameIndex plain_;  ///< of the names that are not plain
  std::vector<std::uint32_t> number_of_plain_;
};

/// Finds the files that names refer to; lists each folder once.
class ImageFinder {
 public:
  explicit ImageFinder(const std::vector<Root>& roots);
  ~ImageFinder();
  ImageFinder(const ImageFinder&) = delete;
  ImageFinder& operator=(const ImageFinder&) = delete;

  /// The path below the first root that has such a file, or "". A missing extension is found. If no root has the name
  /// as it is spelled, the file of the same plain_name is found. Throws core::DataError for a name without extension,
  /// or of another spelling, that fits two images.
  std::string find(std::string_view name);
  /// The images of the folders that were looked into: their paths.
  PathList images() const;
  /// A suggestion with the most similar file name: "; did you mean 'b.jpg'?"; for a path of Windows what to do; or "".
  std::string did_you_mean(std::string_view name);

 private:
  class Folder;
  Folder& folder(std::string_view path);
  std::string find_exact(std::string_view path);
  std::string find_plain(std::string_view path);
  std::optional<std::string> place_as_spelled(std::string_view place);

  const std::vector<Root>& roots_;
  std::vector<std::unique_ptr<Folder>> folders_;
  NameIndex places_;  ///< of the folders
};

}  // namespace margay::data
