#pragma once

#include "apps/cli/terminal_image.h"
#include "margay/core/error.h"
#include "margay/run/review.h"

namespace margay::cli {

/// Reviews at the terminal, until everything is decided or the user quits: one image after the other, each decision on
/// the disk before the next image is shown. A decision that cannot be written is told of, and its image stays. Returns
/// kInterrupted after ctrl-C. Throws core::Error where there is no terminal (has_screen).
core::ExitCode review_in_terminal(run::Review& review, ImageStyle style, int deep_bits);

}  // namespace margay::cli
