#include "margay/model/weights/weights_cache.h"

#include <array>

#include <fmt/format.h>

#include "margay/core/error.h"

namespace margay::model {
namespace {

constexpr std::array<const char*, 6> kCachedEndings = {".safetensors", ".pth",    ".pt",
                                                       ".bin",         ".margay", ""};  // "": a folder

std::string ending_of(const std::string& url) {
  const std::string ending = std::filesystem::path(url.substr(0, url.find_first_of("?#"))).extension().string();
  for (const char* each : kCachedEndings) {
    if (!ending.empty() && ending == each) return ending;
  }
  return ".safetensors";
}

}  // namespace

std::string fetch_advice(const Architecture& architecture, const std::filesystem::path& place) {
  if (architecture.weights_url.empty()) {
    return fmt::format("no published weights of {} are known; train it from scratch", architecture.name);
  }
  const std::string to = place.empty() ? "" : fmt::format(" and save it as {}", place.string());
  return fmt::format("fetch {} ({}){}", architecture.weights_url, architecture.weights_name, to);
}

std::filesystem::path look_up_weights(const std::filesystem::path& folder, const Architecture& architecture) {
  std::error_code ignored;
  for (const char* ending : kCachedEndings) {
    std::filesystem::path place = folder / (architecture.name + ending);
    if (std::filesystem::exists(place, ignored)) return place;
  }
  return {};
}

std::filesystem::path find_weights(const std::filesystem::path& folder, const Architecture& architecture) {
  if (const auto found = look_up_weights(folder, architecture); !found.empty()) return found;
  const std::filesystem::path place = folder / (architecture.name + ending_of(architecture.weights_url));
  throw core::DataError(folder, fmt::format("holds no weights of {}, and nothing is downloaded unasked: {}",
                                            architecture.name, fetch_advice(architecture, place)));
}

}  // namespace margay::model
