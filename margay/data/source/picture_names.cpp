#include "margay/data/source/picture_names.h"

#include <filesystem>

#include "margay/data/source/image_files.h"

namespace margay::data {

std::string PictureNames::tidied(std::string_view name) {
  const bool is_tidy = !name.starts_with("./") && name.find("/.") == std::string_view::npos &&
                       name.find("//") == std::string_view::npos && !name.starts_with("../");
  return is_tidy ? std::string(name) : std::filesystem::path(name).lexically_normal().generic_string();
}

std::optional<std::size_t> PictureNames::with_or_without_extension(std::string_view name) const {
  if (const auto found = index_.find(name)) return found;
  const std::string_view extension = image_extension(name);
  if (extension.empty()) return std::nullopt;
  return index_.find(name.substr(0, name.size() - extension.size()));
}

std::optional<std::size_t> PictureNames::find(std::string_view picture) const {
  for (const Root& root : roots_) {
    const auto below = root.below(picture);
    const auto found = below ? with_or_without_extension(*below) : with_or_without_extension(root.relative(picture));
    if (found) return found;
  }
  if (const auto found = with_or_without_extension(picture)) return found;
  return with_or_without_extension(file_name(picture));
}

}  // namespace margay::data
