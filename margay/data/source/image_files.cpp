#include "margay/data/source/image_files.h"

#include <algorithm>
#include <cerrno>
#include <unordered_set>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/data/source/names.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;

/// Collects what a walk over a folder finds.
class ImageWalk {
 public:
  explicit ImageWalk(const fs::path& folder) : folder_(folder) {}

  ImageSearch run() {
    FolderWalk walk(folder_);
    while (const std::optional<WalkedFolder> here = walk.next()) see(*here);
    find_empty_folders();
    search_.images.sort();
    return std::move(search_);
  }

 private:
  void see(const WalkedFolder& here) {
    if (here.left_out) return search_.left_out.add(*here.left_out, here.path.native());
    if (!here.problem.empty()) return search_.closed.push_back({here.path, here.problem});
    const Root root(here.path);
    for (const LeftOutEntry& entry : here.listing.left_out) search_.left_out.add(entry.kind, root.path(entry.name));
    const std::size_t before = search_.images.size();
    for (std::size_t i = 0; i < here.listing.files.size(); ++i) see_file(root.path(here.listing.files.text(i)));
    walked_.add(here.path.native());
    if (search_.images.size() > before) fill(here.path.native());
  }

  void see_file(const std::string& path) {
    const auto why = why_no_image(path);
    why ? search_.left_out.add(*why, path) : search_.images.add(path);
  }

  /// Marks a folder and those around it.
  void fill(std::string_view folder) {
    while (folder.size() > folder_.native().size() && filled_.emplace(folder).second) {
      folder = folder.substr(0, folder.rfind('/'));
    }
  }

  bool is_filled(std::string_view folder) const {
    return folder.size() <= folder_.native().size() || filled_.contains(std::string(folder));
  }

  /// Of nested empty folders the outermost is enough.
  void find_empty_folders() {
    walked_.sort();
    for (std::size_t i = 0; i < walked_.size(); ++i) {
      const std::string_view folder = walked_.text(i);
      if (is_filled(folder) || !is_filled(folder.substr(0, folder.rfind('/')))) continue;
      search_.empty_folders.add(folder);
      search_.left_out.add(LeftOutKind::kEmptyFolder, folder);
    }
  }

  const fs::path& folder_;
  ImageSearch search_;
  PathList walked_;
  std::unordered_set<std::string> filled_;
};

}  // namespace

ImageSearch search_images(const std::filesystem::path& folder) {
  check_folder(folder);
  ImageSearch search = ImageWalk(folder).run();
  if (!search.images.empty()) return search;
  check_all_open(search);
  std::string why = fmt::format(
      "no images in this folder ({} other files); images are files named .jpg, .png, .webp, "
      "…, and files whose first bytes are those of an image",
      search.left_out.count(LeftOutKind::kOtherFile) + search.left_out.count(LeftOutKind::kDocument));
  for (const std::string& sentence : search.left_out.sentences()) why += "; " + sentence;
  throw core::DataError(folder, why);
}

void check_all_open(const ImageSearch& search) {
  if (!search.closed.empty()) throw core::DataError(search.closed.front().path, search.closed.front().problem);
}

PathList image_files(const std::filesystem::path& folder) {
  ImageSearch search = search_images(folder);
  check_all_open(search);
  return std::move(search.images);
}

}  // namespace margay::data
