#include "apps/cli/quantisation.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/cli/command.h"
#include "apps/cli/output.h"
#include "apps/cli/process.h"
#include "apps/cli/progress_line.h"
#include "margay/core/counted.h"
#include "margay/core/error.h"
#include "margay/data/dataset.h"
#include "margay/data/image_pipeline.h"
#include "margay/data/source/image_files.h"
#include "margay/export/calibrate_ranges.h"
#include "margay/export/onnx_names.h"
#include "margay/export/runtime.h"
#include "margay/run/training_folder.h"

namespace margay::cli {
namespace {

namespace fs = std::filesystem;
using exporting::OnnxModel;

/// OpenCV's dnn cannot say what the values between layers are.
exporting::Runner calibration_runner(const exporting::VerifyOptions& options) {
  exporting::Runner runner;
  if (!options.runner.empty()) {
    runner = {.name = options.runner.front(), .command = options.runner.front(), .was_asked_for = true};
  } else {
    const std::vector<exporting::Runner> installed = exporting::installed_runners();
    const auto found =
        std::find_if(installed.begin(), installed.end(), [](const auto& each) { return each.takes_pixels; });
    if (found == installed.end()) {
      throw UsageError(
          "--int8 needs ONNX Runtime, which says what the ranges of the values are: give the command of a runner "
          "(--runner; the guide has one for onnxruntime-node), or install libonnxruntime-dev (Debian 13) and build "
          "Margay again");
    }
    runner = *found;
  }
  runner.limit = std::chrono::ceil<std::chrono::milliseconds>(std::chrono::duration<double>(options.runner_limit_s));
  return runner;
}

/// Which images ranges come from, and in words why these.
struct RangeImages {
  data::PathList paths;
  std::string whose;
};

RangeImages range_images(const QuantisedExport& what, const fs::path& folder) {
  const data::ImageSearch search = data::search_images(folder);
  data::check_all_open(search);
  if (search.images.empty()) throw core::DataError(folder, "there is no image in this folder");
  warn_of_each(search.left_out.sentences());
  const run::TrainingMemory memory(what.bundle.known_images, what.model);
  const run::TrainingFolder here = run::find_training_images(search.images, folder, memory);
  RangeImages images{.paths = {}, .whose = "that the model was trained on"};
  for (std::size_t i = 0; here.is_trainings && i < search.images.size(); ++i) {
    if (here.parts[i] == data::TrainingPart::kTrain) images.paths.add(search.images.text(i));
  }
  if (images.paths.empty()) {
    images = {.paths = search.images, .whose = fmt::format("of {}", shown_path(folder))};
  }
  return images;
}

/// Before the file's own hash, which must stay the last.
void note_quantisation(OnnxModel& model, const exporting::QuantizeOptions& options, std::size_t images) {
  nlohmann::ordered_json note = core::to_json(options);
  note["images"] = images;
  model.metadata.emplace(model.metadata.end() - 1, "margay.quantisation", note.dump());
}

}  // namespace

OnnxModel quantised_onnx(const OnnxModel& model, const QuantisedExport& what, const QuantisationOptions& options,
                         const exporting::VerifyOptions& runtimes, bool is_quiet) {
  core::validate(options.quantize);
  const exporting::Runner runner = calibration_runner(runtimes);
  const RangeImages images = range_images(what, options.calibrate);
  const data::ImagePipeline pipeline(what.bundle.transforms);
  fs::path scratch = what.target;
  scratch += ".calibration";
  std::size_t unread = 0;
  ProgressLine progress;
  progress.begin("calibrate");
  listen_for_stop();
  const auto histograms = exporting::calibrate_ranges(
      model, options.quantize, runner,
      {.images = std::make_shared<data::Dataset>(data::Dataset::unlabelled(images.paths)),
       .pipeline = pipeline,
       .most = static_cast<std::size_t>(options.num_calibration_images),
       .on_unread =
           [&](const std::string& problem) {
             ++unread;
             progress.clear();
             warn("left out " + problem);
           }},
      scratch, [&](std::size_t done, std::size_t total) {
        if (is_stop_wanted()) throw core::Interrupted("stopped; there is no file");
        progress.show(static_cast<std::int64_t>(done), static_cast<std::int64_t>(total), "");
      });
  progress.clear();
  OnnxModel quantised = exporting::quantised(model, histograms, options.quantize);
  const std::size_t used =
      std::min(images.paths.size(), static_cast<std::size_t>(options.num_calibration_images)) - unread;
  note_quantisation(quantised, options.quantize, used);
  if (!is_quiet) print_out("int8: ranges from {} {}\n", core::counted(used, "image"), images.whose);
  return quantised;
}

const core::OptionTable& QuantisationOptions::fields() {
  using O = QuantisationOptions;
  static const core::OptionTable table(
      "quantisation",
      {core::field<&O::int8>("int8",
                             "weights and values between layers as 8-bit integers: a file of a quarter of the size, "
                             "faster where the processor multiplies them; with --verify the accuracy lost is judged",
                             {core::needs({"calibrate"})}),
       core::field<&O::calibrate>("calibrate",
                                  "images that say how large the values get; those that the model was trained on, if "
                                  "the folder holds them",
                                  {core::needs({"int8"})}),
       core::field<&O::num_calibration_images>("num_calibration_images", "how many of them, evenly spread over all",
                                               {1, 1e6}, {core::needs({"int8"})}),
       core::field<&O::quantize>("quantize", "how they are made integers")});
  return table;
}

}  // namespace margay::cli
