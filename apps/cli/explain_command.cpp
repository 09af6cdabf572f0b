#include <functional>
#include <utility>

#include <fmt/format.h>
#include <torch/types.h>
#include <nlohmann/json.hpp>

#include "apps/cli/command.h"
#include "apps/cli/explain_map.h"
#include "apps/cli/lesson.h"
#include "apps/cli/lesson_text.h"
#include "apps/cli/logits_table.h"
#include "apps/cli/output.h"
#include "apps/cli/process.h"
#include "apps/cli/program_words.h"
#include "apps/cli/progress_line.h"
#include "margay/core/counted.h"
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
  fs::path map;
  std::optional<std::string> map_class;
  LessonOptions lesson;
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
         core::field<&ExplainOptions::html>("html",
                                            "write an HTML page with curves, bars, images and maps to this file"),
         core::field<&ExplainOptions::all>("all", "show all classes, even more than 12"),
         core::field<&ExplainOptions::map>(
             "map", "draw the images, and what in them speaks for a class and against it, to this file, .png or .svg",
             {core::excludes({"logits"}, "what is explained")}),
         core::field<&ExplainOptions::map_class>(
             "map_class", "a class to map beside the predicted one",
             {core::needs({"map", "html"}), core::excludes({"logits"}, "what is explained")}),
         core::field<&ExplainOptions::lesson>("lesson", "step by step"),
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
  std::vector<interpret::MappedImage> mapped = {};  ///< of the first rows, where they are asked for
  MapSubject images = {};                           ///< of which they are
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
        shown_path(options.logits)));
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

/// The class of --map-class and those of the label, in whichever of the two forms of targets_of it is.
std::vector<std::int64_t> mapped_classes(const ExplainOptions& options, const torch::Tensor& target,
                                         const std::vector<std::string>& class_names) {
  std::vector<std::int64_t> classes;
  if (options.map_class) classes.push_back(named_class("--map-class", *options.map_class, class_names));
  if (!target.defined()) return classes;
  const torch::Tensor labels = options.binary ? target[0].nonzero().flatten() : target;
  for (std::int64_t i = 0; i < labels.size(0); ++i) {
    const auto label = labels[i].item<std::int64_t>();
    if (label >= 0) classes.push_back(label);
  }
  return classes;
}

/// A multi-label model makes `options.binary` true: its losses are binary.
Subject subject_of_images(ExplainOptions& options) {
  const serve::Predictor predictor(bundle::load_bundle(options.model), options.predictor);
  if (predictor.is_multi_label()) options.binary = true;
  const std::vector<std::string>& classes = predictor.vocabulary().names();
  torch::Tensor target;  // an unknown label is told before the work, not after
  if (options.label) target = targets_of(written_label(*options.label), classes, options.binary);
  MapSubject given{.classes = mapped_classes(options, target, classes)};
  given.images = images_of(options.images).images;
  const data::PathList& images = given.images;
  if (!options.map.empty()) check_map_file(options.map, images.size());
  const auto table = predict_with_progress(predictor, images, "explain");
  Subject subject{
      .name = options.model.filename().string(),
      .logits = predictor.calibration().scaled(table.logits),
      .targets = {},
      .xray = {.step = options.step, .temperature = table.temperature, .class_names = classes, .row_names = {}},
      .skipped = table.skipped};
  for (const std::size_t id : table.ids) subject.xray.row_names.push_back(images[id].string());
  check_activations(table.logits, subject.xray.row_names, options.model);
  if (target.defined()) subject.targets = target.repeat_interleave(table.logits.size(0), 0);
  given.ids = table.ids;
  if (!options.map.empty() || !options.html.empty())
    subject.mapped = mapped_images(predictor, options.predictor, given);
  subject.images = std::move(given);
  return subject;
}

interpret::Extent extent_of(const ExplainOptions& options) {
  return options.all ? interpret::Extent::kAll : interpret::Extent::kShort;
}

/// One for each row that has a map.
std::vector<chart::Drawing> drawings_of_rows(const Subject& subject) {
  std::vector<chart::Drawing> drawings;
  for (const auto& each : subject.mapped)
    drawings.push_back(drawing_of_maps({each}, subject.images, subject.xray.class_names));
  return drawings;
}

/// Says so where not every row has its image.
template <class Xray>
std::string page_of(const Xray& xray, const Subject& subject, interpret::Extent extent) {
  if (!subject.mapped.empty() && subject.mapped.size() < xray.rows.size()) {
    complain(
        fmt::format("the page shows the images of the first {} of {} rows", subject.mapped.size(), xray.rows.size()));
  }
  return program_words(interpret::xray_html(xray, subject.name, extent, drawings_of_rows(subject)));
}

template <class Xray>
core::ExitCode show_explanation(const Xray& xray, const Subject& subject, const ExplainOptions& options) {
  const interpret::Extent extent = extent_of(options);
  FileOutputs files;
  std::vector<fs::path> written;
  const auto write = [&](const fs::path& file, const std::function<void()>& work) {
    if (!file.empty() && files.write(work)) written.push_back(file);
  };
  write(options.html, [&] { core::write_file_atomically(options.html, page_of(xray, subject, extent)); });
  write(options.map, [&] {
    write_map_file(drawing_of_maps(subject.mapped, subject.images, subject.xray.class_names), options.map);
  });
  if (options.json) {
    print_json(interpret::xray_json(xray));
  } else if (written.empty()) {
    print_text(program_words(interpret::xray_text(xray, extent)));
  }
  for (const fs::path& file : options.json ? std::vector<fs::path>() : written) {
    print_out("{} ({} explained).{}\n", shown_path(file), core::counted(xray.rows.size(), "row"),
              xray.summary ? " " + interpret::summary_words(*xray.summary) : "");
  }
  return files.code();
}

/// The classes that --label names; of several labels those separated by ';'.
data::Labels labels_given(const std::string& label, const serve::Predictor& predictor) {
  const std::vector<std::string>& classes = predictor.vocabulary().names();
  const torch::Tensor target = targets_of(written_label(label), classes, predictor.is_multi_label());
  if (!predictor.is_multi_label()) return {predictor.vocabulary().name(target[0].item<std::int64_t>())};
  data::Labels labels;
  for (std::int64_t k = 0; k < predictor.vocabulary().size(); ++k) {
    if (target[0][k].item<bool>()) labels.push_back(predictor.vocabulary().name(k));
  }
  return labels;
}

core::ExitCode teach(const ExplainOptions& options) {
  const serve::Predictor predictor(bundle::load_bundle(options.model), options.predictor);
  run::LessonSubject subject{.model = options.model,
                             .data = options.lesson.data,
                             .calibration = predictor.calibration(),
                             .step = options.step,
                             .max_pixels = options.predictor.max_pixels,
                             .decoding = options.predictor.decode};
  const bool says_label = options.label && (predictor.is_multi_label() || !options.label->empty());
  if (says_label) subject.label = labels_given(*options.label, predictor);
  const data::PathList images = images_of(options.images).images;
  if (images.size() != 1) {
    throw std::invalid_argument(fmt::format("[explain] --lesson is about one image, and {} are given", images.size()));
  }
  subject.image = images[0];
  print_text(program_words(lesson_text(give_lesson(predictor, subject), extent_of(options))));
  return core::ExitCode::kDone;
}

core::ExitCode explain(ExplainOptions options) {
  check_usage(options);
  if (options.lesson.lesson) return teach(options);
  if (!options.html.empty()) core::check_writable(options.html);
  const Subject subject = options.logits.empty() ? subject_of_images(options) : subject_of_table(options);
  const auto show = [&](const auto& xray) { return show_explanation(xray, subject, options); };
  const core::ExitCode code = options.binary
                                  ? show(interpret::sigmoid_xray(subject.logits, subject.targets, subject.xray))
                                  : show(interpret::softmax_xray(subject.logits, subject.targets, subject.xray));
  for (const auto& skipped : subject.skipped) complain(program_words(skipped.problem));
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
      "margay explain model.margay cat.jpg --map map.png --map-class beagle\n"
      "margay explain model.margay cat.jpg --lesson --data pets/images\n"
      "margay explain --logits table.csv --targets 0,1,0 --html page.html");
  command.flags(*options);
  takes_compute_threads(command);
  command.does([options] { return explain(*options); });
}

}  // namespace margay::cli
