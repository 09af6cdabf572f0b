#include "margay/fetch/file_check.h"

#include <array>
#include <fstream>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "margay/core/error.h"
#include "margay/core/text.h"

namespace margay::fetch {
namespace {

constexpr std::size_t kFirstMib = std::size_t{1} << 20U;
constexpr std::size_t kFewestDigits = 8;
constexpr std::size_t kSha256Digits = 64;

bool is_hexadecimal(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string md5_of(const std::vector<char>& bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  const int is_done = EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_md5(), nullptr);
  MARGAY_CHECK(is_done == 1, "OpenSSL computes no MD5");
  std::string text;
  for (unsigned i = 0; i < size; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

std::string md5_of_first_mib(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> bytes(kFirstMib);
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (file.bad() || !file.is_open()) throw core::DataError(path, "cannot be read");
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  return md5_of(bytes);
}

}  // namespace

std::string hash_in_name(const std::string& file) {
  const std::size_t dash = file.rfind('-');
  const std::size_t dot = dash == std::string::npos ? dash : file.find('.', dash);
  if (dot == std::string::npos) return "";
  const std::string digits = core::lower_case(file.substr(dash + 1, dot - dash - 1));
  const bool is_hash = digits.size() >= kFewestDigits && digits.size() <= kSha256Digits && is_hexadecimal(digits);
  return is_hash ? digits : "";
}

std::string difference(const std::filesystem::path& file, const std::string& sha256, const FileFacts& facts) {
  const std::uint64_t bytes = std::filesystem::file_size(file);
  if (facts.bytes != 0 && bytes != facts.bytes) return fmt::format("has {} bytes, not {}", bytes, facts.bytes);
  if (!sha256.starts_with(facts.sha256)) {
    return fmt::format("has the SHA-256 {}, not {}{}", sha256, facts.sha256,
                       facts.sha256.size() < kSha256Digits ? "…" : "");
  }
  if (facts.md5_of_first_mib.empty()) return "";
  const std::string md5 = md5_of_first_mib(file);
  if (md5 == facts.md5_of_first_mib) return "";
  return fmt::format("begins with a MiB of the MD5 {}, not {}", md5, facts.md5_of_first_mib);
}

}  // namespace margay::fetch
