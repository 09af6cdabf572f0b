#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include <fmt/format.h>
#include <torch/types.h>
#include <nlohmann/json.hpp>

#include "apps/cli/command.h"
#include "apps/cli/launch.h"
#include "apps/cli/output.h"
#include "apps/cli/process.h"
#include "apps/cli/processes.h"
#include "apps/cli/program_words.h"
#include "apps/cli/progress_line.h"
#include "apps/cli/shared_stream.h"
#include "apps/serve/image_prediction.h"
#include "margay/core/counted.h"
#include "margay/core/text.h"
#include "margay/data/edits/sorted_folder.h"
#include "margay/data/source/csv.h"
#include "margay/data/source/folder_walk.h"

namespace margay::cli {
namespace {

namespace fs = std::filesystem;

struct PredictOptions {
  fs::path model;
  std::vector<fs::path> images;
  int top = 3;
  std::optional<double> threshold;
  std::optional<double> alpha;
  bool json = false;
  bool csv = false;
  fs::path sort_into;
  data::PlacedAs sort_by = data::PlacedAs::kCopy;
  serve::PredictorOptions predictor;

  static const core::OptionTable& fields() {
    static const core::OptionTable table(
        "predict",
        {core::field<&PredictOptions::top>("top", "classes to list for each image", {1, 1000}),
         core::field<&PredictOptions::threshold>(
             "threshold",
             "multi-label models: the probability above which a class is predicted, before `calibrate` (whose "
             "temperature moves it along); 0.5 by default",
             {0, 1}),
         core::field<&PredictOptions::alpha>(
             "alpha",
             "models that tell unknown images, by `calibrate`: the share of images of the classes that may be refused "
             "as none of these; by default the model's own",
             {1e-6, 0.5}),
         core::field<&PredictOptions::json>("json", "one JSON object per line, the same as the server's"),
         core::field<&PredictOptions::csv>(
             "csv", "a table: path,rank,label,probability, and where the model tells them p_known,none_of_these"),
         core::field<&PredictOptions::sort_into>(
             "sort_into",
             "put every image into a folder of its predicted class in this one, never over another file; sorted.csv "
             "there says what went where, and images in it are passed over the next time"),
         core::field<&PredictOptions::sort_by>(
             "sort_by", "images are copied; link: symbolic links, hardlink: second names on the same file system",
             {core::needs({"sort_into"})}),
         core::field<&PredictOptions::predictor>("predictor", "how it is computed")});
    return table;
  }
};

std::string as_csv(const routes::ImagePrediction& prediction) {
  std::string lines;
  const std::string familiarity = prediction.familiarity ? fmt::format(",{:.6g},{}", prediction.familiarity->p_known,
                                                                       prediction.familiarity->is_none)
                                                         : "";
  for (std::size_t i = 0; i < prediction.guesses.size(); ++i) {
    const routes::Guess& guess = prediction.guesses[i];
    lines += fmt::format("{},{},{},{:.6f}{}\n", data::csv_cell(prediction.image), i + 1, data::csv_cell(guess.label),
                         guess.probability, familiarity);
  }
  return lines;
}

std::string as_text(const routes::ImagePrediction& prediction) {
  std::string text = shown_path(prediction.image) + "\n";
  if (prediction.is_none()) text += fmt::format("  none of these (p = {:.2g})\n", prediction.familiarity->p_known);
  if (const auto& labels = prediction.labels) {
    const std::string names = labels->empty() ? "none of these" : core::joined(*labels, ", ");
    text += fmt::format("  labels: {}\n", core::spelled_out(names));
  }
  for (const routes::Guess& guess : prediction.guesses) {
    constexpr int kGuessBarWidth = 30;
    text +=
        fmt::format("  {:6.2f} %  {} {}\n", guess.probability * 100, core::padded(core::spelled_out(guess.label), 28),
                    core::text_bar(guess.probability, kGuessBarWidth));
  }
  return text;
}

data::SortedAs sorted_as(const routes::ImagePrediction& prediction) {
  const routes::Guess& best = prediction.guesses.front();
  data::SortedAs as{.probability = best.probability, .best = best.label};
  if (prediction.is_none()) return as;
  as.labels = prediction.labels ? *prediction.labels : data::Labels{best.label};
  return as;
}

/// There is nobody left to predict for.
struct OutputIsLost {};

/// Prints predictions as they come, so that memory does not grow with the number of images.
class PredictionPrinter {
 public:
  /// sorted: where images go, or null.
  PredictionPrinter(const PredictOptions& options, const serve::Predictor& predictor, const data::PathList& images,
                    data::SortedFolder* sorted)
      : options_(options), predictor_(predictor), images_(images), sorted_(sorted) {
    if (options.json) identity_ = {options.model.stem().string(), routes::model_version(options.model)};
    if (options.csv) print_records(fmt::format("path,rank,label,probability{}\n", tells_unknown() ? kCsvUnknown : ""));
  }

  /// Throws OutputIsLost.
  void operator()(const predict::Predictions& batch) {
    for (std::size_t i = 0; i < batch.ids.size(); ++i) {
      const auto row = static_cast<std::int64_t>(i);
      if (batch.logits[row].isfinite().all().item<bool>()) {
        print_row(batch, row);
      } else {
        ++skipped_;
        complain(fmt::format("{}: {}", shown_path(images_[batch.ids[i]]), serve::kComputesNoNumber));
      }
    }
    for (const data::SkippedImage& skipped : batch.skipped) {
      complain(program_words(skipped.problem));
      if (sorted_ != nullptr) sorted_->add_unreadable(images_[skipped.id], skipped.problem);
    }
    if (sorted_ != nullptr) sorted_->sync();
    skipped_ += batch.skipped.size();
    if (standard_output().lost()) throw OutputIsLost{};
  }

  /// Not one image could be read.
  void nothing_readable(const std::string& problem) {
    complain(program_words(problem));
    for (std::size_t i = 0; i < images_.size(); ++i) sorted_->add_unreadable(images_[i], problem);
    sorted_->sync();
    skipped_ += images_.size();
  }

  std::size_t skipped() const { return skipped_; }

 private:
  void print_row(const predict::Predictions& batch, std::int64_t row) const {
    const std::string image = images_[batch.ids[static_cast<std::size_t>(row)]].string();
    const routes::ImagePrediction prediction = routes::image_prediction(
        image, outputs_of(batch, row), predictor_.vocabulary().names(), predictor_.task(),
        {.top = options_.top, .threshold = options_.threshold.value_or(0.5), .alpha = alpha()});
    if (sorted_ != nullptr) sorted_->add(image, sorted_as(prediction));
    if (options_.json) return print_json(to_json(prediction, identity_), kOneLine);
    if (options_.csv) return print_records(as_csv(prediction));
    if (sorted_ == nullptr) print_text(as_text(prediction));
  }

  /// Spans into the batch's tensors.
  static routes::ImageOutputs outputs_of(const predict::Predictions& batch, std::int64_t row) {
    const auto values = [row](const torch::Tensor& all) {
      MARGAY_CHECK(all.is_contiguous(), "rows of predictions are read as they lie in memory");
      return std::span(all.data_ptr<float>() + row * all.size(1), static_cast<std::size_t>(all.size(1)));
    };
    routes::ImageOutputs outputs{.logits = values(batch.logits), .probabilities = values(batch.probabilities)};
    if (batch.p_known.defined()) outputs.p_known = batch.p_known[row].item<double>();
    return outputs;
  }

  bool tells_unknown() const { return predictor_.bundle().unknown.has_value(); }
  double alpha() const { return tells_unknown() ? options_.alpha.value_or(predictor_.bundle().unknown->alpha()) : 0; }

  static constexpr const char* kCsvUnknown = ",p_known,none_of_these";
  static constexpr int kOneLine = -1;

  const PredictOptions& options_;
  const serve::Predictor& predictor_;
  const data::PathList& images_;
  data::SortedFolder* sorted_;
  routes::ModelIdentity identity_;
  std::size_t skipped_ = 0;
};

/// Images that are still to be sorted.
struct ImagesToSort {
  data::PathList images;
  std::size_t sorted_before = 0;
};

/// Without those that were sorted before, and those that lie where images are sorted into.
ImagesToSort images_to_sort(const data::PathList& images, const data::SortedFolder& sorted) {
  ImagesToSort left;
  const std::string root = fs::weakly_canonical(sorted.folder()).native() + "/";
  std::size_t inside = 0;
  for (std::size_t i = 0; i < images.size(); ++i) {
    const fs::path image = images[i];
    const bool is_inside = fs::weakly_canonical(image.parent_path() / "x").native().starts_with(root);
    if (is_inside) {
      ++inside;
    } else if (sorted.was_sorted(image)) {
      ++left.sorted_before;
    } else {
      left.images.add(image.native());
    }
  }
  if (inside > 0) {
    warn(fmt::format("{} in {}, where images are sorted into, {} passed over", core::counted(inside, "image"),
                     shown_path(sorted.folder()), inside == 1 ? "is" : "are"));
  }
  return left;
}

std::string sorting_text(const data::SortedFolder& sorted, std::size_t sorted_before, data::PlacedAs how) {
  const char* done = how == data::PlacedAs::kCopy ? "copied" : how == data::PlacedAs::kLink ? "linked" : "given a name";
  std::string text =
      fmt::format("{}: {} {}", shown_path(sorted.folder()), core::counted(sorted.added(), "image"), done);
  if (sorted_before > 0) text += fmt::format(", {} sorted before", sorted_before);
  if (sorted.found() > 0) text += fmt::format(", {} were there", sorted.found());
  if (sorted.unreadable() > 0) {
    text += fmt::format(", {} cannot be read: {}", sorted.unreadable(), data::SortedFolder::kUnreadable);
  }
  text += "\n";
  for (const auto& [folder, count] : sorted.counts()) {
    text += fmt::format("  {} {:>6}\n", core::padded(core::spelled_out(folder), 28), count);
  }
  return text;
}

/// The images that are left, which all processes share.
void predict_images(const PredictOptions& options, const serve::Predictor& predictor, const data::PathList& images,
                    PredictionPrinter& printer, collective::Group& group) {
  const auto dataset = std::make_shared<data::Dataset>(data::Dataset::unlabelled(images));
  check_same_work(group, {.model = options.model, .options = options.predictor, .images = *dataset, .folder = ""});
  stream_together(
      predictor, dataset, [&](const predict::Predictions& batch) { printer(batch); }, "predict", group);
}

core::ExitCode predict(const PredictOptions& options, const Launch& launch, collective::Group& group) {
  if (options.json && options.csv) throw std::invalid_argument("[predict] --json and --csv exclude each other");
  core::validate(options);
  if (group.size() > 1 && !options.sort_into.empty()) {
    throw std::invalid_argument("[predict] --sort-into works in one process; start it without the launcher");
  }
  serve::PredictorOptions computing = options.predictor;
  computing.device = own_device(computing.device, launch);
  const serve::Predictor predictor(bundle::load_bundle(options.model), computing);
  if (options.threshold && !predictor.is_multi_label()) {
    throw std::invalid_argument("[predict] --threshold is for multi-label models; this model predicts one class");
  }
  if (options.alpha && !predictor.bundle().unknown) {
    throw std::invalid_argument(
        "[predict] --alpha is for models that tell images of none of their classes; `calibrate` makes one of this");
  }
  const GivenImages given = images_of(options.images);
  std::optional<data::SortedFolder> sorted;
  if (!options.sort_into.empty()) {
    sorted.emplace(options.sort_into, predictor.vocabulary().names(), options.sort_by);
  }
  const ImagesToSort left = sorted ? images_to_sort(given.images, *sorted) : ImagesToSort{given.images};
  PredictionPrinter printer(options, predictor, left.images, sorted ? &*sorted : nullptr);
  try {
    if (!left.images.empty()) predict_images(options, predictor, left.images, printer, group);
  } catch (const OutputIsLost&) {  // the program's exit code will say so
  } catch (const core::DataError& error) {
    if (!sorted) throw;
    printer.nothing_readable(error.what());
  }
  if (sorted && !options.json && !options.csv) {
    print_text(sorting_text(*sorted, left.sorted_before, options.sort_by));
  }
  return printer.skipped() == 0 && given.are_all ? core::ExitCode::kDone : core::ExitCode::kBadData;
}

}  // namespace

void add_predict(CommandLine& line) {
  Command& command = line.add("predict", "Say what is in images");
  const auto options = std::make_shared<PredictOptions>();
  command.argument("model", options->model, "a model.margay", Presence::kRequired);
  command.argument("images", options->images, "images, or folders of them", Presence::kRequired);
  command.flags(*options);
  const auto processes = takes_processes(command);
  takes_compute_threads(command, processes);
  command.everyday({"--top", "--threshold", "--alpha", "--json", "--csv", "--sort-into", "--sort-by", "--batch-size",
                    "--num-workers", "--precision", "--device", "--tta", "--raw", "--max-pixels", "--decode"});
  command.does([=] {
    return work_together(read_launch(*processes, launch_variables()),
                         [&](const Launch& launch, const std::shared_ptr<collective::Group>& group) {
                           return predict(*options, launch, *group);
                         });
  });
}

}  // namespace margay::cli
