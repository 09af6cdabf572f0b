#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "margay/data/image_list.h"

namespace margay::data {

/// File names, end to end in one block of memory: a million take about 70 MB, as std::filesystem::path 400 MB.
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
  std::string_view text(std::size_t i) const { return {names_.data() + places_[i].begin, places_[i].length}; }
  std::filesystem::path operator[](std::size_t i) const { return text(i); }
  std::filesystem::path front() const { return text(0); }
  Iterator begin() const;
  Iterator end() const;

  /// The same names in the same order.
  bool operator==(const PathList& other) const;

  /// less: of two std::string_view.
  template <class Less>
  void sort(Less&& less) {
    const auto name = [this](const Place& place) {
      return std::string_view(names_.data() + place.begin, place.length);
    };
    std::sort(places_.begin(), places_.end(), [&](const Place& a, const Place& b) { return less(name(a), name(b)); });
  }

 private:
  struct Place {
    std::uint64_t begin;
    std::uint32_t length;
  };

  std::string names_;
  std::vector<Place> places_;
};

/// Makes each path on the way.
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

/// What an image's label is: one class of K, or any number of them ("none of these" included).
enum class Task { kSingleLabel, kMultiLabel };

constexpr auto names(Task /*tag*/) {
  return std::array{std::pair{Task::kSingleLabel, "single_label"}, std::pair{Task::kMultiLabel, "multi_label"}};
}

/// Names of classes; of one class where the task is single-label.
using Labels = std::vector<std::string>;

/// Gives an image its labels, or nothing where it cannot. `description` completes "no label by …" in errors.
struct Labeller {
  std::string description;
  std::function<std::optional<Labels>(std::string_view path)> label;
  Task task = Task::kSingleLabel;
};

/// Images and the names of their classes, compactly: a million take about 80 MB.
class Items {
 public:
  explicit Items(Task task = Task::kSingleLabel) : task_(task) {}
  /// Single-label images, said in code.
  Items(std::initializer_list<std::pair<std::filesystem::path, std::string>> images);

  /// Throws std::invalid_argument when a single-label image has another number of labels than one.
  void add(std::string_view path, const Labels& labels);
  void add(const ImageSource& image, const Labels& labels);
  /// The image at position i of the list.
  void add(const ImageList& images, std::size_t i, const Labels& labels);

  Task task() const { return task_; }
  std::size_t size() const { return images_.size(); }
  const PathList& paths() const { return images_.names(); }
  /// The name of an image that is no file.
  std::filesystem::path path(std::size_t i) const { return paths()[i]; }
  ImageSource image(std::size_t i) const { return images_[i]; }
  /// Positions in label_names().
  std::span<const std::uint32_t> label_ids(std::size_t i) const;
  /// Every label that occurs, in order of first appearance.
  const std::vector<std::string>& label_names() const { return label_names_; }
  /// "cat"; "cat;dog" where there are several; "" where there is none.
  std::string label(std::size_t i) const;

 private:
  void add_labels(std::string_view name, const Labels& labels);

  Task task_;
  ImageList images_;
  std::vector<std::uint32_t> label_ids_;
  std::vector<std::size_t> first_label_ = {0};  ///< of image i in label_ids_; one more at the end
  std::vector<std::string> label_names_;
  std::unordered_map<std::string, std::uint32_t> id_of_label_;
};

/// Which items train and which validate, by index; together each index at most once.
struct Split {
  std::vector<std::size_t> train;
  std::vector<std::size_t> valid;
};

using Splitter = std::function<Split(const Items&)>;

/// Which side of the split an item is transformed for: drawn at random, or always the same.
enum class Phase { kTrain, kValid };

}  // namespace margay::data
