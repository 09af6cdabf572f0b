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

constexpr const char* kMayNotBeRead = "the folder may not be read; give yourself the right to, or take it out";

enum class Kind { kFile, kFolder, kLinkedFolder, kOther };

/// Most file systems say the kind with the name; links and the others cost a call.
Kind kind_of(const fs::path& folder, const dirent& entry) {
  if (entry.d_type == DT_REG) return Kind::kFile;
  if (entry.d_type == DT_DIR) return Kind::kFolder;
  if (entry.d_type != DT_LNK && entry.d_type != DT_UNKNOWN) return Kind::kOther;
  struct stat status {};
  if (stat((folder / entry.d_name).c_str(), &status) != 0) return Kind::kOther;
  if (S_ISREG(status.st_mode)) return Kind::kFile;
  if (!S_ISDIR(status.st_mode)) return Kind::kOther;
  const bool is_link = entry.d_type == DT_LNK || fs::is_symlink(folder / entry.d_name);
  return is_link ? Kind::kLinkedFolder : Kind::kFolder;
}

FolderId id_of(DIR* folder) {
  struct stat status {};
  if (fstat(dirfd(folder), &status) != 0) return {};
  return {.device = status.st_dev, .inode = status.st_ino};
}

/// Of a path whose absence is only told in a message, which must not fail itself.
bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
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

std::string what_is_there(const std::string& missing, const std::string& where, const std::vector<std::string>& names) {
  const std::string guess = core::did_you_mean(missing, names);
  if (!guess.empty()) return fmt::format("; {} holds no '{}'{}", where, missing, guess);
  NameList some;
  for (const std::string& each : names) some.add(each);
  return fmt::format("; {} {}", where, names.empty() ? "is empty" : "holds " + some.text());
}

}  // namespace

FolderListing list_folder(const fs::path& folder) {
  FolderListing listing;
  const std::unique_ptr<DIR, int (*)(DIR*)> open(opendir(folder.empty() ? "." : folder.c_str()), closedir);
  if (!open) {
    if (errno == ENOENT || errno == ENOTDIR) return listing;
    if (errno == EACCES) throw core::DataError(folder, kMayNotBeRead);
    throw core::IoError(folder, "the folder cannot be listed", errno);
  }
  listing.id = id_of(open.get());
  while (const dirent* entry = readdir(open.get())) {
    const Kind kind = kind_of(folder, *entry);
    if (entry->d_name[0] == '.') {
      if (kind == Kind::kFile) listing.hidden_files.add(entry->d_name);
      continue;
    }
    if (kind == Kind::kFile) listing.files.add(entry->d_name);
    if (kind == Kind::kFolder) listing.folders.emplace_back(entry->d_name);
    if (kind == Kind::kLinkedFolder) listing.linked_folders.emplace_back(entry->d_name);
  }
  return listing;
}

void check_folder(const fs::path& folder) {
  std::error_code error;
  const fs::file_status status = fs::status(folder, error);
  if (fs::is_directory(status)) return;
  if (status.type() == fs::file_type::not_found) {
    throw core::DataError(folder, "there is no such folder" + how_far_it_exists(folder));
  }
  if (error) throw core::DataError(folder, fmt::format("cannot be looked at ({})", error.message()));
  throw core::DataError(folder, "expected a folder of images, found a file");
}

std::string how_far_it_exists(const fs::path& missing) {
  fs::path last = missing.has_filename() ? missing : missing.parent_path();
  while (last.has_relative_path() && !last.parent_path().empty() && !is_there(last.parent_path())) {
    last = last.parent_path();
  }
  const fs::path parent = last.parent_path();
  const std::string name = last.filename().string();
  const std::string where = parent.empty() ? "the current folder" : "'" + parent.string() + "'";
  std::error_code error;
  if (!parent.empty() && !fs::is_directory(parent, error)) {
    if (error) return fmt::format("; {} cannot be looked at ({})", where, error.message());
    return fmt::format("; {} is a file, not a folder", where);
  }
  try {
    return what_is_there(name, where, names_in(parent));
  } catch (const core::DataError&) {
    return fmt::format("; {} may not be read", where);
  }
}

}  // namespace margay::data
