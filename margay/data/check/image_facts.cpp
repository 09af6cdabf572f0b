#include "margay/data/check/image_facts.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <string_view>
#include <thread>

#include "margay/core/error.h"
#include "margay/core/threads.h"
#include "margay/data/image/read_image.h"
#include "margay/data/image/resample.h"
#include "margay/data/transform/normalization.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;
using FileBytes = std::vector<std::uint8_t>;

FileBytes read_bytes(const ImageFile& file, const fs::path& path) {
  FileBytes bytes = file.read();
  if (bytes.size() != file.size()) throw core::DataError(path, "cannot be read to its end");
  return bytes;
}

/// False also where that cannot be known, as in a folder that may not be searched.
bool is_absent(const fs::path& path) {
  std::error_code error;
  return fs::status(path, error).type() == fs::file_type::not_found;
}

std::uint64_t hash_of(const FileBytes& bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return std::hash<std::string_view>{}(text);
}

/// Images of one area may have the same bytes and another shape.
std::uint64_t pixel_hash_of(const core::Image& image) {
  return hash_of(image.pixels) ^ (static_cast<std::uint64_t>(image.width) * 0x9E3779B97F4A7C15U);
}

/// Whether no pixel of the thumbnail has a colour. Single pixels of the image may, as compression leaves them.
bool is_grey(const core::Image& thumbnail) {
  constexpr int kTolerance = 6;
  for (std::size_t i = 0; i < thumbnail.pixels.size(); i += 3) {
    const auto [least, most] = std::minmax({thumbnail.pixels[i], thumbnail.pixels[i + 1], thumbnail.pixels[i + 2]});
    if (most - least > kTolerance) return false;
  }
  return true;
}

/// Whether every channel's standard deviation over the whole image is below 3 of 255.
bool is_uniform(const core::Image& image) {
  constexpr double kTolerance = 3.0 / 255;
  ChannelStatistics statistics;
  statistics.add(image);
  const std::array<double, 3> std = statistics.std();
  return std::all_of(std.begin(), std.end(), [](double each) { return each < kTolerance; });
}

/// What the decoders say, without what they expected and advise.
std::string short_problem(const std::string& problem) { return problem.substr(0, problem.find("; expected ")); }

Readability readability_of(const FileBytes& bytes, const std::string& problem) {
  if (bytes.empty()) return Readability::kEmptyFile;
  const bool ends_early = problem.find("truncated") != std::string::npos;
  return ends_early ? Readability::kTruncated : Readability::kUnreadable;
}

void look_at(const core::Image& image, const CheckOptions& options, ImageFacts& facts) {
  facts.height = image.height;
  facts.width = image.width;
  facts.pixel_hash = pixel_hash_of(image);
  facts.is_uniform = is_uniform(image);
  const core::Image thumbnail = resample(image, Fingerprint::kSide, Fingerprint::kSide);
  facts.is_grey = is_grey(thumbnail);
  if (options.near_duplicates) facts.fingerprint = std::make_unique<const Fingerprint>(fingerprint_of(thumbnail));
}

}  // namespace

ImageFacts facts_of(const fs::path& path, const CheckOptions& options) {
  const ReadOptions reading{.max_pixels = options.max_pixels, .deep_bits = options.deep_bits};
  ImageFacts facts;
  DecodeRoom room;
  FileBytes bytes;
  try {
    const ImageFile file(path);
    room = room_for(file, reading);
    bytes = read_bytes(file, path);
    if (room.bytes() == 0) room = room_for(bytes, reading);
  } catch (const core::DataError& error) {
    facts.readability = is_absent(path) ? Readability::kAbsent : Readability::kUnreadable;
    facts.problem = error.problem();
    return facts;
  }
  facts.format = sniff_format(bytes);
  facts.file_hash = hash_of(bytes);
  try {
    look_at(decode_image(bytes, path, reading), options, facts);
  } catch (const core::DataError& error) {
    facts.problem = short_problem(error.problem());
    facts.readability = readability_of(bytes, facts.problem);
  }
  return facts;
}

/// Progress is told by the calling thread alone.
std::vector<ImageFacts> facts_of_all(const PathList& paths, const CheckOptions& options,
                                     const CheckProgress& on_progress) {
  std::vector<ImageFacts> facts(paths.size());
  std::atomic<std::size_t> done = 0;
  const auto look = [&, here = std::this_thread::get_id()](std::size_t i) {
    facts[i] = facts_of(paths[i], options);
    const std::size_t now_done = ++done;
    if (on_progress && std::this_thread::get_id() == here) on_progress(now_done, paths.size());
  };
  core::for_each_index(paths.size(), look, static_cast<int>(options.threads.value_or(core::default_threads())));
  if (on_progress) on_progress(done, paths.size());
  return facts;
}

}  // namespace margay::data
