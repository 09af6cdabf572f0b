#include "margay/core/sha256.h"

#include <array>
#include <fstream>
#include <new>
#include <vector>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "margay/core/error.h"

namespace margay::core {

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  if (context_ == nullptr) throw std::bad_alloc();
  MARGAY_CHECK(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1, "OpenSSL offers no SHA-256");
}

void Sha256::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

void Sha256::update(std::span<const std::uint8_t> bytes) {
  MARGAY_CHECK(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1, "OpenSSL adds no bytes to a SHA-256");
}

std::string Sha256::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  MARGAY_CHECK(EVP_DigestFinal_ex(context_.get(), digest.data(), &size) == 1, "OpenSSL finishes no SHA-256");
  std::string text;
  for (std::size_t i = 0; i < size; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

std::string sha256_of_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw DataError(path, "cannot be opened");
  Sha256 sum;
  std::vector<char> part(std::size_t{1} << 20U);
  do {
    file.read(part.data(), static_cast<std::streamsize>(part.size()));
    sum.update({reinterpret_cast<const std::uint8_t*>(part.data()), static_cast<std::size_t>(file.gcount())});
  } while (file);
  if (file.bad()) throw DataError(path, "cannot be read");
  return sum.finish();
}

}  // namespace margay::core
