#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "margay/data/source/name_index.h"
#include "margay/data/source/root.h"

namespace margay::data {

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
