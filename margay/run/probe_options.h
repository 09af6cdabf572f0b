#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "margay/core/options.h"
#include "margay/model/precision.h"
#include "margay/run/run_record.h"
#include "margay/run/train_options.h"
#include "margay/train/probe/probe.h"

namespace margay::run {

/// The network whose features are probed.
struct ProbedNetworkOptions {
  std::filesystem::path weights;
  std::string weights_sha256;
  std::optional<model::Arithmetic> arithmetic;
  model::Precision precision = model::Precision::kAuto;
  std::string device = "auto";

  static const core::OptionTable& fields();
};

/// The largest square of an image in the network's usual size, by one interpolation: what a training's validation sees.
data::Transforms probe_transforms();

/// Presizing of that size follows a network input that is larger, which it would magnify otherwise.
void fit_presizing(data::Transforms& transforms);

/// All options of a probe; config.json of its run holds them.
struct ProbeRunOptions {
  RunKind kind = RunKind::kProbe;
  std::string name = "probe";
  std::filesystem::path runs = "runs";
  std::string arch = "resnet18";
  BatchOptions batch = {.transforms = probe_transforms()};
  ProbedNetworkOptions network;
  train::ProbeOptions probe;
  bool keep_features = true;

  static const core::OptionTable& fields();
};

/// Throws std::invalid_argument for settings that cannot work, without looking at the data: as core::validate,
/// core::check_rules and check_run, and for options of a training that a closed form has no use for.
void check_probe_options(const ProbeRunOptions& options);

}  // namespace margay::run
