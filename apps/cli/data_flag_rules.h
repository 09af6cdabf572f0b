#pragma once

#include "apps/cli/data_flags.h"

namespace margay::cli {

/// Throws std::invalid_argument for options out of range, that exclude each other, or that lack one they need; both
/// flags are named.
void check_rules(const DataOptions& options);

/// Whether an option asks for a draw, so that neither a table's column nor folders train/ and valid/ split.
bool asks_for_a_draw(const DataOptions& options);

}  // namespace margay::cli
