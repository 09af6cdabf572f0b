#pragma once

#include <string>

#include "apps/cli/command.h"
#include "margay/run/probe_comparison.h"
#include "margay/run/probe_run.h"

namespace margay::cli {

/// The flags of `margay probe` that are not called as their fields, and the fields that have none.
const Renamed& probe_flag_names();

/// "resnet18 (resnet18.safetensors), bf16: 1522 images train, 385 validate, 37 classes".
std::string probe_start_text(const run::ProbeStart& start);

/// The results, what is wrong most, what more images and fine-tuning would give, and the commands for what comes next.
std::string probe_text(const run::Probed& probed, const run::ProbeRunOptions& options);

/// The networks, the lowest error first, and the command that probes the best one. options: as compare_probes got them.
std::string comparison_text(const run::ProbeComparison& comparison, const run::ProbeRunOptions& options);

/// The same as one document.
nlohmann::ordered_json comparison_json(const run::ProbeComparison& comparison);

}  // namespace margay::cli
