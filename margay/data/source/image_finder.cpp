#include "margay/data/source/image_finder.h"

#include <set>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/core/nearest.h"
#include "margay/data/source/folder_listing.h"
#include "margay/data/source/image_files.h"

namespace margay::data {

namespace fs = std::filesystem;

/// The files of a folder, and their names without extension as soon as one is asked for.
class ImageFinder::Folder {
 public:
  explicit Folder(const fs::path& path) : path_(path) {
    const FolderListing listing = list_folder(path);
    for (std::size_t i = 0; i < listing.files.size(); ++i) files_.add(listing.files.text(i));
    for (std::size_t i = 0; i < listing.hidden_files.size(); ++i) hidden_files_.add(listing.hidden_files.text(i));
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
