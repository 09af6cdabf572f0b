#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <nlohmann/json_fwd.hpp>

#include "apps/cli/calibration_text.h"
#include "apps/cli/command.h"
#include "apps/cli/output.h"
#include "apps/cli/process.h"
#include "apps/cli/unknown_text.h"
#include "margay/bundle/bundle.h"
#include "margay/core/counted.h"
#include "margay/core/options.h"
#include "margay/core/quantity.h"
#include "margay/core/text.h"
#include "margay/model/architecture/architectures.h"
#include "margay/model/model_summary.h"
#include "margay/run/judged_rows.h"

namespace margay::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string trainable_text(std::int64_t parameters, std::int64_t trainable) {
  if (parameters == 0) return "";
  if (trainable == parameters) return "yes";
  return trainable == 0 ? "no" : fmt::format("{}", trainable);
}

std::string count_text(std::int64_t count) { return count == 0 ? "" : fmt::format("{}", count); }

/// Millions, with three digits at least.
std::string macs_text(std::int64_t macs, std::int64_t batch_size) {
  if (macs == 0) return "";
  const double millions = static_cast<double>(macs) / static_cast<double>(batch_size) / 1e6;
  return millions < 1 ? fmt::format("{:.3g}", millions) : fmt::format("{:.2f}", millions);
}

std::string rows_text(const model::ModelSummary& summary) {
  using enum core::TextTable::Align;
  core::TextTable table({{"group", kLeft},
                         {"layer", kLeft},
                         {"kind", kLeft},
                         {"output", kLeft},
                         {"parameters"},
                         {"trainable"},
                         {"MMACs"}});
  for (const model::SummaryRow& row : summary.rows) {
    table.add({row.group, row.layer, row.kind, fmt::format("[{}]", core::joined(row.output, ",")),
               count_text(row.parameters), trainable_text(row.parameters, row.trainable_parameters),
               macs_text(row.macs, summary.batch_size)});
  }
  return table.text();
}

std::string groups_text(const model::ModelSummary& summary) {
  using enum core::TextTable::Align;
  core::TextTable table({{"group", kLeft}, {"parameters"}, {"trainable"}});
  const auto add = [&](const std::string& name, std::int64_t parameters, std::int64_t trainable) {
    table.add({name, std::to_string(parameters), std::to_string(trainable)});
  };
  for (const model::SummaryGroup& each : summary.groups) add(each.name, each.parameters, each.trainable_parameters);
  add("all", summary.parameters(), summary.trainable_parameters());
  return table.text();
}

Json json_of(const model::SummaryRow& row) {
  return {{"group", row.group},
          {"layer", row.layer},
          {"kind", row.kind},
          {"output", row.output},
          {"parameters", row.parameters},
          {"trainable_parameters", row.trainable_parameters},
          {"macs", row.macs},
          {"activation_bytes", row.activation_bytes}};
}

/// fastai's Learner.summary as text: a line for each layer and step, then each parameter group and the whole.
std::string model_summary_text(const model::ModelSummary& summary) {
  return fmt::format(
      "{}\n{}\n{:.4g} GMACs for an image of {} pixels; the results of all layers take {} for a batch of {}, in "
      "float32\n",
      rows_text(summary), groups_text(summary), static_cast<double>(summary.macs_per_image()) / 1e9, summary.image_px,
      core::size_text(static_cast<std::uint64_t>(summary.activation_bytes())), summary.batch_size);
}

Json model_summary_json(const model::ModelSummary& summary) {
  Json json = {{"batch_size", summary.batch_size},
               {"image_px", summary.image_px},
               {"parameters", summary.parameters()},
               {"trainable_parameters", summary.trainable_parameters()},
               {"macs_per_image", summary.macs_per_image()},
               {"activation_bytes", summary.activation_bytes()},
               {"groups", Json::array()},
               {"rows", Json::array()}};
  for (const model::SummaryGroup& each : summary.groups) {
    json["groups"].push_back(
        {{"name", each.name}, {"parameters", each.parameters}, {"trainable_parameters", each.trainable_parameters}});
  }
  for (const model::SummaryRow& each : summary.rows) json["rows"].push_back(json_of(each));
  return json;
}

namespace fs = std::filesystem;

struct ModelOptions {
  std::string action = "show";
  std::string which;
  std::optional<std::int64_t> classes;
  bool frozen = false;
  model::SummaryOptions summary;
  bool json = false;

  static const core::OptionTable& fields() {
    static const core::OptionTable table(
        "model",
        {core::field<&ModelOptions::classes>(
             "classes",
             "with the head that `margay train` makes for this number of classes; by default the published network",
             {1, 1e6}),
         core::field<&ModelOptions::frozen>("frozen", "with the body frozen, as while the head trains alone"),
         core::field<&ModelOptions::summary>("summary", "the batch"),
         core::field<&ModelOptions::json>("json", "one JSON document")});
    return table;
  }
};

const Renamed& flag_names() {
  static const Renamed renamed = {{"summary.image_px", "size"}};
  return renamed;
}

/// What is to be shown, and of which side its images are.
struct ShownModel {
  std::shared_ptr<model::Classifier> classifier;
  std::int64_t image_px;
  std::optional<predict::Calibration> calibration;  ///< of a file
  std::optional<predict::UnknownDetector> unknown;
};

std::string probabilities_text(const ShownModel& shown) {
  if (!shown.calibration) return "";
  return kept_temperature_line(*shown.calibration) +
         (shown.unknown ? detector_line(*shown.unknown) : "none of these: never, no threshold is set\n") + "\n";
}

/// "calibration" and "unknown", null where there is no threshold; nothing for a name.
Json probabilities_json(const ShownModel& shown) {
  if (!shown.calibration) return Json::object();
  return {{"calibration", core::to_json(*shown.calibration)},
          {"unknown", shown.unknown ? run::detector_json(*shown.unknown) : Json()}};
}

/// A folder is refused as one: networks' names hold no '/'.
bool is_file(const std::string& which) {
  const bool is_path = which.find('/') != std::string::npos && fs::is_directory(which);
  return is_path || which.ends_with(".margay") || fs::is_regular_file(which);
}

ShownModel of_bundle(const ModelOptions& options) {
  if (options.classes) throw std::invalid_argument("[model] --classes is for a name; a file says its classes");
  const bundle::Bundle bundle = bundle::load_bundle(options.which, bundle::GoldenCheck::kLater);
  return {.classifier = bundle.classifier,
          .image_px = options.summary.image_px.value_or(bundle.transforms.augment.size),
          .calibration = bundle.calibration,
          .unknown = bundle.unknown};
}

/// Networks with learnt positions are made for one size of images.
ShownModel of_name(const ModelOptions& options) {
  const model::Architecture& architecture = model::find_architecture(options.which);
  const std::int64_t image_px = options.summary.image_px.value_or(architecture.input_px);
  if (architecture.classes == 0 && !options.classes) {
    throw std::invalid_argument(fmt::format("[model] {} is published without a head: give --classes", options.which));
  }
  model::ClassifierOptions classifier = {.architecture = options.which, .image_px = image_px};
  classifier.num_classes = options.classes.value_or(architecture.classes);
  if (!options.classes) classifier.head.kind = model::HeadKind::kPublished;
  return {.classifier = model::make_classifier(classifier), .image_px = image_px, .calibration = {}, .unknown = {}};
}

core::ExitCode show_model(const ModelOptions& options) {
  core::validate(options);
  if (options.action != "show") {
    throw std::invalid_argument(
        fmt::format("[model] '{}' is not an action; the action is: margay model show NAME", options.action));
  }
  const ShownModel shown = is_file(options.which) ? of_bundle(options) : of_name(options);
  if (options.frozen) shown.classifier->freeze();
  model::SummaryOptions batch = options.summary;
  batch.image_px = shown.image_px;
  const model::ModelSummary summary = model::summarise(*shown.classifier, batch);
  if (options.json) {
    nlohmann::ordered_json json = {{"classifier", core::to_json(shown.classifier->options())}};
    json.update(probabilities_json(shown));
    json.update(model_summary_json(summary));
    print_json(json);
  } else {
    print_out("{}, {}\n\n{}{}", shown.classifier->options().architecture,
              core::counted(shown.classifier->num_classes(), "class", "classes"), probabilities_text(shown),
              model_summary_text(summary));
  }
  return core::ExitCode::kDone;
}

}  // namespace

void add_model(CommandLine& line) {
  Command& command = line.add("model", "Show the layers of a network, their parameters and their cost");
  const auto options = std::make_shared<ModelOptions>();
  command.argument("action", options->action, "show", Presence::kRequired);
  command.choices("action", {"show"});
  command.argument("model", options->which, "a name of `margay models`, or a model.margay", Presence::kRequired);
  command.footer(
      "margay model show resnet50\n"
      "margay model show resnet18 --classes 37 --frozen --batch-size 64\n"
      "margay model show runs/…/model.margay");
  command.flags(*options, flag_names());
  takes_compute_threads(command);
  command.does([options] { return show_model(*options); });
}

}  // namespace margay::cli
