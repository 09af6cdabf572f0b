#include "apps/cli/warn.h"

#include <fmt/format.h>

#include "apps/cli/program_words.h"

namespace margay::cli {

void warn(const std::string& text) { fmt::print(stderr, "margay: warning: {}\n", program_words(text)); }

}  // namespace margay::cli
