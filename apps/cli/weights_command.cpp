#include <array>
#include <utility>

#include <fmt/format.h>
#include <torch/types.h>
#include <nlohmann/json.hpp>

#include "apps/cli/command.h"
#include "apps/cli/output.h"
#include "apps/cli/weights_text.h"
#include "margay/core/file.h"
#include "margay/model/architecture/architectures.h"
#include "margay/model/weights/naming.h"
#include "margay/model/weights/pretrained.h"
#include "margay/model/weights/safetensors.h"

namespace margay::cli {

/// What `margay weights` does.
enum class WeightsAction { kInspect, kConvert, kDiff };

constexpr auto names(WeightsAction /*tag*/) {
  return std::array{std::pair{WeightsAction::kInspect, "inspect"}, std::pair{WeightsAction::kConvert, "convert"},
                    std::pair{WeightsAction::kDiff, "diff"}};
}

/// The dtype that fractions are written in.
enum class WeightsDtype { kFp32, kBf16, kHalf };

constexpr auto names(WeightsDtype /*tag*/) {
  return std::array{std::pair{WeightsDtype::kFp32, "fp32"}, std::pair{WeightsDtype::kBf16, "bf16"},
                    std::pair{WeightsDtype::kHalf, "half"}};
}

namespace {

namespace fs = std::filesystem;
using model::TensorMap;

struct WeightsOptions {
  std::string action;
  std::vector<fs::path> files;
  std::optional<WeightsDtype> to;
  std::optional<std::string> arch;
  std::int64_t limit = 10;
  bool json = false;

  static const core::OptionTable& fields() {
    static const core::OptionTable table(
        "weights",
        {core::field<&WeightsOptions::to>("to",
                                          "convert: write fractions as fp32, bf16 or half; by default as they are"),
         core::field<&WeightsOptions::arch>("arch",
                                            "convert: translate the tensors' names to Margay's for this network"),
         core::field<&WeightsOptions::limit>("limit", "diff: the number of differences shown of each kind", {1, 1e9}),
         core::field<&WeightsOptions::json>("json", "inspect, diff: one JSON document")});
    return table;
  }
};

[[noreturn]] void refuse_weights(const std::string& problem) { throw std::invalid_argument("[weights] " + problem); }

core::ExitCode inspect(const WeightsOptions& options) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  bool is_first = true;
  for (const fs::path& path : options.files) {
    InspectedWeights weights{.path = path, .file = model::read_weights(path)};
    weights.network = model::recognise(weights.file.tensors);
    if (weights.network) {
      weights.form = model::recognise_form(model::weights_file_of(path), weights.file, *weights.network->architecture);
    }
    if (options.json) {
      json.push_back(inspected_json(weights));
    } else {
      print_out("{}{}", is_first ? "" : "\n", inspected_text(weights));
    }
    is_first = false;
  }
  if (options.json) print_json(json);
  return core::ExitCode::kDone;
}

torch::Dtype dtype_of(WeightsDtype dtype) {
  switch (dtype) {
    case WeightsDtype::kFp32:
      return torch::kFloat;
    case WeightsDtype::kBf16:
      return torch::kBFloat16;
    case WeightsDtype::kHalf:
      return torch::kHalf;
  }
  throw core::InternalError("a dtype outside its enum");
}

std::int64_t count_non_finite(const torch::Tensor& tensor) {
  return tensor.numel() - tensor.isfinite().sum().item<std::int64_t>();
}

void cast(TensorMap& tensors, WeightsDtype dtype, const fs::path& source) {
  for (auto& [name, tensor] : tensors) {
    if (!tensor.is_floating_point()) continue;
    const torch::Tensor narrowed = tensor.to(dtype_of(dtype));
    if (count_non_finite(narrowed) > count_non_finite(tensor)) {
      throw core::DataError(source,
                            fmt::format("'{}' has numbers that are too large for {}; bf16 has the range of fp32", name,
                                        core::to_text(dtype)));
    }
    tensor = narrowed;
  }
}

model::Recognised under_our_names(const TensorMap& tensors, const std::string& arch, const fs::path& source) {
  model::Recognised found = model::recognise(tensors, model::find_architecture(arch));
  if (found.share >= model::kRecognisedShare) return found;
  const std::optional<model::Recognised> other = model::recognise(tensors);
  throw core::FormatError(
      source, fmt::format("does not hold {}'s weights: {:.0f} % of the tensors agree{}", arch, 100 * found.share,
                          other ? fmt::format("; they look like {}'s", other->architecture->name) : ""));
}

core::ExitCode convert(const WeightsOptions& options) {
  if (options.files.size() != 2) refuse_weights("convert takes a file and the name of the new one: IN OUT.safetensors");
  const fs::path in = model::weights_file_of(options.files[0]);
  const fs::path& out = options.files[1];
  std::error_code unknown;
  if (fs::equivalent(in, out, unknown)) refuse_weights("convert does not write over the file that it reads");
  if (model::is_index_of_weights(in) && fs::exists(out) &&
      fs::equivalent(fs::absolute(in).parent_path(), fs::absolute(out).parent_path(), unknown)) {
    refuse_weights("convert does not write over a file beside the index that it reads; name a new one");
  }
  core::check_writable(out);
  model::WeightsFile file = model::read_weights(in);
  if (options.arch) {
    const model::PublishedForm form = model::recognise_form(in, file, model::find_architecture(*options.arch));
    model::Recognised found = under_our_names(file.tensors, *options.arch, in);
    file.tensors = std::move(found.tensors);
    // Without its description, a bundle's weights are read as its publisher wrote them.
    const bool is_bundle = found.naming == model::kBundleNaming;
    if (is_bundle && form.arithmetic == model::Arithmetic::kCaffe) model::swap_red_and_blue(file.tensors);
    file.metadata.erase("margay");  // says what tensors of other names are
    if (!form.source.empty()) {     // which the new name may not tell
      for (const auto& [key, value] : model::form_metadata(form)) file.metadata[key] = value;
    }
  }
  if (options.to) cast(file.tensors, *options.to, in);
  model::write_safetensors(out, file.tensors, file.metadata);
  print_out("{}: {} tensors, {} bytes\n", shown_path(out), file.tensors.size(), fs::file_size(out));
  return core::ExitCode::kDone;
}

/// As `diff` exits: 0 where they are alike, 1 where they are not.
core::ExitCode diff_weights(const WeightsOptions& options) {
  if (options.files.size() != 2) refuse_weights("diff takes two files");
  const model::WeightsDifference difference = model::weights_difference(model::read_weights(options.files[0]).tensors,
                                                                        model::read_weights(options.files[1]).tensors);
  if (options.json) {
    print_json(difference_json(difference));
  } else {
    print_out("{}", difference_text(difference, options.files[0].string(), options.files[1].string(),
                                    static_cast<std::size_t>(options.limit)));
  }
  return difference.empty() ? core::ExitCode::kDone : core::ExitCode::kFailed;
}

core::ExitCode run_weights_command(const WeightsOptions& options) {
  core::validate(options);
  const auto action = core::from_text<WeightsAction>(options.action);
  if (action != WeightsAction::kConvert && (options.to || options.arch))
    refuse_weights("--to and --arch are for convert");
  switch (action) {
    case WeightsAction::kInspect:
      return inspect(options);
    case WeightsAction::kConvert:
      return convert(options);
    case WeightsAction::kDiff:
      return diff_weights(options);
  }
  throw core::InternalError("an action outside its enum");
}

}  // namespace

void add_weights(CommandLine& line) {
  Command& command = line.add("weights", "Inspect, convert and compare files of weights");
  const auto options = std::make_shared<WeightsOptions>();
  command.argument("action", options->action, "inspect FILE…, convert IN OUT, or diff FILE FILE", Presence::kRequired);
  command.choices("action", core::all_names<WeightsAction>());
  command.argument("file", options->files, "files of weights, such as model.margay", Presence::kRequired);
  command.footer(
      "margay weights inspect resnet18.safetensors\n"
      "margay weights convert resnet18.pth resnet18.safetensors --arch resnet18 --to bf16\n"
      "margay weights diff old.safetensors new.safetensors");
  command.flags(*options);
  command.does([options] { return run_weights_command(*options); });
}

}  // namespace margay::cli
