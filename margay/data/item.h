#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "margay/data/image_list.h"

namespace margay::data {

/// Whether an image has exactly one of K classes, or any number of them (none included).
enum class Task { kSingleLabel, kMultiLabel };

constexpr auto names(Task /*tag*/) {
  return std::array{std::pair{Task::kSingleLabel, "single_label"}, std::pair{Task::kMultiLabel, "multi_label"}};
}

/// Names of classes; exactly one where the task is single-label.
using Labels = std::vector<std::string>;

/// Gives an image its labels, or nothing if it has none. `description` completes "no label by …" in errors.
struct Labeller {
  std::string description;
  std::function<std::optional<Labels>(std::string_view path)> label;
  Task task = Task::kSingleLabel;
};

/// Images and the names of their classes, stored compactly: a million take about 80 MB.
class Items {
 public:
  explicit Items(Task task = Task::kSingleLabel) : task_(task) {}
  /// Single-label images given in code.
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

/// The indices of the training and the validation set; each index occurs at most once.
struct Split {
  std::vector<std::size_t> train;
  std::vector<std::size_t> valid;
};

using Splitter = std::function<Split(const Items&)>;

/// The side of the split that an item is transformed for: with random draws (training), or always the same
/// (validation).
enum class Phase { kTrain, kValid };

}  // namespace margay::data
