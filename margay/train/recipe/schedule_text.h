#pragma once

#include <string>

#include "margay/train/schedule/schedule_options.h"

namespace margay::train {

/// Sets one option from its name and the text of its value: a number, a name, or for `moms` three numbers between
/// commas. Throws std::invalid_argument, naming the option, for another value, an unknown option, or one that is set
/// already.
void set_option(ScheduleOptions& options, const std::string& name, const std::string& value);

/// "flat_cos pct_start=0.5": the kind, unless it is one_cycle, and what is set, for set_option to read. May be empty.
std::string schedule_text(const ScheduleOptions& options);

}  // namespace margay::train
