#include "margay/data/source/folder_layout.h"

#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>

#include "margay/data/source/names.h"

namespace margay::data {
namespace {

constexpr const char* kHowToDecide =
    "name the folders with `train_folder` and `valid_folder`, or draw the validation set from all images with "
    "`valid_fraction`";

constexpr std::array kAllParts = {SplitPart::kTrain, SplitPart::kValid, SplitPart::kTest};

std::size_t part_index(SplitPart part) { return static_cast<std::size_t>(part); }

std::size_t count_kinds(const std::vector<bool>& kinds) {
  return static_cast<std::size_t>(std::count(kinds.begin(), kinds.end(), true));
}

std::vector<bool> kinds_of(const std::vector<std::optional<SplitPart>>& parts) {
  std::vector<bool> kinds(3, false);
  for (const auto& part : parts) {
    if (part) kinds[part_index(*part)] = true;
  }
  return kinds;
}

/// Names that share their other words, "seg_train" and "seg_test", and say at least two parts.
class PartGroups {
 public:
  void add(const PartName& name) {
    kinds_.try_emplace(name.rest, 3, false).first->second[part_index(name.part)] = true;
  }
  bool splits(const std::string& rest) const {
    const auto found = kinds_.find(rest);
    return found != kinds_.end() && count_kinds(found->second) > 1;
  }
  std::size_t splitting() const {
    return static_cast<std::size_t>(
        std::count_if(kinds_.begin(), kinds_.end(), [](const auto& group) { return count_kinds(group.second) > 1; }));
  }

 private:
  std::map<std::string, std::vector<bool>> kinds_;
};

}  // namespace

FolderLayout::FolderLayout(const Root& root, const PathList& images, const LabelOf& label_of) : label_of_(label_of) {
  folders_.emplace_back();
  place(root, images);
  count_images();
  if (problem_.empty()) settle(read(0));
  find_frame();
}

std::uint32_t FolderLayout::folder_of(std::string_view path) {
  if (path.empty()) return 0;
  const auto known = places_.find(std::string(path));
  if (known != places_.end()) return known->second;
  const std::size_t slash = path.rfind('/');
  const std::uint32_t parent = slash == std::string_view::npos ? 0 : folder_of(path.substr(0, slash));
  const auto id = static_cast<std::uint32_t>(folders_.size());
  folders_.push_back({.parent = parent, .name = std::string(file_name(path))});
  folders_[parent].children.push_back(id);
  return places_.emplace(path, id).first->second;
}

void FolderLayout::place(const Root& root, const PathList& images) {
  std::string last = "/";  // no folder
  for (std::size_t i = 0; i < images.size(); ++i) {
    const auto below = root.below(images.text(i));
    const std::string relative = below ? std::string(*below) : root.relative(images.text(i));
    const bool is_outside = relative.starts_with("../") || relative.starts_with('/');
    const std::size_t slash = relative.rfind('/');
    const std::string folder = is_outside || slash == std::string::npos ? "" : relative.substr(0, slash);
    if (folder == last) {
      folder_of_image_.push_back(folder_of_image_.back());
    } else {
      folder_of_image_.push_back(folder_of(last = folder));
    }
    Folder& here = folders_[folder_of_image_.back()];
    if (here.images++ == 0) here.first_image = i;
  }
}

void FolderLayout::count_images() {
  for (std::size_t f = folders_.size(); f-- > 0;) {
    Folder& folder = folders_[f];
    folder.all_images += folder.images;
    if (f > 0) folders_[folder.parent].all_images += folder.all_images;
  }
}

FolderLayout::Parts FolderLayout::parts_of(const std::vector<std::uint32_t>& folders) {
  std::vector<std::optional<PartName>> names;
  PartGroups groups;
  for (const std::uint32_t f : folders) {
    names.push_back(part_of_name(folders_[f].name));
    if (names.back()) groups.add(*names.back());
  }
  Parts parts;
  for (const auto& name : names) {
    const bool is_plain = name && name->rest.empty();
    const bool is_group = name && groups.splitting() == 1 && groups.splits(name->rest);
    const bool is_other_test = name && name->part == SplitPart::kTest && groups.splits("");
    parts.push_back(is_plain || is_group || is_other_test ? std::optional(name->part) : std::nullopt);
  }
  if (groups.splitting() > 1 || (folders.size() > 1 && std::all_of(folders.begin(), folders.end(), [this](auto f) {
                                   return names_a_fold(folders_[f].name);
                                 }))) {
    suspect(folders, Parts(folders.size()));
  }
  return parts;
}

FolderLayout::Said FolderLayout::read_all(const std::vector<std::uint32_t>& folders) {
  bool is_all = true;
  bool is_any = false;
  for (const std::uint32_t f : folders) {
    const Said said = read(f);
    is_all &= said == Said::kAll;
    is_any |= said != Said::kNothing;
  }
  if (!is_any) return Said::kNothing;
  return is_all ? Said::kAll : Said::kSome;
}

/// Whether most images of the folder have its name as label.
bool FolderLayout::is_class(std::uint32_t folder) const {
  std::uint32_t holder = folder;
  while (2 * folders_[holder].images < folders_[holder].all_images) {
    const std::vector<std::uint32_t>& children = folders_[holder].children;
    holder = *std::max_element(children.begin(), children.end(), [this](std::uint32_t a, std::uint32_t b) {
      return folders_[a].all_images < folders_[b].all_images;
    });
  }
  return label_of_(folders_[holder].first_image) == folders_[folder].name;
}

/// Whether these folders, called as parts, are classes.
bool FolderLayout::are_classes(const std::vector<std::uint32_t>& folders, const Parts& parts) const {
  if (count_kinds(kinds_of(parts)) != 1) return false;
  for (std::size_t i = 0; i < folders.size(); ++i) {
    if (parts[i] && !is_class(folders[i])) return false;
  }
  return true;
}

FolderLayout::Said FolderLayout::read(std::uint32_t folder) {
  const std::vector<std::uint32_t> children = folders_[folder].children;
  const Parts parts = parts_of(children);
  const auto named = std::count_if(parts.begin(), parts.end(), [](const auto& part) { return part.has_value(); });
  if (named == 0) return read_all(children);
  if (static_cast<std::size_t>(named) < children.size()) return read_mixed(children, parts);
  if (are_classes(children, parts)) return read_all(children);
  assign(children, parts);
  return Said::kAll;
}

std::vector<bool> FolderLayout::kinds_below(std::uint32_t folder) const {
  std::vector<bool> kinds(3, false);
  for (const std::uint32_t child : folders_[folder].children) {
    const std::vector<bool> below = folders_[child].part ? kinds_of({folders_[child].part}) : kinds_below(child);
    for (std::size_t k = 0; k < kinds.size(); ++k) kinds[k] = kinds[k] || below[k];
  }
  return kinds;
}

/// Whether folders hold a part that there is beside them already, as a copy of the data inside itself does.
bool FolderLayout::repeat_a_part(const std::vector<std::uint32_t>& folders, const Parts& parts) const {
  const std::vector<bool> kinds = kinds_of(parts);
  return std::any_of(folders.begin(), folders.end(), [&](std::uint32_t f) {
    const std::vector<bool> below = kinds_below(f);
    return std::any_of(kAllParts.begin(), kAllParts.end(),
                       [&](SplitPart part) { return kinds[part_index(part)] && below[part_index(part)]; });
  });
}

/// Folders of parts beside others: the others may hold folders of parts themselves. If all do, and those of parts as
/// well, then all are classes.
FolderLayout::Said FolderLayout::read_mixed(const std::vector<std::uint32_t>& children, const Parts& parts) {
  std::vector<std::uint32_t> of_parts;
  std::vector<std::uint32_t> others;
  for (std::size_t i = 0; i < children.size(); ++i) (parts[i] ? of_parts : others).push_back(children[i]);
  const Said of_others = read_all(others);
  const bool are_others_split = of_others == Said::kAll;
  const bool are_all_split = are_others_split && std::all_of(of_parts.begin(), of_parts.end(), [this](auto f) {
                               return read(f) == Said::kAll && count_kinds(kinds_below(f)) > 1;
                             });
  if (are_all_split) return Said::kAll;
  if (!are_others_split && are_classes(children, parts)) {
    return read_all(of_parts) == of_others ? of_others : Said::kSome;
  }
  assign(children, parts);
  if (are_others_split && !repeat_a_part(others, parts)) return Said::kAll;
  suspect(children, parts);
  for (const std::uint32_t f : of_parts) {
    if (is_class(f)) folders_[f].part.reset();
  }
  return Said::kSome;
}

void FolderLayout::assign(const std::vector<std::uint32_t>& folders, const Parts& parts) {
  for (std::size_t i = 0; i < folders.size(); ++i) folders_[folders[i]].part = parts[i];
}

void FolderLayout::suspect(const std::vector<std::uint32_t>& folders, const Parts& parts) {
  if (!problem_.empty()) return;
  NameList named;
  NameList others;
  for (std::size_t i = 0; i < folders.size(); ++i) (parts[i] ? named : others).add(path_of(folders[i]));
  if (named.empty()) {
    const bool are_folds = names_a_fold(folders_[folders.front()].name);
    problem_ = fmt::format("the folders {} look like a split, but do not say what trains and what validates; {}{}",
                           others.text(), are_folds ? "keep each whole with `split` grouped and `group_regex`, " : "",
                           kHowToDecide);
  } else {
    problem_ = fmt::format("the folders {} look like a split, but {} beside them {} of neither part; {}", named.text(),
                           others.text(), others.size() == 1 ? "is" : "are", kHowToDecide);
  }
}

/// Decides what the whole says. Where it cannot be followed, only test sets stay known.
void FolderLayout::settle(Said said) {
  kinds_ = kinds_below(0);
  if (said == Said::kSome && problem_.empty() && count_kinds(kinds_) > 0) {
    NameList named;
    for (std::uint32_t f = 0; f < folders_.size(); ++f) {
      if (folders_[f].part) named.add(path_of(f));
    }
    problem_ =
        fmt::format("the folders {} look like a split, but other folders hold none; {}", named.text(), kHowToDecide);
  }
  if (said == Said::kAll && problem_.empty() && !has(SplitPart::kTrain)) {
    problem_ = fmt::format("its folders hold a {} set, but no training set; {}",
                           has(SplitPart::kValid) ? "validation" : "test", kHowToDecide);
  }
}

std::optional<SplitPart> FolderLayout::part(std::size_t i) const {
  std::optional<SplitPart> outermost;
  for (std::uint32_t f = folder_of_image_[i]; f != 0; f = folders_[f].parent) {
    if (folders_[f].part) outermost = folders_[f].part;
  }
  if (problem_.empty() || outermost == SplitPart::kTest) return outermost;
  return std::nullopt;
}

/// Marks the folder, and those below it that only wrap the folders of classes: each the only one beside the next, up to
/// one that holds several.
void FolderLayout::follow_wrappers(std::uint32_t folder) {
  folders_[folder].is_frame = true;
  std::vector<std::uint32_t> wrappers;
  while (folders_[folder].children.size() == 1) {
    wrappers.push_back(folder = folders_[folder].children.front());
    if (2 * folders_[folder].images > folders_[folder].all_images) return;
  }
  if (folders_[folder].children.empty()) return;
  for (const std::uint32_t wrapper : wrappers) folders_[wrapper].is_frame = true;
}

void FolderLayout::find_frame() {
  follow_wrappers(0);
  for (std::uint32_t f = 1; f < folders_.size(); ++f) {
    if (folders_[f].part) follow_wrappers(f);
  }
}

bool FolderLayout::is_loose(std::size_t i, std::int64_t levels) const {
  std::uint32_t folder = folder_of_image_[i];
  if (levels == 1 && holds_parts(folder)) return true;
  for (; levels > 1 && folder != 0; --levels) folder = folders_[folder].parent;
  return folders_[folder].is_frame;
}

bool FolderLayout::holds_parts(std::uint32_t folder) const {
  const std::vector<std::uint32_t>& children = folders_[folder].children;
  return std::any_of(children.begin(), children.end(), [this](auto child) { return folders_[child].part.has_value(); });
}

std::string FolderLayout::nested_class() const {
  for (std::uint32_t f = 1; f < folders_.size(); ++f) {
    const Folder& folder = folders_[f];
    if (!folder.is_frame && folder.images > 0 && folder.all_images > folder.images) return path_of(f);
  }
  return "";
}

std::string FolderLayout::path_of(std::uint32_t folder) const {
  std::string path = folders_[folder].name;
  for (std::uint32_t f = folders_[folder].parent; f != 0; f = folders_[f].parent) path = folders_[f].name + "/" + path;
  return path;
}

}  // namespace margay::data
