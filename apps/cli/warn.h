#pragma once

#include <string>

namespace margay::cli {

/// "margay: warning: …" on stderr.
void warn(const std::string& text);

}  // namespace margay::cli
