#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <c10/core/ScalarType.h>

#include "margay/model/weights/safetensors.h"

namespace margay::model {

/// Longer headers are refused, as by the format's reference library.
constexpr std::size_t kMaxSafetensorsHeader = 100'000'000;
constexpr std::size_t kSafetensorsLengthBytes = 8;
constexpr const char* kSafetensorsMetadataKey = "__metadata__";

/// The place of one tensor.
struct SafetensorsEntry {
  std::string name;
  c10::ScalarType dtype = c10::ScalarType::Float;
  std::vector<std::int64_t> shape;
  std::size_t begin = 0;  ///< offset of its first byte from the file's start
  std::size_t end = 0;
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  ///< in the order of their bytes
  Metadata metadata;
};

/// The number of the header's bytes, which stand behind the length itself. begin: the file's first bytes, at least 8 if
/// it has so many. Throws core::FormatError naming `path` for one that cannot be, in a file of file_bytes.
std::size_t safetensors_header_length(std::span<const std::byte> begin, std::size_t file_bytes,
                                      const std::filesystem::path& path);

/// Reads the header and checks it against the size of the file. begin: the file's first bytes, all of the header at
/// least. Throws core::FormatError naming `path`.
SafetensorsHeader parse_safetensors_header(std::span<const std::byte> begin, std::size_t file_bytes,
                                           const std::filesystem::path& path);

/// "F32" and so on; throws std::invalid_argument for a dtype that the format lacks.
const char* safetensors_dtype_name(c10::ScalarType dtype);

}  // namespace margay::model
