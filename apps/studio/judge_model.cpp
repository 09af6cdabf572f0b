#include "apps/studio/judge_model.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/counted.h"
#include "margay/core/error.h"
#include "margay/core/machine.h"
#include "margay/core/quantity.h"
#include "margay/run/evaluation_report.h"
#include "margay/run/judged_rows.h"
#include "margay/run/moved_files.h"
#include "margay/serve/predictor.h"
#include "margay/serve/served_model.h"

namespace margay::studio {
namespace {

namespace fs = std::filesystem;

/// Whether a path is another, or lies below it. Both absolute and without links.
bool is_within(const fs::path& inner, const fs::path& outer) {
  const auto [at, rest] = std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end());
  return at == outer.end();
}

void check_room(std::size_t images, std::int64_t classes) {
  const std::uint64_t available = core::available_memory_bytes();
  const std::uint64_t needed = sizeof(float) * images * static_cast<std::uint64_t>(classes);
  if (available == 0 || needed < available) return;
  throw core::OutOfMemoryError(
      fmt::format("the predictions of {} for {} classes take {}, and {} of memory are left; judge a part of the images",
                  core::counted(images, "image"), classes, core::size_text(needed), core::size_text(available)));
}

run::EvaluationOptions options_of(const EvaluationQuestion& question, const fs::path& folder) {
  return {
      .folder = folder,
      .part = question.part,
      .unknown_classes = question.leaves_unknown_out ? run::UnknownClasses::kLeaveOut : run::UnknownClasses::kRefuse,
      .unlabelled = question.unlabelled};
}

std::vector<std::string> warnings_of(const run::EvaluationSet& set, const run::JudgedRows& rows) {
  std::vector<std::string> warnings = set.warnings();
  for (const data::SkippedImage& image : rows.skipped()) warnings.push_back("left out " + image.problem);
  if (!rows.trained().empty()) {
    warnings.push_back(fmt::format("left out {} with the contents of images that the model was trained on: {}",
                                   core::counted(rows.trained().size(), "image"), rows.trained().text()));
  }
  return warnings;
}

}  // namespace

const ServedFolder& folder_of_model(const ServedFolders& folders, const ListedModel& model) {
  if (model.run.empty()) {
    for (const ServedFolder& each : folders.all()) {
      if (is_within(model.file, each.path)) return each;
    }
    throw core::DataError(model.file, "choose the folder of images to judge it by");
  }
  const auto data = run::data_folder_of_run(model.run);
  if (!data) throw core::DataError(model.run, "its config.json tells no folder of images; choose one");
  std::error_code failure;
  const fs::path there = fs::weakly_canonical(*data, failure);
  for (const ServedFolder& each : folders.all()) {
    if (is_within(there, each.path) || is_within(each.path, there)) return each;
  }
  throw core::DataError(*data, fs::is_directory(*data, failure)
                                   ? "the images of this run lie here, which the studio was not started with; start it "
                                     "with this folder, or choose another one"
                                   : "the images of this run were here and are not any more; choose the folder in "
                                     "which they now lie");
}

JudgedModelOfPage judge_model(LoadedModels& models, const ServedFolders& folders, const EvaluationQuestion& question,
                              const Evaluations::OnProgress& on_progress) {
  const ListedModel listed = listed_model(folders, question.model);
  const ServedFolder& folder = question.folder.empty() ? folder_of_model(folders, listed) : folders.at(question.folder);
  JudgedModelOfPage judged{.model = models.get(listed)};
  const serve::Predictor& predictor = judged.model->predictor();
  const run::EvaluationSet set(options_of(question, folder.path), predictor.bundle(), listed.file);
  const std::size_t count = set.images()->size();
  check_room(count, predictor.vocabulary().size());
  run::JudgedRows rows(set);
  predict::PredictionGatherer gatherer(count);
  on_progress(0, static_cast<std::int64_t>(count));
  predictor.stream(
      set.images(), [&](predict::Predictions&& batch) { gatherer.add(rows.counting(std::move(batch))); },
      [&](std::size_t done, std::size_t total) {
        on_progress(static_cast<std::int64_t>(done), static_cast<std::int64_t>(total));
      });
  rows.check_any(folder.path, "choose all images to judge it nevertheless");
  judged.title = fmt::format("{} on {}", listed.name, folder.path.filename().string());
  judged.reason = set.reason();
  judged.warnings = warnings_of(set, rows);
  judged.evaluation =
      std::make_shared<const run::Evaluation>(run::judged_predictions(gatherer.take(), set,
                                                                      {.bundle = predictor.bundle(),
                                                                       .model = listed.file,
                                                                       .folder = folder.path,
                                                                       .reason = judged.reason,
                                                                       .trained = rows.trained().size()}));
  return judged;
}

}  // namespace margay::studio
