#include "margay/data/cache/disk_record.h"

#include <cstddef>
#include <cstring>
#include <vector>

#include "margay/core/checksum.h"

namespace margay::data {
namespace {

constexpr std::uint32_t kMaxPathBytes = 1 << 16;
constexpr std::int32_t kMaxRecordSide = 1 << 28;

}  // namespace

std::uint64_t RecordHeader::pixel_bytes() const {
  return std::uint64_t{3} * static_cast<std::uint64_t>(height) * static_cast<std::uint64_t>(width);
}

std::uint64_t RecordHeader::record_bytes() const { return pixels_offset() + pixel_bytes() + sizeof(std::uint64_t); }

std::uint64_t RecordHeader::checksum_with(const std::string& path) const {
  std::vector<std::uint8_t> bytes(offsetof(RecordHeader, own_checksum) + path.size());
  std::memcpy(bytes.data(), this, offsetof(RecordHeader, own_checksum));
  std::memcpy(bytes.data() + offsetof(RecordHeader, own_checksum), path.data(), path.size());
  return checksum_of(bytes);
}

std::uint64_t RecordHeader::checksum_of(std::span<const std::uint8_t> bytes) const {
  return magic == kOldMagic ? core::checksum_before_xxh3(bytes) : core::checksum(bytes);
}

bool RecordHeader::is_plausible() const {
  const auto is_side = [](std::int32_t side) { return side > 0 && side <= kMaxRecordSide; };
  return (magic == kMagic || magic == kOldMagic) && path_bytes <= kMaxPathBytes && is_side(height) && is_side(width) &&
         is_side(source_height) && is_side(source_width);
}

RecordHeader make_header(const std::string& path, const FileVersion& version, const CachedImage& cached) {
  RecordHeader header;
  header.path_bytes = static_cast<std::uint32_t>(path.size());
  header.height = cached.image.height;
  header.width = cached.image.width;
  header.source_height = cached.source_height;
  header.source_width = cached.source_width;
  header.version = version;
  header.pixel_checksum = header.checksum_of(cached.image.pixels);
  header.own_checksum = header.checksum_with(path);
  return header;
}

}  // namespace margay::data
