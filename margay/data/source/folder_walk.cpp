#include "margay/data/source/folder_walk.h"

#include "margay/core/error.h"
#include "margay/data/source/root.h"

namespace margay::data {

std::optional<std::string> FolderWalk::next_path() {
  if (folders_.empty()) {
    if (links_.empty()) return std::nullopt;
    return std::move(links_.extract(links_.begin()).value());
  }
  std::string path = std::move(folders_.back());
  folders_.pop_back();
  return path;
}

std::optional<WalkedFolder> FolderWalk::next() {
  while (const std::optional<std::string> path = next_path()) {
    WalkedFolder here{.path = *path};
    try {
      here.listing = list_folder(here.path);
    } catch (const core::DataError& error) {
      here.problem = error.problem();
      return here;
    }
    if (!seen_.insert(here.listing.id).second) continue;
    const Root root(here.path);
    for (const std::string& name : here.listing.folders) folders_.push_back(root.path(name));
    for (const std::string& name : here.listing.linked_folders) links_.insert(root.path(name));
    return here;
  }
  return std::nullopt;
}

}  // namespace margay::data
