#pragma once

#include <cstdint>
#include <string_view>

namespace margay::train {

/// The checksum of iSCSI and of TensorFlow's records: the Castagnoli polynomial, reflected (RFC 3720, appendix B.4).
std::uint32_t crc32c(std::string_view bytes);

}  // namespace margay::train
