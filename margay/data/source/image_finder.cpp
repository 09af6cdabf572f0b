#include "margay/data/source/image_finder.h"

#include <filesystem>
#include <set>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/core/text.h"

namespace margay::data {
namespace {

/// The folder as it is where the current one is gone.
Root absolute(const Root& root) {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::absolute(root.folder(), error);
  return error ? root : Root(path.lexically_normal());
}

}  // namespace

ImageNames::ImageNames(std::vector<Root> roots) : roots_(std::move(roots)), absolute_root_(absolute(roots_.front())) {}

std::string ImageNames::tidied(std::string_view name) const {
  const bool is_tidy = !name.starts_with("./") && name.find("/.") == std::string_view::npos &&
                       name.find("//") == std::string_view::npos && !name.starts_with("../");
  const std::string tidy =
      is_tidy ? std::string(name) : std::filesystem::path(name).lexically_normal().generic_string();
  return std::string(absolute_root_.below(tidy).value_or(tidy));
}

std::optional<std::size_t> ImageNames::with_or_without_extension(std::string_view name) const {
  if (const auto found = index_.find(name)) return found;
  const std::string_view extension = image_extension(name);
  if (extension.empty()) return std::nullopt;
  return index_.find(name.substr(0, name.size() - extension.size()));
}

std::optional<std::size_t> ImageNames::find(std::string_view image) const {
  for (const Root& root : roots_) {
    const auto below = root.below(image);
    const auto found = below ? with_or_without_extension(*below) : with_or_without_extension(root.relative(image));
    if (found) return found;
  }
  if (const auto found = with_or_without_extension(absolute_root_.below(image).value_or(image))) return found;
  return with_or_without_extension(file_name(image));
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

  std::string did_you_mean(std::string_view name) const {
    constexpr std::size_t kEnough = 100'000;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < std::min(files_.size(), kEnough); ++i) names.emplace_back(files_.name(i));
    return core::did_you_mean(name, names);
  }

 private:
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

std::string ImageFinder::find(std::string_view name) {
  for (const Root& root : roots_) {
    const std::string path = root.path(name);
    const std::string_view file = file_name(path);
    const std::string_view place = std::string_view(path).substr(0, path.size() - file.size());
    const std::string found = folder(place).find(file);
    if (!found.empty()) return std::string(place) + found;
  }
  return "";
}

std::string ImageFinder::did_you_mean(std::string_view name) {
  const std::string path = roots_.front().path(name);
  const std::string_view file = file_name(path);
  return folder(std::string_view(path).substr(0, path.size() - file.size())).did_you_mean(file);
}

}  // namespace margay::data
