#include "margay/data/common_folder.h"

#include <string>

namespace margay::data {
namespace {

bool lies_in(const std::filesystem::path& file, const std::filesystem::path& folder) {
  const std::string& name = file.native();
  const std::string& above = folder.native();
  return name.starts_with(above) && (above.ends_with('/') || name.substr(above.size()).starts_with('/'));
}

template <class PathOf>
std::filesystem::path folder_of(std::size_t count, const PathOf& path_of) {
  if (count == 0) return {};
  std::filesystem::path folder = path_of(0).parent_path();
  for (std::size_t i = 1; i < count && !folder.empty(); ++i) {
    const std::filesystem::path file = path_of(i);
    while (!folder.empty() && !lies_in(file, folder)) {
      folder = folder == folder.parent_path() ? std::filesystem::path() : folder.parent_path();
    }
  }
  return folder;
}

}  // namespace

std::filesystem::path common_folder(const PathList& paths) {
  return folder_of(paths.size(), [&](std::size_t i) { return paths[i]; });
}

std::filesystem::path common_folder(const Items& items) { return common_folder(items.paths()); }

std::filesystem::path common_folder(const Dataset& dataset) {
  return folder_of(dataset.size(), [&](std::size_t i) { return dataset.path(i); });
}

}  // namespace margay::data
