#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "margay/data/source/image_files.h"
#include "margay/data/source/part_names.h"

namespace margay::data {

/// What the names of the folders say about classes and split. Folders split where every folder beside them is a part's
/// too (part_of_name), at any depth: DATA/train/CLASS, DATA/images/Training/CLASS, DATA/CLASS/val,
/// DATA/seg_train/seg_train beside DATA/seg_test/seg_test; the outermost such folder decides. A folder called `train`
/// whose images have the label "train" is a class where none beside it is another part.
class FolderLayout {
 public:
  /// The label of image i of the list, "" if it has none; asked for a few images.
  using LabelOf = std::function<std::string(std::size_t i)>;

  /// images: of `root`; where one lies outside, the folders say nothing.
  FolderLayout(const Root& root, const PathList& images, const LabelOf& label_of);

  /// Why folders that look like a split are none that can be followed, naming them and the options that decide; or "".
  /// `part` then only tells the test set.
  const std::string& problem() const { return problem_; }
  /// Whether images are in this part.
  bool has(SplitPart part) const { return kinds_[static_cast<std::size_t>(part)]; }
  /// The part of image i; nothing where folders do not split, and for images outside the folders of parts.
  std::optional<SplitPart> part(std::size_t i) const;

  /// Whether the folder that gives image i its label, `levels` up, is none of a class: the root, one that only wraps
  /// the others, or one of a part.
  bool is_loose(std::size_t i, std::int64_t levels) const;
  /// Images that lie both in a class's folder and in folders below it, which then count as classes of their own: the
  /// outer folder, relative to the root; or "".
  std::string nested_class() const;

 private:
  struct Folder {
    std::uint32_t parent = 0;
    std::string name;
    std::vector<std::uint32_t> children;
    std::size_t images = 0;       ///< directly in it
    std::size_t first_image = 0;  ///< of those
    std::size_t all_images = 0;   ///< at any depth
    std::optional<SplitPart> part;
    bool is_frame = false;  ///< none of a class
  };
  enum class Said { kNothing, kSome, kAll };
  using Parts = std::vector<std::optional<SplitPart>>;

  std::uint32_t folder_of(std::string_view path);
  void place(const Root& root, const PathList& images);
  void count_images();
  Said read(std::uint32_t folder);
  Said read_all(const std::vector<std::uint32_t>& folders);
  Said read_mixed(const std::vector<std::uint32_t>& children, const Parts& parts);
  Parts parts_of(const std::vector<std::uint32_t>& folders);
  bool repeat_a_part(const std::vector<std::uint32_t>& folders, const Parts& parts) const;
  void assign(const std::vector<std::uint32_t>& folders, const Parts& parts);
  bool is_class(std::uint32_t folder) const;
  bool are_classes(const std::vector<std::uint32_t>& folders, const Parts& parts) const;
  std::vector<bool> kinds_below(std::uint32_t folder) const;
  void suspect(const std::vector<std::uint32_t>& folders, const Parts& parts);
  void settle(Said said);
  void find_frame();
  void follow_wrappers(std::uint32_t folder);
  bool holds_parts(std::uint32_t folder) const;
  std::string path_of(std::uint32_t folder) const;

  LabelOf label_of_;
  std::vector<Folder> folders_;  ///< the root first, each after its parent
  std::unordered_map<std::string, std::uint32_t> places_;
  std::vector<std::uint32_t> folder_of_image_;
  std::vector<bool> kinds_ = {false, false, false};
  std::string problem_;
};

}  // namespace margay::data
