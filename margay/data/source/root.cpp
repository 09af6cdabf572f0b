#include "margay/data/source/root.h"

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

}  // namespace margay::data
