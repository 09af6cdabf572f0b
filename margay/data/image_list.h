#pragma once

#include <cstddef>
#include <filesystem>
#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

#include "margay/data/image/image_source.h"
#include "margay/data/item.h"

namespace margay::data {

/// Images as files, as bytes in memory, or both: as compact as a PathList where there are no bytes.
class ImageList {
 public:
  ImageList() = default;
  ImageList(PathList files) : names_(std::move(files)) {}                           // NOLINT: converts on purpose
  ImageList(const std::vector<std::filesystem::path>& files) : names_(files) {}     // NOLINT: converts on purpose
  ImageList(std::initializer_list<std::filesystem::path> files) : names_(files) {}  // NOLINT: converts on purpose
  ImageList(const std::vector<ImageSource>& images) { append(images); }             // NOLINT: converts on purpose
  ImageList(std::initializer_list<ImageSource> images) { append(images); }          // NOLINT: converts on purpose

  void add(const ImageSource& image);
  /// The image at position i of another list.
  void add(const ImageList& other, std::size_t i);
  void add_file(std::string_view path) { names_.add(path); }

  std::size_t size() const { return names_.size(); }
  bool empty() const { return names_.empty(); }
  ImageSource operator[](std::size_t i) const { return {names_[i], bytes_of(i)}; }
  /// The paths of the files, the names of the others.
  const PathList& names() const { return names_; }
  bool holds_bytes() const { return !bytes_.empty(); }

 private:
  template <class Images>
  void append(const Images& images) {
    for (const ImageSource& image : images) add(image);
  }
  /// Of the image whose name is added next.
  void keep_bytes(ImageSource::Bytes bytes);
  ImageSource::Bytes bytes_of(std::size_t i) const { return i < bytes_.size() ? bytes_[i] : nullptr; }

  PathList names_;
  std::vector<ImageSource::Bytes> bytes_;  ///< up to the last image that has some
};

}  // namespace margay::data
