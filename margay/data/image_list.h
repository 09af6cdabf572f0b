#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "margay/data/image/image_source.h"

namespace margay::data {

/// A list of file names in one block of memory: a million take about 70 MB, where std::filesystem::path takes 400 MB.
class PathList {
 public:
  class Iterator;

  PathList() = default;
  PathList(const std::vector<std::filesystem::path>& paths) { append(paths); }  // NOLINT: converts on purpose
  PathList(std::initializer_list<std::filesystem::path> paths) { append(paths); }

  void add(std::string_view path);
  template <class Paths>
  void append(const Paths& paths) {
    for (const std::filesystem::path& path : paths) add(path.native());
  }

  std::size_t size() const { return places_.size(); }
  bool empty() const { return places_.empty(); }
  /// Stays valid until the list changes. i must lie in 0 … size-1; it is not checked.
  std::string_view text(std::size_t i) const { return text(places_[i]); }
  std::filesystem::path operator[](std::size_t i) const { return text(i); }
  std::filesystem::path front() const { return text(0); }
  Iterator begin() const;
  Iterator end() const;

  /// The same names in the same order.
  bool operator==(const PathList& other) const;

  /// As core::natural_less orders names. A million take 0.2 s on an AMD EPYC.
  void sort();

 private:
  struct Place {
    std::uint64_t begin;
    std::uint32_t length;
  };

  std::string_view text(const Place& place) const { return {names_.data() + place.begin, place.length}; }

  std::string names_;
  std::vector<Place> places_;
};

/// Creates each path when it is dereferenced.
class PathList::Iterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = std::filesystem::path;
  using difference_type = std::ptrdiff_t;
  using pointer = void;
  using reference = std::filesystem::path;

  Iterator(const PathList& list, std::size_t at) : list_(&list), at_(at) {}
  std::filesystem::path operator*() const { return (*list_)[at_]; }
  Iterator& operator++() {
    ++at_;
    return *this;
  }
  bool operator==(const Iterator& other) const { return at_ == other.at_; }

 private:
  const PathList* list_;
  std::size_t at_;
};

inline PathList::Iterator PathList::begin() const { return {*this, 0}; }
inline PathList::Iterator PathList::end() const { return {*this, size()}; }

/// A list of images, each a file or bytes in memory. Without bytes it is as compact as a PathList.
class ImageList {
 public:
  ImageList() = default;
  ImageList(PathList files) : names_(std::move(files)) {}                           // NOLINT: converts on purpose
  ImageList(const std::vector<std::filesystem::path>& files) : names_(files) {}     // NOLINT: converts on purpose
  ImageList(std::initializer_list<std::filesystem::path> files) : names_(files) {}  // NOLINT: converts on purpose
  ImageList(const std::vector<ImageSource>& images) { append(images); }             // NOLINT: converts on purpose
  ImageList(std::initializer_list<ImageSource> images) { append(images); }          // NOLINT: converts on purpose

  void add(const ImageSource& image);
  /// Adds the image at position i of another list.
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
  /// Stores the bytes of the image whose name is added next.
  void keep_bytes(ImageSource::Bytes bytes);
  ImageSource::Bytes bytes_of(std::size_t i) const { return i < bytes_.size() ? bytes_[i] : nullptr; }

  PathList names_;
  std::vector<ImageSource::Bytes> bytes_;  ///< up to the last image that has some
};

}  // namespace margay::data
