#include "margay/core/checksum.h"

#include <array>
#include <bit>
#include <cstring>
#include <fstream>
#include <new>
#include <string_view>
#include <vector>

#include <openssl/evp.h>
#include <xxhash.h>

#include "margay/core/error.h"

namespace margay::core {
namespace {

constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15;  // 2^64 / golden ratio: its bits are well mixed

std::uint64_t checksum_word_at(const std::uint8_t* bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

/// Reversible in both arguments, so a change of one word always changes its stream.
std::uint64_t mix_word(std::uint64_t state, std::uint64_t word) { return std::rotl((state ^ word) * kOdd, 29); }

}  // namespace

std::uint64_t checksum(std::span<const std::uint8_t> bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

/// Four interleaved streams of multiply and rotate.
std::uint64_t checksum_before_xxh3(std::span<const std::uint8_t> bytes) {
  constexpr std::size_t kStreams = 4;
  constexpr std::size_t kStep = kStreams * sizeof(std::uint64_t);
  std::array<std::uint64_t, kStreams> states = {1, 2, 3, 4};
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= kStep; left -= kStep, at += kStep) {
    for (std::size_t i = 0; i < kStreams; ++i)
      states[i] = mix_word(states[i], checksum_word_at(at + i * sizeof(std::uint64_t)));
  }
  std::uint64_t sum = mix_word(0, bytes.size());
  for (; left > 0; --left, ++at) sum = mix_word(sum, *at);
  for (const std::uint64_t state : states) sum = mix_word(sum, state);
  return sum ^ sum >> 32;
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  if (context_ == nullptr) throw std::bad_alloc();
  MARGAY_CHECK(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1, "OpenSSL offers no SHA-256");
}

void Sha256::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

void Sha256::update(std::span<const std::uint8_t> bytes) {
  MARGAY_CHECK(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1, "OpenSSL adds no bytes to a SHA-256");
}

std::array<std::uint8_t, 32> Sha256::finish_bytes() {
  std::array<std::uint8_t, 32> digest{};
  unsigned int size = 0;
  MARGAY_CHECK(EVP_DigestFinal_ex(context_.get(), digest.data(), &size) == 1, "OpenSSL finishes no SHA-256");
  return digest;
}

std::string Sha256::finish() {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : finish_bytes()) text += {kDigits[byte >> 4U], kDigits[byte & 15U]};
  return text;
}

std::uint64_t Sha256::finish_short() {
  const std::array<std::uint8_t, 32> digest = finish_bytes();
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < sizeof number; ++i) number = number << 8U | digest[i];
  return number;
}

void Sha256::restart() {
  MARGAY_CHECK(EVP_DigestInit_ex(context_.get(), nullptr, nullptr) == 1, "OpenSSL begins no new SHA-256");
}

std::string sha256_of(std::span<const std::uint8_t> bytes) {
  Sha256 sum;
  sum.update(bytes);
  return sum.finish();
}

std::string sha256_of_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw DataError(path, "cannot be opened");
  Sha256 sum;
  std::vector<char> part(std::size_t{1} << 20U);
  do {
    file.read(part.data(), static_cast<std::streamsize>(part.size()));
    sum.update(std::string_view(part.data(), static_cast<std::size_t>(file.gcount())));
  } while (file);
  if (file.bad()) throw DataError(path, "cannot be read");
  return sum.finish();
}

}  // namespace margay::core
