#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace margay::http {

/// Decodes base64 (RFC 4648, section 4) strictly: standard letters, whole groups of four with their "=", no white
/// space, no bits left over, so that each text stands for other bytes. nullopt for everything else.
std::optional<std::string> base64_decoded(std::string_view text);

std::string base64_encoded(std::string_view bytes);

}  // namespace margay::http
