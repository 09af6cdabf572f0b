#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "margay/core/text.h"

namespace margay::core {

/// A 64-bit checksum that detects accidental changes: XXH3 (xxHash), as fast as memory, and the same on every machine.
/// It does not protect against deliberate changes.
std::uint64_t checksum(std::span<const std::uint8_t> bytes);
inline std::uint64_t checksum(std::string_view text) { return checksum(text_bytes(text)); }

/// The checksum of caches and checkpoints written before XXH3 was used; only for reading them.
std::uint64_t checksum_before_xxh3(std::span<const std::uint8_t> bytes);

}  // namespace margay::core

struct evp_md_ctx_st;  // OpenSSL's, which stays out of this header

namespace margay::core {

/// SHA-256 (FIPS 180-4) of bytes given piece by piece, computed by OpenSSL.
class Sha256 {
 public:
  Sha256();

  void update(std::span<const std::uint8_t> bytes);
  void update(std::string_view text) { update(text_bytes(text)); }
  /// The sum of all bytes so far, as 64 hexadecimal digits in small letters. Before anything is added after it comes
  /// restart().
  std::string finish();
  /// The same, but only its first eight bytes, as a number whose highest byte is the first.
  std::uint64_t finish_short();
  /// Begins a new sum; cheaper than a new object.
  void restart();

 private:
  std::array<std::uint8_t, 32> finish_bytes();

  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

/// Of bytes that are there at once.
std::string sha256_of(std::span<const std::uint8_t> bytes);
inline std::string sha256_of(std::string_view text) { return sha256_of(text_bytes(text)); }

/// Of a whole file. Throws DataError if it cannot be read.
std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace margay::core
