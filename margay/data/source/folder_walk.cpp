#include "margay/data/source/folder_walk.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>

#include <dirent.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/data/source/image_name.h"
#include "margay/data/source/names.h"

namespace margay::data {

Root::Root(const std::filesystem::path& folder) : folder_(folder), prefix_(folder.native()) {
  if (!prefix_.empty() && prefix_.back() != '/') prefix_ += '/';
}

std::optional<std::string_view> Root::below(std::string_view path) const {
  if (!path.starts_with(prefix_)) return std::nullopt;
  return path.substr(prefix_.size());
}

std::string Root::relative(std::string_view path) const {
  if (const auto name = below(path)) return std::string(*name);
  const std::filesystem::path normal = std::filesystem::path(path).lexically_normal();
  const std::string name = normal.lexically_relative(folder_.lexically_normal()).generic_string();
  return name.empty() ? normal.generic_string() : name;
}

std::string Root::path(std::string_view name) const {
  return name.starts_with('/') ? std::string(name) : prefix_ + std::string(name);
}

std::string_view file_name(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

namespace {

namespace fs = std::filesystem;

constexpr const char* kMayNotBeRead = "the folder may not be read; allow it, or remove the folder";

enum class Kind { kFile, kFolder, kLinkedFolder, kDanglingLink, kOther };

/// Most file systems say the kind with the name; links and the others cost a call.
Kind kind_of(const fs::path& folder, const dirent& entry) {
  if (entry.d_type == DT_REG) return Kind::kFile;
  if (entry.d_type == DT_DIR) return Kind::kFolder;
  if (entry.d_type != DT_LNK && entry.d_type != DT_UNKNOWN) return Kind::kOther;
  struct stat status {};
  if (stat((folder / entry.d_name).c_str(), &status) != 0) {
    return entry.d_type == DT_LNK ? Kind::kDanglingLink : Kind::kOther;
  }
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

EntryKind entry_kind(Kind kind) {
  if (kind == Kind::kOther) return EntryKind::kSpecial;
  return kind == Kind::kFile ? EntryKind::kFile : EntryKind::kFolder;
}

/// A name that belongs to another kind of file is believed.
void sort_in_dangling(std::string_view name, FolderListing& listing) {
  const LeftOutKind why = other_by_extension(name).value_or(LeftOutKind::kDanglingLink);
  listing.left_out.push_back(
      {left_out_by_name(name, EntryKind::kFile).value_or(why), EntryKind::kSpecial, std::string(name)});
}

void sort_in(std::string_view name, Kind kind, FolderListing& listing) {
  if (kind == Kind::kDanglingLink) return sort_in_dangling(name, listing);
  const EntryKind entry = entry_kind(kind);
  auto why = left_out_by_name(name, entry);
  if (!why && entry == EntryKind::kSpecial) why = LeftOutKind::kSpecial;
  if (why) return listing.left_out.push_back({*why, entry, std::string(name)});
  if (kind == Kind::kFile) return listing.files.add(name);
  (kind == Kind::kFolder ? listing.folders : listing.linked_folders).emplace_back(name);
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
  if (!guess.empty()) return fmt::format("; {} holds no '{}'{}", where, core::spelled_out(missing), guess);
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
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") sort_in(name, kind_of(folder, *entry), listing);
  }
  return listing;
}

bool FolderListing::is_run() const {
  bool has_settings = false;
  bool has_results = false;
  for (std::size_t i = 0; i < files.size(); ++i) {
    has_settings |= files.text(i) == "config.json";
    has_results |= files.text(i) == "run.json" || files.text(i) == "split.csv" || files.text(i) == "split.jsonl";
  }
  return has_settings && has_results;
}

void check_folder(const fs::path& folder) {
  std::error_code error;
  const fs::file_status status = fs::status(folder, error);
  if (fs::is_directory(status)) return;
  if (status.type() == fs::file_type::not_found) {
    throw core::DataError(folder, "there is no such folder" + how_far_it_exists(folder));
  }
  if (error) throw core::DataError(folder, fmt::format("cannot be read ({})", error.message()));
  throw core::DataError(folder, "expected a folder of images, found a file");
}

std::string how_far_it_exists(const fs::path& missing) {
  fs::path last = missing.has_filename() ? missing : missing.parent_path();
  while (last.has_relative_path() && !last.parent_path().empty() && !is_there(last.parent_path())) {
    last = last.parent_path();
  }
  const fs::path parent = last.parent_path();
  const std::string name = last.filename().string();
  const std::string where = parent.empty() ? "the current folder" : "'" + core::shown_path(parent) + "'";
  std::error_code error;
  if (!parent.empty() && !fs::is_directory(parent, error)) {
    if (error) return fmt::format("; {} cannot be read ({})", where, error.message());
    return fmt::format("; {} is a file, not a folder", where);
  }
  try {
    return what_is_there(name, where, names_in(parent));
  } catch (const core::DataError&) {
    return fmt::format("; {} may not be read", where);
  }
}

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
    if (!seen_.insert(here.listing.id).second) {
      here.left_out = LeftOutKind::kSecondLink;
      return here;
    }
    if (*path != root_ && here.listing.is_run()) {
      here.left_out = LeftOutKind::kRun;
      return here;
    }
    const Root root(here.path);
    for (const std::string& name : here.listing.folders) folders_.push_back(root.path(name));
    for (const std::string& name : here.listing.linked_folders) links_.insert(root.path(name));
    return here;
  }
  return std::nullopt;
}

}  // namespace margay::data
