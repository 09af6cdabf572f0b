#include "margay/http/tokens.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <stdexcept>

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sys/stat.h>

#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/http/headers.h"

namespace margay::http {
namespace {

bool is_token_text(std::string_view text) {
  constexpr std::string_view kTokenMarks = "-._~+/=";
  return std::all_of(text.begin(), text.end(), [&](char c) {
    const char small = core::lower_case(c);
    return (small >= 'a' && small <= 'z') || (c >= '0' && c <= '9') || kTokenMarks.find(c) != std::string_view::npos;
  });
}

/// What is wrong with a token, without the token; "" if nothing is.
std::string token_problem(std::string_view token) {
  if (token.size() < Tokens::kShortest) {
    return fmt::format("a token has {} characters; at least {} are needed", token.size(), Tokens::kShortest);
  }
  return is_token_text(token) ? "" : "a token has a character other than letters, digits and \"-._~+/=\"";
}

void check_token_file(const std::filesystem::path& file) {
  struct stat facts {};
  if (::stat(file.c_str(), &facts) != 0) throw core::IoError(file, "cannot read the file of tokens", errno);
  if ((facts.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    throw core::DataError(file, "others than its owner may change this file of tokens; chmod 600 it");
  }
}

}  // namespace

Tokens::Tokens(const std::vector<std::string>& tokens) {
  for (const std::string& token : tokens) {
    if (const std::string problem = token_problem(token); !problem.empty()) {
      throw std::invalid_argument("[tokens] " + problem);
    }
    sums_.push_back(sum_of(token));
  }
}

Tokens Tokens::of_file(const std::filesystem::path& file) {
  check_token_file(file);
  std::ifstream lines(file);
  if (!lines) throw core::IoError(file, "cannot read the file of tokens", errno);
  Tokens tokens;
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.ends_with('\r')) line.pop_back();
    const std::string_view token = trimmed(line);
    if (token.empty() || token.starts_with('#')) continue;
    if (const std::string problem = token_problem(token); !problem.empty()) {
      throw core::DataError(file, fmt::format("line {}: {}", number, problem));
    }
    tokens.sums_.push_back(sum_of(token));
  }
  if (tokens.empty())
    throw core::DataError(file, "has no token; write one in a line, such as openssl rand -hex 32 prints");
  return tokens;
}

bool Tokens::accepts(std::string_view token) const {
  const Sum sum = sum_of(token);
  bool is_known = false;
  for (const Sum& known : sums_) is_known |= CRYPTO_memcmp(known.data(), sum.data(), sum.size()) == 0;
  return is_known;
}

Tokens::Sum Tokens::sum_of(std::string_view token) {
  Sum sum{};
  MARGAY_CHECK(EVP_Digest(token.data(), token.size(), sum.data(), nullptr, EVP_sha256(), nullptr) == 1,
               "SHA-256 failed");
  return sum;
}

}  // namespace margay::http
