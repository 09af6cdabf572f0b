#include "apps/cli/warn.h"

#include <fmt/format.h>

namespace margay::cli {

void warn(const std::string& text) { fmt::print(stderr, "margay: warning: {}\n", text); }

}  // namespace margay::cli
