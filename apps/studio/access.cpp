#include "apps/studio/access.h"

#include <sys/random.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <fstream>

#include <fmt/format.h>

#include "margay/core/checksum.h"
#include "margay/core/error.h"
#include "margay/http/target.h"

namespace margay::studio {
namespace {

constexpr std::size_t kTokenBytes = 24;

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

std::string name_of_cookie(const std::string& token) { return "margay-studio-" + core::sha256_of(token).substr(0, 12); }

std::string token_of(const StudioOptions& options) {
  if (!options.token_file) return Access::new_token();
  http::Tokens::of_file(*options.token_file);  // refuses files without one, and those that others may change
  std::ifstream lines(*options.token_file);
  for (std::string line; std::getline(lines, line);) {
    const std::string_view word = http::trimmed(std::string_view(line).substr(0, line.find('\r')));
    if (!word.empty() && !word.starts_with('#')) return std::string(word);
  }
  throw core::IoError(*options.token_file, "cannot read the token");
}

/// Browsers say where a request comes from; programs do not.
bool comes_from_elsewhere(const http::Request& head) {
  const std::string_view site = head.headers.get("Sec-Fetch-Site");
  return !(site.empty() || site == "same-origin" || site == "none") || !head.is_same_origin();
}

/// A browser that sends neither is older than the rules on which the cookie relies.
bool is_from_page(const http::Request& head) {
  return head.headers.get("Sec-Fetch-Site") == "same-origin" || head.headers.contains("Origin");
}

}  // namespace

bool is_write(const http::Request& request) {
  return request.method != "GET" && request.method != "HEAD" && request.method != "OPTIONS";
}

Access::Access(const StudioOptions& options, const std::string& given)
    : Access(given.empty() ? token_of(options) : given, options.read_only ? Writes::kRefused : Writes::kAllowed) {}

Access::Access(const std::string& token, Writes writes)
    : token_(token), cookie_name_(name_of_cookie(token)), tokens_(std::vector<std::string>{token}), writes_(writes) {}

std::string Access::new_token() {
  std::array<char, kTokenBytes> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    throw core::Error("the system gives no random numbers for the token");
  }
  return hex({bytes.data(), bytes.size()});
}

std::string Access::new_entry() {
  constexpr std::chrono::seconds kValid{60};
  const std::string entry = new_token();
  const std::scoped_lock lock(entry_mutex_);
  entry_ = http::Tokens(std::vector<std::string>{entry});
  entry_ends_ = http::Clock::now() + kValid;
  return entry;
}

bool Access::take_entry(std::string_view entry) {
  const std::scoped_lock lock(entry_mutex_);
  if (!entry_.accepts(entry)) return false;
  entry_ = http::Tokens();
  return http::Clock::now() < entry_ends_;
}

std::string Access::page_address(const std::string& address) const {
  return fmt::format("{}/?token={}", address, http::percent_encoded(token_));
}

std::string Access::cookie() const {
  return fmt::format("{}={}; Path=/; HttpOnly; SameSite=Strict", cookie_name_, token_);
}

bool Access::knows_token(const http::Request& head) const {
  if (accepts(head.bearer_token())) return true;
  return accepts(head.cookie(cookie_name_)) && (!is_write(head) || is_from_page(head));
}

std::optional<http::Response> Access::refusal(const http::Request& head, Effect effect) const {
  if (comes_from_elsewhere(head)) return http::error(403, "only the studio's own page may ask this");
  if (!knows_token(head)) {
    return http::error(401, "the token is missing or of another start; open the address that the studio printed");
  }
  if (effect == Effect::kChanges && writes_ == Writes::kRefused) {
    return http::error(403, "the studio is read-only: it was started so, and changes nothing");
  }
  return std::nullopt;
}

}  // namespace margay::studio
