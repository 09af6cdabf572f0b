#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>

#include "margay/core/natural_order.h"
#include "margay/data/check/check_images.h"
#include "margay/data/source/folder_walk.h"
#include "margay/data/source/image_files.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;

/// What Windows leaves in folders that it has shown.
bool is_leftover(const fs::path& path) {
  static constexpr std::array<std::string_view, 3> kNames = {"thumbs.db", "ehthumbs.db", "desktop.ini"};
  std::string name = path.filename().string();
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

std::string normal(const fs::path& path) { return path.lexically_normal().string(); }

/// Everything below a folder that is no used image.
class FolderCheck {
 public:
  FolderCheck(fs::path folder, const PathList& paths) : folder_(std::move(folder)) {
    for (const fs::path& path : paths) {
      used_.insert(normal(path));
      fill(path.parent_path());
      with_images_.insert(normal(path.parent_path()));
    }
  }

  std::vector<Finding> run() {
    walk();
    for (const fs::path& folder : folders_) {
      // Of nested empty folders the outermost is enough.
      if (!is_filled(folder) && (is_filled(folder.parent_path()) || normal(folder.parent_path()) == normal(folder_))) {
        add(FindingKind::kEmptyFolder, folder, "no image in it");
      }
    }
    std::sort(findings_.begin(), findings_.end(), [](const Finding& a, const Finding& b) {
      return core::natural_less(a.paths.front().native(), b.paths.front().native());
    });
    return std::move(findings_);
  }

 private:
  void add(FindingKind kind, const fs::path& path, std::string text) {
    findings_.push_back({kind, {path}, {}, std::move(text)});
  }

  bool is_filled(const fs::path& folder) const { return filled_.contains(normal(folder)); }

  /// Marks a folder and those around it, up to the root.
  void fill(fs::path folder) {
    while (filled_.insert(normal(folder)).second && folder.has_relative_path()) folder = folder.parent_path();
  }

  void walk() {
    FolderWalk walk(folder_);
    while (const std::optional<WalkedFolder> here = walk.next()) {
      if (!here->problem.empty()) {
        add(FindingKind::kClosedFolder, here->path, here->problem);
      } else {
        if (here->path != folder_) folders_.push_back(here->path);
        see(*here);
      }
    }
  }

  void see(const WalkedFolder& here) {
    for (const fs::path& name : here.listing.hidden_files) add(FindingKind::kHiddenFile, here.path / name, "hidden");
    const bool has_images = with_images_.contains(normal(here.path));
    for (const fs::path& name : here.listing.files) {
      if (has_image_extension(name)) fill(here.path);  // used or not: a table need not list all
      if (is_leftover(name)) {
        add(FindingKind::kHiddenFile, here.path / name, "left by Windows");
      } else if (has_images && !has_image_extension(name) && !used_.contains(normal(here.path / name))) {
        add(FindingKind::kOtherFile, here.path / name, "no image");
      }
    }
  }

  fs::path folder_;
  std::set<std::string> used_;
  std::set<std::string> filled_;       ///< folders with an image somewhere below
  std::set<std::string> with_images_;  ///< folders with an image directly below
  std::vector<fs::path> folders_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> check_folder(const fs::path& folder, const PathList& paths) {
  if (folder.empty()) return {};
  return FolderCheck(folder, paths).run();
}

}  // namespace margay::data
