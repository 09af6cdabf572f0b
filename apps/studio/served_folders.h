#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace margay::studio {

/// A folder of images that the studio shows.
struct ServedFolder {
  std::string id;              ///< in the page's addresses: "pets", "pets-2"; the same at each start
  std::filesystem::path path;  ///< absolute, without links
};

/// The folders that were named at the start: those of images, and that of the runs. Whatever a request says, no other
/// file of the machine is read or written: links are followed, and may lead from one served folder into another, but
/// not out of all of them. Unchanging; may be used from any thread.
class ServedFolders {
 public:
  /// folders: must exist; throws core::DataError naming the one that does not. runs: need not exist yet.
  ServedFolders(const std::vector<std::filesystem::path>& folders, const std::filesystem::path& runs);

  const std::vector<ServedFolder>& all() const { return folders_; }
  const std::filesystem::path& runs() const { return runs_; }

  /// The folder of images with that id. Throws http::RequestError, 404.
  const ServedFolder& at(std::string_view id) const;

  /// The absolute path, without links, that "cats/1.jpg" of a request means in a folder of images; of a file or a
  /// folder that is there. Throws http::RequestError: 404 where nothing is there, 403 where it leads out.
  std::filesystem::path inside(const ServedFolder& folder, std::string_view relative) const;
  /// Whether a path, absolute and without links, lies in one of them.
  bool holds(const std::filesystem::path& path) const;
  /// The same as inside(), below the folder of runs: "20240501-090000-pets/model.margay".
  std::filesystem::path inside_runs(std::string_view relative) const;

 private:
  std::filesystem::path place(const std::filesystem::path& base, std::string_view relative) const;

  std::vector<ServedFolder> folders_;
  std::filesystem::path runs_;
};

}  // namespace margay::studio
