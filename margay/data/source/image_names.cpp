#include "margay/data/source/image_names.h"

#include <filesystem>

#include "margay/data/source/image_files.h"

namespace margay::data {

namespace {

/// The folder as it is where the current one is gone.
Root absolute(const Root& root) {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::absolute(root.folder(), error);
  return error ? root : Root(path.lexically_normal());
}

}  // namespace

ImageNames::ImageNames(std::vector<Root> roots) : roots_(std::move(roots)), absolute_root_(absolute(roots_.front())) {}

std::string ImageNames::tidied(std::string_view name) const {
  const bool is_tidy = !name.starts_with("./") && name.find("/.") == std::string_view::npos &&
                       name.find("//") == std::string_view::npos && !name.starts_with("../");
  const std::string tidy =
      is_tidy ? std::string(name) : std::filesystem::path(name).lexically_normal().generic_string();
  return std::string(absolute_root_.below(tidy).value_or(tidy));
}

std::optional<std::size_t> ImageNames::with_or_without_extension(std::string_view name) const {
  if (const auto found = index_.find(name)) return found;
  const std::string_view extension = image_extension(name);
  if (extension.empty()) return std::nullopt;
  return index_.find(name.substr(0, name.size() - extension.size()));
}

std::optional<std::size_t> ImageNames::find(std::string_view image) const {
  for (const Root& root : roots_) {
    const auto below = root.below(image);
    const auto found = below ? with_or_without_extension(*below) : with_or_without_extension(root.relative(image));
    if (found) return found;
  }
  if (const auto found = with_or_without_extension(absolute_root_.below(image).value_or(image))) return found;
  return with_or_without_extension(file_name(image));
}

}  // namespace margay::data
