#include <fmt/format.h>

#include "apps/cli/command.h"
#include "apps/cli/compute.h"
#include "apps/cli/model_summary_text.h"
#include "margay/bundle/bundle.h"
#include "margay/model/architecture/architectures.h"
#include "margay/model/model_summary.h"

namespace margay::cli {
namespace {

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
             "classes", "with the head that `margay train` makes for so many classes; without: the published network",
             {1, 1e6}),
         core::field<&ModelOptions::frozen>("frozen", "as while the head trains alone"),
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
};

bool is_file(const std::string& which) { return which.ends_with(".margay") || fs::is_regular_file(which); }

ShownModel of_bundle(const ModelOptions& options) {
  if (options.classes) throw std::invalid_argument("[model] --classes is for a name; a file says its classes");
  const bundle::Bundle bundle = bundle::load_bundle(options.which);
  return {bundle.classifier, options.summary.image_px.value_or(bundle.transforms.augment.size)};
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
  return {model::make_classifier(classifier), image_px};
}

core::ExitCode show_model(const ModelOptions& options) {
  core::validate(options);
  if (options.action != "show") {
    throw std::invalid_argument(
        fmt::format("[model] '{}' is no action; there is: margay model show NAME", options.action));
  }
  prepare_to_compute();
  const ShownModel shown = is_file(options.which) ? of_bundle(options) : of_name(options);
  if (options.frozen) shown.classifier->freeze();
  model::SummaryOptions batch = options.summary;
  batch.image_px = shown.image_px;
  const model::ModelSummary summary = model::summarise(*shown.classifier, batch);
  if (options.json) {
    nlohmann::ordered_json json = {{"classifier", core::to_json(shown.classifier->options())}};
    json.update(model_summary_json(summary));
    fmt::print("{}\n", json.dump(2));
  } else {
    fmt::print("{}, {} classes\n\n{}", shown.classifier->options().architecture, shown.classifier->num_classes(),
               model_summary_text(summary));
  }
  return core::ExitCode::kDone;
}

}  // namespace

void add_model(CommandLine& line) {
  Command& command = line.add("model", "Show the layers of a network, what they hold and what they cost");
  const auto options = std::make_shared<ModelOptions>();
  command.argument("action", options->action, "show", Presence::kRequired);
  command.argument("model", options->which, "a name of `margay models`, or a model.margay", Presence::kRequired);
  command.footer(
      "margay model show resnet50\n"
      "margay model show resnet18 --classes 37 --frozen --batch-size 64\n"
      "margay model show runs/…/model.margay");
  command.flags(*options, flag_names());
  command.does([options] { return show_model(*options); });
}

}  // namespace margay::cli
