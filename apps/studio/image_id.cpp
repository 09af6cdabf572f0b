#include "apps/studio/image_id.h"

#include <cstddef>

#include <fmt/format.h>

#include "margay/core/unicode.h"
#include "margay/http/target.h"

namespace margay::studio {

std::string image_id(const std::filesystem::path& relative) {
  constexpr unsigned char kDelete = 0x7f;
  const std::string& name = relative.native();
  const bool is_utf8 = !core::first_non_utf8(name);
  std::string id;
  id.reserve(name.size());
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_control = byte < ' ' || byte == kDelete;
    const bool is_foreign = byte > kDelete && !is_utf8;
    id += is_control || is_foreign || c == '%' || c == '\\' ? fmt::format("%{:02X}", byte) : std::string(1, c);
  }
  return id;
}

std::filesystem::path path_of_image_id(std::string_view id) {
  if (id.empty()) throw http::RequestError(400, "no image is named");
  return http::percent_decoded(id);
}

}  // namespace margay::studio
