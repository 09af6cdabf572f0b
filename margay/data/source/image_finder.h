#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "margay/data/source/image_files.h"
#include "margay/data/source/names.h"

namespace margay::data {

/// The names by which a table or a list refers to images: paths relative to one of the roots, absolute paths, or just
/// file names. The extension may be missing.
class ImageNames {
 public:
  explicit ImageNames(std::vector<Root> roots);

  /// Returns false, and adds nothing, if the name is there already.
  bool add(std::string_view name) { return index_.add(tidied(name)); }

  /// The number of the name that refers to this image, by its relative path first, then by its file name.
  std::optional<std::size_t> find(std::string_view image) const;
  /// The number of a name as it was added.
  std::optional<std::size_t> number(std::string_view name) const { return index_.find(tidied(name)); }

  std::size_t size() const { return index_.size(); }
  std::string_view name(std::size_t i) const { return index_.name(i); }
  const std::vector<Root>& roots() const { return roots_; }

 private:
  std::string tidied(std::string_view name) const;
  std::optional<std::size_t> with_or_without_extension(std::string_view name) const;

  std::vector<Root> roots_;
  Root absolute_root_;  ///< the first root; absolute names become relative to it
  NameIndex index_;
};

/// Finds the files that names refer to; lists each folder once.
class ImageFinder {
 public:
  explicit ImageFinder(const std::vector<Root>& roots);
  ~ImageFinder();
  ImageFinder(const ImageFinder&) = delete;
  ImageFinder& operator=(const ImageFinder&) = delete;

  /// The path below the first root that has such a file, or "". A missing extension is found. Throws core::DataError
  /// for a name without extension that fits two images.
  std::string find(std::string_view name);
  /// A suggestion with the most similar file name: "; did you mean 'b.jpg'?" or "".
  std::string did_you_mean(std::string_view name);

 private:
  class Folder;
  Folder& folder(std::string_view path);

  const std::vector<Root>& roots_;
  std::vector<std::unique_ptr<Folder>> folders_;
  NameIndex places_;  ///< of the folders
};

}  // namespace margay::data
