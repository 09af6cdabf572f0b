#pragma once

#include <filesystem>
#include <string>

#include "apps/cli/command.h"
#include "margay/core/error.h"
#include "margay/core/options.h"
#include "margay/export/verify.h"
#include "margay/run/evaluation_set.h"

namespace margay::cli {

/// How an ONNX file is compared with the model that it was made from.
struct VerificationOptions {
  exporting::VerifyOptions verify;
  run::EvaluationOptions images;
  std::string device = "cpu";
  bool json = false;  ///< print the certificate as JSON, and nothing else

  static const core::OptionTable& fields();
};

/// The field `runner` is no flag by the table's rules, which take a comma for the end of an item.
inline const Renamed kRunnerApart = {{"verify.runner", ""}};
/// --runner COMMAND, several times.
void add_runner_flag(Command& command, VerificationOptions& options);

/// Compares, writes the certificate beside the ONNX file, and prints what it says. Images are taken without labels;
/// where the file is quantised, or a flag of the images says which, with them. Returns kFailed where the certificate
/// does not pass. Throws as exporting::verify, read_onnx, load_bundle and run::EvaluationSet.
core::ExitCode verify_onnx(const std::filesystem::path& onnx, const std::filesystem::path& model,
                           const VerificationOptions& options);

}  // namespace margay::cli
