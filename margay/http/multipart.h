#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace margay::http {

/// One part of a form. Views lead into the body that was parsed.
struct FormPart {
  std::string name;
  std::string file_name;     ///< as sent, never used as a path; "": none
  std::string content_type;  ///< "text/plain" where the part says nothing (RFC 7578, section 4.4)
  std::string_view bytes;
};

struct MultipartLimits {
  std::size_t parts = 1000;
  std::size_t header_bytes = 8192;  ///< of one part
};

/// The parts of a multipart/form-data body (RFC 7578, RFC 2046 section 5.1), in order. content_type: the whole field of
/// the request, with its boundary. Throws RequestError: 415 for another type, 413 beyond a limit, 400 for what is
/// broken: no boundary, a part without a name, a part in another transfer encoding than binary, 7bit or 8bit, a body
/// that ends early.
std::vector<FormPart> parse_multipart(std::string_view body, std::string_view content_type,
                                      const MultipartLimits& limits = {});

}  // namespace margay::http
