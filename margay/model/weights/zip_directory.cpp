#include "margay/model/weights/zip_directory.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/core/text.h"

namespace margay::model {
namespace {

constexpr std::uint32_t kLocalHeader = 0x04034b50;
constexpr std::uint32_t kCentralHeader = 0x02014b50;
constexpr std::uint32_t kEnd = 0x06054b50;
constexpr std::uint32_t kEnd64 = 0x06064b50;
constexpr std::uint32_t kEnd64Locator = 0x07064b50;
constexpr std::size_t kLocalBytes = 30;
constexpr std::size_t kCentralBytes = 46;
constexpr std::size_t kEndBytes = 22;
constexpr std::size_t kEnd64Bytes = 56;
constexpr std::size_t kEnd64LocatorBytes = 20;
constexpr std::size_t kMaxComment = 65535;
constexpr std::uint16_t kExtra64 = 1;                                       // tag of the numbers that need 8 bytes
constexpr std::uint64_t kIn64 = std::numeric_limits<std::uint32_t>::max();  // stands where they do

/// Where the central directory lies.
struct Directory {
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
  std::uint64_t begin = 0;
};

class ZipReader {
 public:
  ZipReader(std::span<const std::byte> file, const std::filesystem::path& path) : file_(file), path_(path) {}

  std::vector<ZipEntry> read() {
    const Directory directory = find_directory();
    std::uint64_t at = directory.begin;
    directory_end_ = directory.begin + directory.bytes;
    std::vector<ZipEntry> entries;
    for (std::uint64_t i = 0; i < directory.entries; ++i) entries.push_back(read_entry(at));
    check_disjoint(entries);
    return entries;
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const { throw core::FormatError(path_, "[zip] " + problem); }

  void need(std::uint64_t at, std::uint64_t bytes, const char* what) const {
    if (at <= file_.size() && bytes <= file_.size() - at) return;
    fail(
        fmt::format("{} at byte {} does not lie in the file's {} bytes; truncated or damaged", what, at, file_.size()));
  }

  /// A small file could otherwise say a thousand times that all of it is a tensor.
  void check_disjoint(const std::vector<ZipEntry>& entries) const {
    std::vector<std::pair<std::size_t, std::size_t>> places;
    for (const ZipEntry& each : entries) {
      if (each.end > each.begin) places.emplace_back(each.begin, each.end);
    }
    std::sort(places.begin(), places.end());
    for (std::size_t i = 1; i < places.size(); ++i) {
      if (places[i].first < places[i - 1].second) {
        fail(fmt::format("two entries share the bytes from {} on", places[i].first));
      }
    }
  }

  std::uint64_t number(std::uint64_t at, std::size_t bytes) const {
    need(at, bytes, "a number");
    std::uint64_t number = 0;
    for (std::size_t i = bytes; i-- > 0;) {
      number = number << 8U | std::to_integer<std::uint64_t>(file_[static_cast<std::size_t>(at) + i]);
    }
    return number;
  }

  std::string text(std::uint64_t at, std::uint64_t bytes) const {
    need(at, bytes, "a name");
    return {reinterpret_cast<const char*>(file_.data()) + at, static_cast<std::size_t>(bytes)};
  }

  /// The end record stands last, before a comment whose length it says.
  std::uint64_t find_end() const {
    if (file_.size() < kEndBytes) fail("too short for a zip file; truncated or damaged");
    const std::size_t last = file_.size() - kEndBytes;
    for (std::size_t comment = 0; comment <= std::min(last, kMaxComment); ++comment) {
      const std::size_t at = last - comment;
      if (number(at, 4) == kEnd && number(at + 20, 2) == comment) return at;
    }
    fail("no table of contents at its end; the file is cut short, as a download that broke off");
  }

  Directory find_directory() const {
    const std::uint64_t end = find_end();
    Directory found{number(end + 10, 2), number(end + 12, 4), number(end + 16, 4)};
    const bool has_locator = end >= kEnd64LocatorBytes && number(end - kEnd64LocatorBytes, 4) == kEnd64Locator;
    if (has_locator) {
      const std::uint64_t end64 = number(end - kEnd64LocatorBytes + 8, 8);
      need(end64, kEnd64Bytes, "the zip64 record");
      if (number(end64, 4) != kEnd64) fail("its zip64 record is not where it is said to be");
      found = {number(end64 + 32, 8), number(end64 + 40, 8), number(end64 + 48, 8)};
    }
    need(found.begin, found.bytes, "the table of contents");
    if (found.entries > found.bytes / kCentralBytes)
      fail(fmt::format("{} entries in {} bytes", found.entries, found.bytes));
    return found;
  }

  /// Moves `at` behind the entry.
  ZipEntry read_entry(std::uint64_t& at) {
    need(at, kCentralBytes, "an entry of the table of contents");
    if (number(at, 4) != kCentralHeader) fail(fmt::format("no entry of the table of contents at byte {}", at));
    const std::uint64_t name_bytes = number(at + 28, 2);
    const std::uint64_t extra_bytes = number(at + 30, 2);
    ZipEntry entry{text(at + kCentralBytes, name_bytes)};
    check(entry.name, at);
    entry.method = static_cast<int>(number(at + 10, 2));
    const Place place = place_of(at, at + kCentralBytes + name_bytes, extra_bytes);
    locate(entry, place);
    at += kCentralBytes + name_bytes + extra_bytes + number(at + 32, 2);
    if (at > directory_end_) fail("the table of contents is longer than it says");
    return entry;
  }

  void check(const std::string& name, std::uint64_t at) {
    const std::string shown = core::one_line(name).substr(0, 80);
    if ((number(at + 8, 2) & 1U) != 0) fail(fmt::format("'{}' is encrypted", shown));
    if (!names_.insert(name).second) fail(fmt::format("'{}' is there twice", shown));
  }

  struct Place {
    std::uint64_t bytes = 0;
    std::uint64_t stored_bytes = 0;
    std::uint64_t header = 0;
  };

  /// Sizes and offset, from the extra field where they need 8 bytes.
  Place place_of(std::uint64_t at, std::uint64_t extra, std::uint64_t extra_bytes) const {
    Place place{number(at + 24, 4), number(at + 20, 4), number(at + 42, 4)};
    std::uint64_t wide = find_extra(extra, extra_bytes);
    for (std::uint64_t* each : {&place.bytes, &place.stored_bytes, &place.header}) {
      if (*each != kIn64) continue;
      if (wide == 0) fail("a size of 8 bytes is missing");
      *each = number(wide, 8);
      wide += 8;
    }
    return place;
  }

  /// Where the 8-byte numbers begin; 0: nowhere.
  std::uint64_t find_extra(std::uint64_t at, std::uint64_t bytes) const {
    need(at, bytes, "an extra field");
    const std::uint64_t end = at + bytes;
    while (at + 4 <= end) {
      if (number(at, 2) == kExtra64) return at + 4;
      at += 4 + number(at + 2, 2);
    }
    return 0;
  }

  void locate(ZipEntry& entry, const Place& place) const {
    need(place.header, kLocalBytes, "the header of an entry");
    if (number(place.header, 4) != kLocalHeader) fail(fmt::format("no entry at byte {}", place.header));
    if (entry.method == 0 && place.bytes != place.stored_bytes) fail("an entry whose size does not agree with itself");
    const std::uint64_t begin =
        place.header + kLocalBytes + number(place.header + 26, 2) + number(place.header + 28, 2);
    need(begin, place.stored_bytes, "the content of an entry");
    entry.begin = static_cast<std::size_t>(begin);
    entry.end = static_cast<std::size_t>(begin + place.stored_bytes);
  }

  std::span<const std::byte> file_;
  const std::filesystem::path& path_;
  std::uint64_t directory_end_ = 0;
  std::set<std::string> names_;
};

}  // namespace

std::vector<ZipEntry> read_zip_directory(std::span<const std::byte> file, const std::filesystem::path& path) {
  return ZipReader(file, path).read();
}

}  // namespace margay::model
