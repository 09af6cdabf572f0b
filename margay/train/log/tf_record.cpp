#include "margay/train/log/tf_record.h"

#include <bit>
#include <cstdint>

#include "margay/train/log/crc32c.h"
#include "margay/train/log/little_endian.h"

namespace margay::train {
namespace {

/// Turned and shifted, so that a checksum of data that holds checksums stays a good one.
std::uint32_t masked_crc32c(std::string_view bytes) {
  constexpr std::uint32_t kMaskDelta = 0xA282EAD8;
  return std::rotr(crc32c(bytes), 15) + kMaskDelta;
}

}  // namespace

std::string tf_record(std::string_view data) {
  std::string record;
  append_little_endian(record, std::uint64_t{data.size()});
  append_little_endian(record, masked_crc32c(record));
  record += data;
  append_little_endian(record, masked_crc32c(data));
  return record;
}

}  // namespace margay::train
