#pragma once

#include <string>

#include "apps/cli/command.h"
#include "margay/core/options.h"

namespace margay::cli {

std::string flag_text(const core::OptionTable& table, const void* options, const void* defaults,
                      const Renamed& renamed);

/// The flags that make `options` of `defaults`, each with a space in front, to paste into a shell: " --label-regex
/// '(.+)_\d+\.jpg$' --size 128". Fields without a flag are left out.
template <core::Options T>
std::string flag_text(const T& options, const T& defaults, const Renamed& renamed = {}) {
  return flag_text(T::fields(), &options, &defaults, renamed);
}

}  // namespace margay::cli
