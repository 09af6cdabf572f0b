#include "apps/studio/thumbnails.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

#include <fmt/format.h>
#include <sys/stat.h>

#include "apps/web/thumbnail.h"
#include "margay/core/checksum.h"
#include "margay/core/error.h"
#include "margay/data/image/read_image.h"
#include "margay/data/image/write_image.h"

namespace margay::studio {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostProblems = 10'000;

bool is_kept(int side) {
  return std::find(Thumbnails::kSides.begin(), Thumbnails::kSides.end(), side) != Thumbnails::kSides.end();
}

/// Of the status change, too: it tells a file whose time of modification was set back, as copying programs do.
std::string state_of(const fs::path& file) {
  struct stat state {};
  if (::stat(file.c_str(), &state) != 0) return "";
  return fmt::format("{} {} {}.{:09} {}.{:09}", state.st_size, state.st_ino, state.st_mtim.tv_sec,
                     state.st_mtim.tv_nsec, state.st_ctim.tv_sec, state.st_ctim.tv_nsec);
}

/// The form is part of the key: a version of Margay that makes other thumbnails counts it up.
ThumbnailStore::Key key_of(const ThumbnailOf& what) {
  constexpr int kForm = 1;
  const std::string digest = core::sha256_of(
      fmt::format("{} {} {} {} {}", kForm, what.side, what.deep_bits, state_of(what.file), what.file.string()));
  ThumbnailStore::Key key{};
  for (std::size_t i = 0; i < key.size(); ++i) {
    key[i] = static_cast<std::uint8_t>(std::stoul(digest.substr(2 * i, 2), nullptr, 16));
  }
  return key;
}

/// The shorter side that a thumbnail has, which is what a JPEG must not be decoded below.
int shorter_side(std::span<const std::uint8_t> bytes, const ThumbnailOf& what) {
  const data::ImageSize size = data::decode_size(bytes, what.file);
  const auto [shorter, longer] = std::minmax(size.height, size.width);
  if (longer < 1) return 1;
  return static_cast<int>(std::max<std::int64_t>(1, (what.side * shorter + longer - 1) / longer));
}

std::string encoded(const core::Image& image, const ThumbnailOf& what) {
  const int quality = is_kept(what.side) ? 85 : 92;
  const std::vector<std::uint8_t> bytes = data::encode_jpeg(web::shrunk(image, what.side), quality);
  return {bytes.begin(), bytes.end()};
}

std::string read_thumbnail(const ThumbnailOf& what) {
  const data::ImageFile file(what.file);
  data::ReadOptions options{.deep_bits = what.deep_bits};
  const data::DecodeRoom room = data::room_for(file, options);
  const std::vector<std::uint8_t> bytes = file.read();
  options.min_side = shorter_side(bytes, what);
  return encoded(data::decode_image(bytes, what.file, options), what);
}

}  // namespace

std::size_t Thumbnails::HashOfKey::operator()(const Key& key) const {
  std::size_t hash = 0;
  std::memcpy(&hash, key.data(), sizeof hash);
  return hash;
}

int Thumbnails::side_for(int wanted) {
  const auto* const kept = std::find_if(kSides.begin(), kSides.end(), [&](int side) { return side >= wanted; });
  return kept != kSides.end() ? *kept : std::min(wanted, kLargestSide);
}

std::string Thumbnails::version_of(const fs::path& file) {
  constexpr std::size_t kDigits = 12;
  const std::string state = state_of(file);
  return state.empty() ? "" : core::sha256_of(state).substr(0, kDigits);
}

std::string Thumbnails::jpeg(const ThumbnailOf& what) {
  const Key key = key_of(what);
  std::promise<std::string> result;
  std::shared_future<std::string> others;
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = problems_.find(key); known != problems_.end()) {
      throw core::DataError(what.file, known->second);
    }
    const auto [place, is_first] = in_work_.try_emplace(key, result.get_future().share());
    if (!is_first) others = place->second;
  }
  if (others.valid()) return others.get();
  try {
    result.set_value(make(what, key));
  } catch (...) {
    result.set_exception(std::current_exception());
  }
  const std::lock_guard lock(mutex_);
  const std::shared_future<std::string> own = std::move(in_work_.extract(key).mapped());
  return own.get();
}

std::string Thumbnails::make(const ThumbnailOf& what, const Key& key) {
  if (is_kept(what.side)) {
    if (std::optional<std::string> kept = store_.find(key)) return *std::move(kept);
  }
  try {
    std::string bytes = read_thumbnail(what);
    if (is_kept(what.side)) store_.keep(key, bytes);
    return bytes;
  } catch (const core::DataError& error) {
    const std::lock_guard lock(mutex_);
    if (problems_.size() >= kMostProblems) problems_.clear();
    problems_[key] = error.problem();
    throw;
  }
}

}  // namespace margay::studio
