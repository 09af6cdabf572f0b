#include <fmt/format.h>
#include <torch/types.h>
#include <nlohmann/json.hpp>

#include "apps/cli/command.h"
#include "apps/cli/logits_table.h"
#include "apps/cli/output.h"
#include "apps/cli/process.h"
#include "apps/cli/program_words.h"
#include "apps/cli/progress_line.h"
#include "margay/core/file.h"
#include "margay/interpret/xray_html.h"
#include "margay/interpret/xray_text.h"
#include "margay/interpret/xray_words.h"
#include "margay/loss/input_check.h"

namespace margay::cli {
namespace {

namespace fs = std::filesystem;

struct ExplainOptions {
  fs::path model;
  std::vector<fs::path> images;
  fs::path logits;
  std::optional<std::string> targets;
  std::optional<std::string> label;
  bool binary = false;
  double step = 1;
  bool json = false;
  fs::path html;
  bool all = false;
  serve::PredictorOptions predictor;

  static const core::OptionTable& fields() {
    static const core::OptionTable table(
        "explain",
        {core::field<&ExplainOptions::logits>(
             "logits",
             "instead of a model: a CSV of activations, a row for each image and a column for each class; the "
             "columns name and target, if any, name the rows and their targets"),
         core::field<&ExplainOptions::targets>("targets",
                                               "the targets to --logits, names or indices of classes: a list with "
                                               "commas, or a CSV with a column target; an empty one is unknown"),
         core::field<&ExplainOptions::label>("label", "the target to the images, the name or index of a class"),
         core::field<&ExplainOptions::binary>(
             "binary",
             "a yes-no question for each class: sigmoids and binary cross-entropy; targets of several classes are "
             "separated by ';', and an empty one is none of them"),
         core::field<&ExplainOptions::step>("step", "length of the step against the gradient", {0, 1e6}),
         core::field<&ExplainOptions::json>("json", "one JSON document with all digits of every number"),
         core::field<&ExplainOptions::html>("html", "write an HTML page with curves and bars to this file"),
         core::field<&ExplainOptions::all>("all", "show all classes, even more than 12"),
         core::field<&ExplainOptions::predictor>("predictor", "how it is computed")});
    return table;
  }
};

/// What is taken apart, whoever computed it.
struct Subject {
  std::string name;  ///< of the file
  torch::Tensor logits;
  torch::Tensor targets;  ///< undefined where no target is given
  interpret::XrayOptions xray;
  std::vector<data::SkippedImage> skipped;
};

void check_usage(const ExplainOptions& options) {
  const auto refuse = [](const char* problem) { throw std::invalid_argument(fmt::format("[explain] {}", problem)); };
  core::validate(options);
  if (options.logits.empty() && options.model.empty()) refuse("give a model and images, or --logits FILE");
  if (!options.logits.empty() && !options.model.empty()) {
    refuse("a model computes the logits, and --logits reads them from a file; give one of the two");
  }
  if (!options.logits.empty() && options.label) refuse("--label is for images; --targets belongs to --logits");
  if (options.logits.empty() && options.targets) refuse("--targets belongs to --logits; for images give --label");
  if (options.logits.empty() && options.images.empty()) refuse("the model needs images, or folders of them");
}

torch::Tensor targets_of(const WrittenTargets& written, const std::vector<std::string>& classes, bool binary) {
  return binary ? multi_label_targets(written, classes) : class_targets(written, classes);
}

void check_softmax_exists(const LogitsTable& table, const fs::path& path) {
  const torch::Tensor has_none = torch::isneginf(table.logits).all(1);
  if (!has_none.any().item<bool>()) return;
  const auto row = static_cast<std::size_t>(has_none.to(torch::kInt).argmax().item<std::int64_t>());
  throw core::DataError(path,
                        fmt::format("line {}: every activation is -inf, so the row has no softmax", table.lines[row]));
}

Subject subject_of_table(const ExplainOptions& options) {
  const LogitsTable table = read_logits(options.logits);
  if (!options.binary) check_softmax_exists(table, options.logits);
  if (!options.binary && loss::look_like_probabilities(table.logits)) {
    complain(fmt::format(
        "{}: every row lies in [0, 1] and sums to 1, like the result of a softmax; logits are the values before it",
        options.logits.string()));
  }
  Subject subject{.name = options.logits.filename().string(),
                  .logits = table.logits,
                  .targets = {},
                  .xray = {.step = options.step, .class_names = table.class_names, .row_names = table.row_names},
                  .skipped = {}};
  const auto written = written_targets(options.targets, table, options.logits);
  if (written) subject.targets = targets_of(*written, table.class_names, options.binary);
  return subject;
}

void check_activations(const torch::Tensor& logits, const std::vector<std::string>& images, const fs::path& model) {
  const torch::Tensor bad = logits.isfinite().logical_not().any(1);
  if (!bad.any().item<bool>()) return;
  const auto row = static_cast<std::size_t>(bad.to(torch::kInt).argmax().item<std::int64_t>());
  throw core::DataError(model, fmt::format("its activations for {} are not finite: the training diverged, or "
                                           "--precision is too low for it",
                                           images[row]));
}

/// A multi-label model makes `options.binary` true: its losses are binary.
Subject subject_of_images(ExplainOptions& options) {
  const serve::Predictor predictor(bundle::load_bundle(options.model), options.predictor);
  if (predictor.is_multi_label()) options.binary = true;
  const std::vector<std::string>& classes = predictor.vocabulary().names();
  torch::Tensor target;  // an unknown label is told before the work, not after
  if (options.label) target = targets_of(written_label(*options.label), classes, options.binary);
  const data::PathList images = images_of(options.images).images;
  const auto table = predict_with_progress(predictor, images, "explain");
  Subject subject{.name = options.model.filename().string(),
                  .logits = table.logits,
                  .targets = {},
                  .xray = {.step = options.step, .class_names = classes, .row_names = {}},
                  .skipped = table.skipped};
  for (const std::size_t id : table.ids) subject.xray.row_names.push_back(images[id].string());
  check_activations(table.logits, subject.xray.row_names, options.model);
  if (target.defined()) subject.targets = target.repeat_interleave(table.logits.size(0), 0);
  return subject;
}

template <class Xray>
core::ExitCode show_explanation(const Xray& xray, const std::string& name, const ExplainOptions& options) {
  const auto extent = options.all ? interpret::Extent::kAll : interpret::Extent::kShort;
  FileOutputs files;
  const bool has_page = !options.html.empty() && files.write([&] {
    core::write_file_atomically(options.html, program_words(interpret::xray_html(xray, name, extent)));
  });
  if (options.json) {
    print_json(interpret::xray_json(xray));
  } else if (!has_page) {
    print_text(program_words(interpret::xray_text(xray, extent)));
  } else {
    print_out("{} ({} explained).{}\n", shown_path(options.html), interpret::counted(xray.rows.size(), "row"),
              xray.summary ? " " + interpret::summary_words(*xray.summary) : "");
  }
  return files.code();
}

core::ExitCode explain(ExplainOptions options) {
  check_usage(options);
  if (!options.html.empty()) core::check_writable(options.html);
  const Subject subject = options.logits.empty() ? subject_of_images(options) : subject_of_table(options);
  const auto show = [&](const auto& xray) { return show_explanation(xray, subject.name, options); };
  const core::ExitCode code = options.binary
                                  ? show(interpret::sigmoid_xray(subject.logits, subject.targets, subject.xray))
                                  : show(interpret::softmax_xray(subject.logits, subject.targets, subject.xray));
  for (const auto& skipped : subject.skipped) complain(skipped.problem);
  return subject.skipped.empty() ? code : core::ExitCode::kBadData;
}

}  // namespace

void add_explain(CommandLine& line) {
  Command& command = line.add("explain", "Explain a loss, from logits to gradient");
  const auto options = std::make_shared<ExplainOptions>();
  command.argument("model", options->model, "a model.margay");
  command.argument("images", options->images, "images, or folders of them");
  command.footer(
      "margay explain model.margay cat.jpg --label beagle\n"
      "margay explain --logits table.csv --targets 0,1,0 --html page.html");
  command.flags(*options);
  takes_compute_threads(command);
  command.does([options] { return explain(*options); });
}

}  // namespace margay::cli
