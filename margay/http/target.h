#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace margay::http {

/// One NAME=VALUE of a query, decoded: "+" is a space, "%41" is "A".
struct QueryField {
  std::string name;
  std::string value;
};

/// What a request asks for (RFC 9112, section 3.2), decoded.
struct Target {
  std::string path;       ///< begins with "/"; "*" for OPTIONS *
  std::string authority;  ///< of "http://HOST:PORT/path"; "" where the target is a path
  std::vector<QueryField> query;
};

/// A request that breaks HTTP, or a rule of this server: what() tells the client what is wrong with it.
class RequestError : public std::runtime_error {
 public:
  RequestError(int status, const std::string& what) : std::runtime_error(what), status_(status) {}
  int status() const { return status_; }  ///< 400 … 599

 private:
  int status_;
};

/// Decodes "/predictions/my%20pets?top=5". Paths that two programs might read in two ways are refused, not mended: the
/// segments "." and "..", an encoded slash, a backslash, control characters, what is not UTF-8, and a broken "%". Empty
/// segments stay, so "//a" is another path than "/a". Throws RequestError, 400.
Target parse_target(std::string_view target);

/// Decodes "a=1&b=two+words", as queries and forms write it. Throws RequestError, 400, for a broken "%".
std::vector<QueryField> parse_query(std::string_view query);

/// Decodes "%41". Throws RequestError, 400, for a "%" without two hexadecimal digits.
std::string percent_decoded(std::string_view text);

/// Encodes everything but letters, digits and "-._~", for one segment of a path or one value of a query.
std::string percent_encoded(std::string_view text);

}  // namespace margay::http
