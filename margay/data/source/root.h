#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace margay::data {

/// A folder that names are relative to, ready for many paths.
class Root {
 public:
  explicit Root(const std::filesystem::path& folder);

  const std::filesystem::path& folder() const { return folder_; }
  /// "sub/b.jpg" of "pics/sub/b.jpg" below "pics"; nothing where the path does not begin with the folder as it is
  /// written.
  std::optional<std::string_view> below(std::string_view path) const;
  /// The same, with forward slashes, for paths that are written otherwise or lie outside ("../other/b.jpg").
  std::string relative(std::string_view path) const;
  /// The path of a relative name; an absolute name is one already.
  std::string path(std::string_view name) const;

 private:
  std::filesystem::path folder_;
  std::string prefix_;  ///< the folder with a slash; "" for the empty path
};

/// "b.jpg" of "pics/sub/b.jpg".
std::string_view file_name(std::string_view path);

}  // namespace margay::data
