#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "apps/studio/studio_options.h"
#include "margay/http/request.h"
#include "margay/http/response.h"
#include "margay/http/tokens.h"

namespace margay::studio {

enum class Writes { kAllowed, kRefused };

/// What a request does: a POST may be a question that is too long for an address, and change nothing.
enum class Effect { kAsks, kChanges };

/// Who may ask the studio for what, decided by the head of a request alone.
///
/// Whoever knows the token may read and write; the page knows it by a cookie that scripts cannot read (HttpOnly) and
/// that other sites cannot make the browser send (SameSite=Strict). Another page of this machine (another port) is the
/// same site for a browser, so requests must also come from the studio's own page: Sec-Fetch-Site says so (Fetch
/// Metadata Request Headers, W3C), and Origin (RFC 6454) in writes. Programs send the token as Authorization: Bearer.
class Access {
 public:
  /// token: of RFC 6750's letters, 16 at least; throws std::invalid_argument otherwise.
  Access(const std::string& token, Writes writes);
  /// With the token of --token-file, or a new one. given: if not "", that one.
  explicit Access(const StudioOptions& options, const std::string& given = "");

  /// A new token, 24 random bytes.
  static std::string new_token();

  /// A word for "/?enter=": it opens the page once, within a minute, and stands for the token where other users of the
  /// machine may read it, as in the arguments of a process.
  std::string new_entry();
  /// Whether that is the word; never again.
  bool take_entry(std::string_view entry);

  const std::string& token() const { return token_; }
  Writes writes() const { return writes_; }
  bool accepts(std::string_view token) const { return tokens_.accepts(token); }

  /// "http://127.0.0.1:41234/?token=…": opens the page with the right to use it. address: the server's.
  std::string page_address(const std::string& address) const;

  /// Set-Cookie: the page's token. Its name belongs to the token, as browsers share cookies among all ports.
  std::string cookie() const;

  /// The response to a request of the API that may not be answered: 401 without the token, 403 from elsewhere, and for
  /// changes where there shall be none.
  std::optional<http::Response> refusal(const http::Request& head, Effect effect) const;

 private:
  bool knows_token(const http::Request& head) const;

  std::string token_;
  std::string cookie_name_;
  http::Tokens tokens_;
  Writes writes_;
  std::mutex entry_mutex_;
  http::Tokens entry_;  ///< none but after new_entry()
  http::Clock::time_point entry_ends_ = {};
};

/// Whether the method changes something: all but GET, HEAD and OPTIONS.
bool is_write(const http::Request& request);

}  // namespace margay::studio
