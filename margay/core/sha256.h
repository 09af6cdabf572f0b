#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace margay::core {

/// SHA-256 (FIPS 180-4) of bytes that come in parts.
class Sha256 {
 public:
  void update(std::span<const std::uint8_t> bytes);
  /// The sum of all bytes so far, as 64 hexadecimal digits in small letters. Nothing may be added after it.
  std::string finish();

 private:
  static constexpr std::size_t kBlockBytes = 64;
  void add_block(const std::uint8_t* block);

  std::array<std::uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::uint8_t, kBlockBytes> rest_{};  ///< bytes of a block that is not full yet
  std::uint64_t bytes_ = 0;
};

/// Of a whole file. Throws DataError if it cannot be read.
std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace margay::core
