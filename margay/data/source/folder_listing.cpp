#include "margay/data/source/folder_listing.h"

#include <cerrno>
#include <memory>

#include <dirent.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "margay/core/error.h"
#include "margay/core/nearest.h"
#include "margay/data/source/name_list.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;

enum class Kind { kFile, kFolder, kOther };

/// Most file systems say the kind with the name; links and the others cost a call.
Kind kind_of(const fs::path& folder, const dirent& entry) {
  if (entry.d_type == DT_REG) return Kind::kFile;
  if (entry.d_type == DT_DIR) return Kind::kFolder;
  if (entry.d_type != DT_LNK && entry.d_type != DT_UNKNOWN) return Kind::kOther;
  struct stat status {};
  if (stat((folder / entry.d_name).c_str(), &status) != 0) return Kind::kOther;
  if (S_ISREG(status.st_mode)) return Kind::kFile;
  return S_ISDIR(status.st_mode) && entry.d_type == DT_UNKNOWN ? Kind::kFolder : Kind::kOther;
}

std::vector<std::string> names_in(const fs::path& folder) {
  constexpr std::size_t kEnough = 10'000;
  FolderListing listing = list_folder(folder);
  std::vector<std::string> names = std::move(listing.folders);
  for (std::size_t i = 0; i < listing.files.size() && names.size() < kEnough; ++i) {
    names.emplace_back(listing.files.text(i));
  }
  return names;
}

}  // namespace

FolderListing list_folder(const fs::path& folder) {
  FolderListing listing;
  const std::unique_ptr<DIR, int (*)(DIR*)> open(opendir(folder.empty() ? "." : folder.c_str()), closedir);
  if (!open) {
    if (errno == EACCES || errno == ENOENT || errno == ENOTDIR) return listing;
    throw core::IoError(folder, "the folder cannot be listed", errno);
  }
  while (const dirent* entry = readdir(open.get())) {
    if (entry->d_name[0] == '.') continue;
    const Kind kind = kind_of(folder, *entry);
    if (kind == Kind::kFile) listing.files.add(entry->d_name);
    if (kind == Kind::kFolder) listing.folders.emplace_back(entry->d_name);
  }
  return listing;
}

void check_folder(const fs::path& folder) {
  if (!fs::exists(folder)) throw core::DataError(folder, "there is no such folder" + how_far_it_exists(folder));
  if (!fs::is_directory(folder)) throw core::DataError(folder, "expected a folder of pictures, found a file");
}

std::string how_far_it_exists(const fs::path& missing) {
  fs::path last = missing.has_filename() ? missing : missing.parent_path();
  while (last.has_relative_path() && !last.parent_path().empty() && !fs::exists(last.parent_path())) {
    last = last.parent_path();
  }
  const fs::path parent = last.parent_path();
  const std::string name = last.filename().string();
  const std::string where = parent.empty() ? "the current folder" : "'" + parent.string() + "'";
  if (!parent.empty() && !fs::is_directory(parent)) return fmt::format("; {} is a file, not a folder", where);
  const std::vector<std::string> names = names_in(parent);
  const std::string guess = core::did_you_mean(name, names);
  if (!guess.empty()) return fmt::format("; {} holds no '{}'{}", where, name, guess);
  NameList some;
  for (const std::string& each : names) some.add(each);
  return fmt::format("; {} {}", where, names.empty() ? "is empty" : "holds " + some.text());
}

}  // namespace margay::data
