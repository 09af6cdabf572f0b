#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace margay::http {

/// Secret tokens, of which a client must know one. Only their SHA-256 sums are kept.
class Tokens {
 public:
  static constexpr std::size_t kShortest = 16;

  /// None: nobody is accepted.
  Tokens() = default;
  /// Throws std::invalid_argument for a token of fewer than 16 characters, or with others than RFC 6750's: letters,
  /// digits and "-._~+/=".
  explicit Tokens(const std::vector<std::string>& tokens);
  /// Of a text file: one token in each line; empty lines and those that begin with "#" do not count. Throws DataError
  /// for a file without tokens or with what is none, and for one that others than its owner may change; IoError if it
  /// cannot be read.
  static Tokens of_file(const std::filesystem::path& file);

  bool empty() const { return sums_.empty(); }
  /// Compares sums, each in the same time whatever they hold, and always all of them: the time it takes tells nothing
  /// about how much of a token was right.
  bool accepts(std::string_view token) const;

 private:
  using Sum = std::array<std::uint8_t, 32>;
  static Sum sum_of(std::string_view token);

  std::vector<Sum> sums_;
};

}  // namespace margay::http
