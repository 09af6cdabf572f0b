#include "apps/studio/served_folders.h"

#include <algorithm>
#include <cctype>
#include <system_error>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/http/target.h"

namespace margay::studio {
namespace {

namespace fs = std::filesystem;

fs::path existing_folder(const fs::path& folder) {
  std::error_code failure;
  fs::path path = fs::canonical(folder, failure);
  if (failure) throw core::DataError(folder, "there is no such folder");
  if (!fs::is_directory(path, failure)) throw core::DataError(folder, "is no folder; name the folder that it lies in");
  return path;
}

/// The folder's own name, of letters that need no encoding in an address.
std::string id_of(const fs::path& folder) {
  std::string id;
  for (const char c : folder.filename().string()) {
    const bool is_plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
    id += is_plain ? c : '-';
  }
  return id.empty() || id.find_first_not_of("-.") == std::string::npos ? "data" : id;
}

/// Both without links.
bool is_below(const fs::path& path, const fs::path& folder) {
  const auto [in_folder, in_path] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  return in_folder == folder.end();
}

bool leads_out(const fs::path& relative) {
  return relative.is_absolute() || std::find(relative.begin(), relative.end(), "..") != relative.end();
}

std::string shown(std::string_view relative) { return core::fitted(core::spelled_out(std::string(relative)), 200); }

}  // namespace

ServedFolders::ServedFolders(const std::vector<fs::path>& folders, const fs::path& runs)
    : runs_(fs::weakly_canonical(fs::absolute(runs))) {
  for (const fs::path& folder : folders) {
    fs::path path = existing_folder(folder);
    const auto has_path = [&](const ServedFolder& each) { return each.path == path; };
    if (std::any_of(folders_.begin(), folders_.end(), has_path)) continue;
    const std::string wanted = id_of(path);
    std::string id = wanted;
    const auto has_id = [&](const ServedFolder& each) { return each.id == id; };
    for (int i = 2; std::any_of(folders_.begin(), folders_.end(), has_id); ++i) id = fmt::format("{}-{}", wanted, i);
    folders_.push_back({.id = id, .path = std::move(path)});
  }
}

const ServedFolder& ServedFolders::at(std::string_view id) const {
  const auto found =
      std::find_if(folders_.begin(), folders_.end(), [&](const ServedFolder& each) { return each.id == id; });
  if (found != folders_.end()) return *found;
  throw http::RequestError(404, fmt::format("no folder '{}' is served; the studio was started without it", shown(id)));
}

fs::path ServedFolders::inside(const ServedFolder& folder, std::string_view relative) const {
  return place(folder.path, relative);
}

fs::path ServedFolders::inside_runs(std::string_view relative) const { return place(runs_, relative); }

bool ServedFolders::holds(const fs::path& path) const {
  const auto holds_it = [&](const ServedFolder& each) { return is_below(path, each.path); };
  return is_below(path, runs_) || std::any_of(folders_.begin(), folders_.end(), holds_it);
}

fs::path ServedFolders::place(const fs::path& base, std::string_view relative) const {
  if (leads_out(relative) || relative.find('\0') != std::string_view::npos) {
    throw http::RequestError(403, fmt::format("'{}' leads out of the served folder", shown(relative)));
  }
  std::error_code failure;
  const fs::path path = fs::canonical(base / fs::path(relative), failure);
  if (failure) {
    throw http::RequestError(
        404,
        fmt::format("{}: {}", core::spelled_out((base / fs::path(relative)).string()),
                    failure == std::errc::no_such_file_or_directory ? "it is not there any more" : failure.message()));
  }
  if (holds(path)) return path;
  throw http::RequestError(
      403, fmt::format("'{}' is a link to {}, which is not served; start the studio with that folder, too",
                       shown(relative), core::spelled_out(path.string())));
}

}  // namespace margay::studio
