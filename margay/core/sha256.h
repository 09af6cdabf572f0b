#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

struct evp_md_ctx_st;  // OpenSSL's, which stays out of this header

namespace margay::core {

/// SHA-256 (FIPS 180-4) of bytes given piece by piece, computed by OpenSSL.
class Sha256 {
 public:
  Sha256();

  void update(std::span<const std::uint8_t> bytes);
  /// The sum of all bytes so far, as 64 hexadecimal digits in small letters. Nothing may be added after it.
  std::string finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

/// Of a whole file. Throws DataError if it cannot be read.
std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace margay::core
