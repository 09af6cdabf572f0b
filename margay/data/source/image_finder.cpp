#include "margay/data/source/image_finder.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/core/unicode.h"
#include "margay/data/source/csv.h"

namespace margay::data {
namespace {

/// The folder as it is where the current one is gone.
Root absolute(const Root& root) {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::absolute(root.folder(), error);
  return error ? root : Root(path.lexically_normal());
}

std::string without_detours(std::string name) {
  const bool has_one = name.starts_with("./") || name.find("/.") != std::string::npos ||
                       name.find("//") != std::string::npos || name.starts_with("../");
  return has_one ? std::filesystem::path(name).lexically_normal().generic_string() : name;
}

bool may_be_of_windows(std::string_view name) {
  const bool has_drive = name.size() > 2 && name[1] == ':' && (name[2] == '\\' || name[2] == '/');
  return has_drive || name.starts_with("\\\\");
}

}  // namespace

std::string plain_name(std::string_view name) {
  std::string plain = core::composed(without_blank_ends(name));
  std::replace(plain.begin(), plain.end(), '\\', '/');
  return without_detours(std::move(plain));
}

ImageNames::ImageNames(std::vector<Root> roots) : roots_(std::move(roots)), absolute_root_(absolute(roots_.front())) {}

std::string ImageNames::tidied(std::string_view name) const {
  const std::string tidy = without_detours(std::string(name));
  return std::string(absolute_root_.below(tidy).value_or(tidy));
}

bool ImageNames::add(std::string_view name) {
  const std::string tidy = tidied(name);
  if (!index_.add(tidy)) return false;
  const std::string plain = plain_name(tidy);
  if (plain != tidy && plain_.add(tidied(plain)))
    number_of_plain_.push_back(static_cast<std::uint32_t>(index_.size() - 1));
  return true;
}

std::optional<std::size_t> ImageNames::with_or_without_extension(std::string_view name) const {
  if (const auto found = index_.find(name)) return found;
  const std::string_view extension = image_extension(name);
  if (extension.empty()) return std::nullopt;
  return index_.find(name.substr(0, name.size() - extension.size()));
}

std::optional<std::size_t> ImageNames::number_of_plain(std::string_view plain) const {
  if (const auto found = plain_.find(plain)) return number_of_plain_[*found];
  return index_.find(plain);
}

std::optional<std::size_t> ImageNames::exact_or_plain(std::string_view name) const {
  if (const auto found = with_or_without_extension(name)) return found;
  const std::string plain = plain_name(name);
  if (plain_.size() == 0 && plain == name) return std::nullopt;
  if (const auto found = number_of_plain(plain)) return found;
  const std::string_view extension = image_extension(plain);
  if (extension.empty()) return std::nullopt;
  return number_of_plain(std::string_view(plain).substr(0, plain.size() - extension.size()));
}

std::optional<std::size_t> ImageNames::find_path(std::string_view image) const {
  for (const Root& root : roots_) {
    const auto below = root.below(image);
    const auto found = exact_or_plain(without_detours(below ? std::string(*below) : root.relative(image)));
    if (found) return found;
  }
  return exact_or_plain(absolute_root_.below(image).value_or(image));
}

std::optional<std::size_t> ImageNames::find(std::string_view image) const {
  const auto found = find_path(image);
  return found ? found : exact_or_plain(file_name(image));
}

std::vector<std::optional<std::size_t>> ImageNames::find_each(const PathList& images) const {
  std::vector<std::optional<std::size_t>> numbers(images.size());
  std::vector<bool> is_path(size(), false);
  for (std::size_t i = 0; i < images.size(); ++i) {
    numbers[i] = find_path(images.text(i));
    if (numbers[i]) is_path[*numbers[i]] = true;
  }
  for (std::size_t i = 0; i < images.size(); ++i) {
    if (numbers[i]) continue;
    const auto by_file_name = exact_or_plain(file_name(images.text(i)));
    if (by_file_name && !is_path[*by_file_name]) numbers[i] = by_file_name;
  }
  return numbers;
}

namespace fs = std::filesystem;

/// The files of a folder, and their names without extension as soon as one is asked for.
class ImageFinder::Folder {
 public:
  explicit Folder(const fs::path& path) : path_(path) {
    const FolderListing listing = list_folder(path);
    for (std::size_t i = 0; i < listing.files.size(); ++i) files_.add(listing.files.text(i));
    for (const LeftOutEntry& each : listing.left_out) {
      if (each.entry == EntryKind::kFile) hidden_files_.add(each.name);
    }
    for (const auto* folders : {&listing.folders, &listing.linked_folders}) {
      for (const std::string& name : *folders) folders_.add(name);
    }
  }

  /// The file's name, "" where there is none.
  std::string find(std::string_view name) {
    if (files_.find(name)) return std::string(name);
    if (hidden_files_.find(name)) return std::string(name);
    if (!image_extension(name).empty() || name.empty()) return "";
    index_stems();
    const auto found = stems_.find(name);
    if (!found) return "";
    if (several_.contains(std::string(name))) {
      throw core::DataError(path_ / name, "several images have this name without extension; write the extension too");
    }
    return std::string(files_.name(file_of_stem_[*found]));
  }

  /// The file of that plain name, with or without its extension; "" where there is none.
  std::string find_plain(const std::string& plain) {
    if (const std::string exact = find(plain); !exact.empty()) return exact;
    index_plain_names();
    const bool has_extension = !image_extension(plain).empty();
    const auto file = only_one(has_extension ? plain_files_ : plain_stems_, plain);
    return file ? std::string(files_.name(*file)) : "";
  }

  /// The folder of that plain name, nothing where there is none.
  std::optional<std::string> find_folder(const std::string& plain) {
    if (folders_.find(plain)) return plain;
    index_plain_names();
    const auto folder = only_one(plain_folders_, plain);
    return folder ? std::optional(std::string(folders_.name(*folder))) : std::nullopt;
  }

  void add_images(const std::string& place, PathList& images) const {
    for (std::size_t i = 0; i < files_.size(); ++i) {
      if (!image_extension(files_.name(i)).empty()) images.add(place + std::string(files_.name(i)));
    }
  }

  std::string did_you_mean(std::string_view name) const {
    constexpr std::size_t kEnough = 100'000;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < std::min(files_.size(), kEnough); ++i) names.emplace_back(files_.name(i));
    return core::did_you_mean(name, names);
  }

 private:
  /// Numbers of files or folders by plain name.
  using ByPlainName = std::multimap<std::string, std::size_t, std::less<>>;

  void index_plain_names() {
    if (has_plain_names_) return;
    has_plain_names_ = true;
    for (std::size_t i = 0; i < files_.size(); ++i) {
      const std::string plain = plain_name(files_.name(i));
      const std::size_t extension = image_extension(plain).size();
      plain_stems_.emplace(plain.substr(0, plain.size() - extension), i);
      plain_files_.emplace(plain, i);
    }
    for (std::size_t i = 0; i < folders_.size(); ++i) plain_folders_.emplace(plain_name(folders_.name(i)), i);
  }

  std::optional<std::size_t> only_one(const ByPlainName& names, const std::string& plain) const {
    const auto [first, last] = names.equal_range(plain);
    if (first == last) return std::nullopt;
    if (std::next(first) == last) return first->second;
    throw core::DataError(path_ / plain,
                          "several names here differ from this one only in spelling (blanks at the ends, or Unicode's "
                          "forms C and D); write it as it is spelled on the disk");
  }

  void index_stems() {
    if (has_stems_) return;
    has_stems_ = true;
    for (std::size_t i = 0; i < files_.size(); ++i) {
      const std::string_view name = files_.name(i);
      const std::size_t extension = image_extension(name).size();
      if (extension == 0) continue;
      const std::string_view stem = name.substr(0, name.size() - extension);
      if (stems_.add(stem))
        file_of_stem_.push_back(i);
      else
        several_.insert(std::string(stem));
    }
  }

  fs::path path_;
  NameIndex files_;
  NameIndex hidden_files_;  ///< only found by their whole name
  NameIndex folders_;
  bool has_plain_names_ = false;
  ByPlainName plain_files_;
  ByPlainName plain_stems_;
  ByPlainName plain_folders_;
  bool has_stems_ = false;
  NameIndex stems_;
  std::vector<std::size_t> file_of_stem_;
  std::set<std::string> several_;
};

ImageFinder::ImageFinder(const std::vector<Root>& roots) : roots_(roots) {}
ImageFinder::~ImageFinder() = default;

ImageFinder::Folder& ImageFinder::folder(std::string_view path) {
  const auto known = places_.find(path);
  if (known) return *folders_[*known];
  places_.add(path);
  folders_.push_back(std::make_unique<Folder>(fs::path(path)));
  return *folders_.back();
}

std::string ImageFinder::find_exact(std::string_view path) {
  const std::string_view file = file_name(path);
  const std::string_view place = path.substr(0, path.size() - file.size());
  const std::string found = folder(place).find(file);
  return found.empty() ? "" : std::string(place) + found;
}

/// place: ends with a slash, or is "".
std::optional<std::string> ImageFinder::place_as_spelled(std::string_view place) {
  std::error_code ignored;
  if (place.empty() || fs::is_directory(fs::path(place), ignored)) return std::string(place);
  const std::string_view name = file_name(place.substr(0, place.size() - 1));
  const auto above = place_as_spelled(place.substr(0, place.size() - 1 - name.size()));
  const auto spelled = above ? folder(*above).find_folder(plain_name(name)) : std::nullopt;
  return spelled ? std::optional(*above + *spelled + "/") : std::nullopt;
}

std::string ImageFinder::find_plain(std::string_view path) {
  const std::string_view file = file_name(path);
  const auto place = place_as_spelled(path.substr(0, path.size() - file.size()));
  if (!place) return "";
  const std::string found = folder(*place).find_plain(plain_name(file));
  return found.empty() ? "" : *place + found;
}

std::string ImageFinder::find(std::string_view name) {
  const std::string tidy = without_detours(std::string(name));
  for (const Root& root : roots_) {
    if (const std::string found = find_exact(root.path(tidy)); !found.empty()) return found;
  }
  for (const Root& root : roots_) {
    if (const std::string found = find_plain(root.path(plain_name(name))); !found.empty()) return found;
  }
  return "";
}

PathList ImageFinder::images() const {
  PathList images;
  for (std::size_t i = 0; i < folders_.size(); ++i) folders_[i]->add_images(std::string(places_.name(i)), images);
  return images;
}

std::string ImageFinder::did_you_mean(std::string_view name) {
  if (may_be_of_windows(name)) {
    return fmt::format("; '{}' is a path of Windows: write the names relative to the images' folder", name);
  }
  const std::string path = roots_.front().path(plain_name(name));
  const std::string_view file = file_name(path);
  const std::string place = path.substr(0, path.size() - file.size());
  const auto spelled = place_as_spelled(place);
  return spelled ? folder(*spelled).did_you_mean(file) : how_far_it_exists(place);
}

}  // namespace margay::data
