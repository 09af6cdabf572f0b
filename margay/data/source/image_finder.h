#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "margay/data/source/image_files.h"
#include "margay/data/source/names.h"

namespace margay::data {

/// Names by which a table or a list means images: paths relative to one of the roots, absolute paths, or just file
/// names; the extension may be missing.
class ImageNames {
 public:
  explicit ImageNames(std::vector<Root> roots);

  /// False, and nothing added, when the name is there already.
  bool add(std::string_view name) { return index_.add(tidied(name)); }

  /// The number of the name that means this image: its relative path first, then its file name.
  std::optional<std::size_t> find(std::string_view image) const;
  /// Of a name as it was added.
  std::optional<std::size_t> number(std::string_view name) const { return index_.find(tidied(name)); }

  std::size_t size() const { return index_.size(); }
  std::string_view name(std::size_t i) const { return index_.name(i); }
  const std::vector<Root>& roots() const { return roots_; }

 private:
  std::string tidied(std::string_view name) const;
  std::optional<std::size_t> with_or_without_extension(std::string_view name) const;

  std::vector<Root> roots_;
  Root absolute_root_;  ///< the first one, by which absolute names become relative to it
  NameIndex index_;
};

/// Finds the files that names mean; lists each folder once.
class ImageFinder {
 public:
  explicit ImageFinder(const std::vector<Root>& roots);
  ~ImageFinder();
  ImageFinder(const ImageFinder&) = delete;
  ImageFinder& operator=(const ImageFinder&) = delete;

  /// The path below the first root that has it, its extension found where it is missing; "" where no root has it.
  /// Throws core::DataError for a name without extension that two images fit.
  std::string find(std::string_view name);
  /// The file name most like this one where it was looked for: "; did you mean 'b.jpg'?" or "".
  std::string did_you_mean(std::string_view name);

 private:
  class Folder;
  Folder& folder(std::string_view path);

  const std::vector<Root>& roots_;
  std::vector<std::unique_ptr<Folder>> folders_;
  NameIndex places_;  ///< of the folders
};

}  // namespace margay::data
