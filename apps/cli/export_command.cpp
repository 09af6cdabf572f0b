#include <algorithm>
#include <optional>
#include <string>
#include <variant>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/cli/command.h"
#include "apps/cli/output.h"
#include "apps/cli/process.h"
#include "margay/bundle/bundle.h"
#include "margay/core/checksum.h"
#include "margay/core/file.h"
#include "margay/core/text.h"
#include "margay/export/export_bundle.h"

namespace margay::cli {
namespace {

namespace fs = std::filesystem;

struct ExportOptions {
  fs::path model;
  fs::path out;
  bool overwrite = false;
  exporting::OnnxOptions onnx;

  static const core::OptionTable& fields() {
    using O = ExportOptions;
    static const core::OptionTable table("export",
                                         {core::field<&O::overwrite>("overwrite", "replace the file that is there"),
                                          core::field<&O::onnx>("onnx", "what the ONNX file holds")});
    return table;
  }

  /// NAME.onnx beside NAME.margay, unless another file is given.
  fs::path target() const { return out.empty() ? fs::path(model).replace_extension(".onnx") : out; }
};

void check_target(const ExportOptions& options) {
  const fs::path target = options.target();
  if (target.extension() != ".onnx") {
    throw UsageError(fmt::format("{}: an ONNX file is called NAME.onnx", shown_path(target)));
  }
  if (fs::exists(target) && !options.overwrite) {
    throw core::DataError(target, "exists already; --overwrite replaces it");
  }
  core::check_writable(target);
}

std::string sides_text(const std::vector<exporting::OnnxDimension>& shape) {
  std::vector<std::string> sides;
  for (const exporting::OnnxDimension& side : shape) {
    const auto* number = std::get_if<std::int64_t>(&side);
    sides.push_back(number ? std::to_string(*number) : std::get<std::string>(side));
  }
  return fmt::format("[{}]", fmt::join(sides, ","));
}

std::string value_text(const exporting::OnnxValue& value) {
  return fmt::format("{} {} {}", value.name, value.type == exporting::OnnxType::kUint8 ? "uint8" : "float",
                     sides_text(value.shape));
}

/// What was written, and what it takes and gives.
std::string export_text(const std::vector<fs::path>& files, const exporting::OnnxModel& model) {
  std::string text;
  for (const fs::path& file : files) {
    text += fmt::format("{}: {:.1f} MB\n", shown_path(file), static_cast<double>(fs::file_size(file)) / 1e6);
  }
  for (const exporting::OnnxValue& value : model.inputs) text += fmt::format("  in   {}\n", value_text(value));
  for (const exporting::OnnxValue& value : model.outputs) text += fmt::format("  out  {}\n", value_text(value));
  return text;
}

core::ExitCode export_model(const ExportOptions& options) {
  check_target(options);
  const bundle::Bundle bundle = bundle::load_bundle(options.model);
  const exporting::OnnxSource source = {options.model.filename().string(), core::sha256_of_file(options.model)};
  const exporting::OnnxModel model = exporting::onnx_of(bundle, options.onnx, source);
  print_text(export_text(exporting::write_onnx(options.target(), model), model));
  return core::ExitCode::kDone;
}

}  // namespace

void add_export(CommandLine& line) {
  Command& command = line.add("export", "Write a model as an ONNX file, from pixels to probabilities");
  const auto options = std::make_shared<ExportOptions>();
  command.argument("model", options->model, "a model.margay", Presence::kRequired);
  command.argument("out", options->out, "the file to write, NAME.onnx; by default beside the model");
  command.flags(*options);
  takes_compute_threads(command);
  command.does([options] { return export_model(*options); });
}

}  // namespace margay::cli
