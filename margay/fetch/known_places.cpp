#include "margay/fetch/known_places.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>
#include <system_error>

#include "margay/fetch/file_check.h"

namespace margay::fetch {
namespace {

namespace fs = std::filesystem;

fs::path or_default(const std::string& given, const fs::path& caches, const char* name) {
  if (!given.empty()) return given;
  return caches.empty() ? fs::path() : caches / name;
}

fs::path below(const fs::path& folder, const char* name) { return folder.empty() ? folder : folder / name; }

/// The entries of a folder, by name; none where it cannot be read.
std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code failure;
  for (fs::directory_iterator it(folder, failure), end; !failure && it != end; it.increment(failure)) {
    entries.push_back(it->path());
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

bool is_file(const fs::path& path) {
  std::error_code failure;
  return fs::is_regular_file(path, failure) && fs::file_size(path, failure) > 0;
}

}  // namespace

KnownPlaces known_places(const PlaceVariables& variables) {
  fs::path caches = variables.xdg_cache_home;
  if (caches.empty() && !variables.home.empty()) caches = fs::path(variables.home) / ".cache";
  const fs::path torch = or_default(variables.torch_home, caches, "torch");
  const fs::path hugging_face = or_default(variables.hf_home, caches, "huggingface");
  const std::string& hub = variables.hf_hub_cache.empty() ? variables.hugging_face_hub_cache : variables.hf_hub_cache;
  return {.cache = caches.empty() ? fs::path() : caches / "margay",
          .torch_hub = torch.empty() ? fs::path() : torch / "hub" / "checkpoints",
          .hugging_face = hub.empty() ? below(hugging_face, "hub") : fs::path(hub)};
}

std::vector<KnownFile> in_torch_hub(const KnownPlaces& places, const std::string& name) {
  std::vector<KnownFile> found;
  if (places.torch_hub.empty()) return found;
  for (const fs::path& each : entries_of(places.torch_hub)) {
    const std::string file = each.filename().string();
    const std::string hash = hash_in_name(file);
    if (hash.empty() || each.extension() != ".pth" || !is_file(each)) continue;
    if (file.substr(0, file.rfind('-')) != name) continue;
    found.push_back({.path = each, .name = file, .place = "the torch hub's cache", .sha256 = hash});
  }
  return found;
}

namespace {

/// The snapshot that refs/main names; else the one that was written last.
std::optional<fs::path> snapshot_of(const fs::path& repository) {
  std::ifstream main(repository / "refs" / "main");
  std::string commit;
  main >> commit;
  std::error_code failure;
  const bool is_plain = !commit.empty() && commit.find('/') == std::string::npos && commit[0] != '.';
  if (is_plain && fs::is_directory(repository / "snapshots" / commit, failure)) {
    return repository / "snapshots" / commit;
  }
  std::optional<fs::path> newest;
  for (const fs::path& each : entries_of(repository / "snapshots")) {
    if (!newest || fs::last_write_time(each, failure) > fs::last_write_time(*newest, failure)) newest = each;
  }
  return newest;
}

/// A file is a link to a blob that bears its SHA-256 as its name; small files have a shorter hash.
std::string hash_of_blob(const fs::path& file) {
  constexpr std::size_t kDigits = 64;
  std::error_code failure;
  const std::string blob = fs::read_symlink(file, failure).filename().string();
  return !failure && blob.size() == kDigits ? hash_in_name("-" + blob + ".") : "";
}

}  // namespace

std::vector<KnownFile> in_hugging_face_cache(const KnownPlaces& places, const std::string& owner,
                                             const std::string& name) {
  std::vector<KnownFile> found;
  if (places.hugging_face.empty()) return found;
  const std::string folder = "models--" + owner + "--" + name;
  for (const fs::path& each : entries_of(places.hugging_face)) {
    const std::string there = each.filename().string();
    if (there != folder && !there.starts_with(folder + ".")) continue;
    const std::optional<fs::path> snapshot = snapshot_of(each);
    if (!snapshot) continue;
    for (const char* file : {"model.safetensors", "pytorch_model.bin"}) {
      if (!is_file(*snapshot / file)) continue;
      found.push_back({.path = *snapshot / file,
                       .name = owner + "/" + there.substr(folder.size() - name.size()),
                       .place = "the Hugging Face cache",
                       .sha256 = hash_of_blob(*snapshot / file)});
      break;
    }
  }
  return found;
}

}  // namespace margay::fetch
