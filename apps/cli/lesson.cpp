#include "apps/cli/lesson.h"

#include <utility>

#include <fmt/format.h>
#include <torch/utils.h>

#include "apps/cli/judged_model.h"
#include "apps/cli/output.h"
#include "apps/cli/progress_line.h"
#include "margay/core/error.h"
#include "margay/run/evaluation_set.h"

namespace margay::cli {
namespace {

/// Of a single image. Throws core::DataError.
predict::Predictions lesson_predictions(const serve::Predictor& predictor, const run::LessonSubject& subject) {
  const predict::Predictions predictions = predictor.predict(data::PathList{subject.image});
  if (!predictions.logits.isfinite().all().item<bool>()) {
    throw core::DataError(subject.model, fmt::format("its logits for {} are not finite: the training diverged, or "
                                                     "--precision is too low for it",
                                                     shown_path(subject.image)));
  }
  return predictions;
}

/// int64 [K,K]: rows the actual class, columns the predicted one, over the images that count.
torch::Tensor confusion_of(const JudgedSet& images) {
  const std::int64_t classes = images.predictor.vocabulary().size();
  torch::Tensor confusion = torch::zeros({classes * classes}, torch::kLong);
  const auto count = [&](const predict::Predictions& batch) {
    const torch::Tensor cells = batch.targets * classes + batch.logits.argmax(1);
    confusion += cells.bincount({}, classes * classes);
  };
  stream_judged(images, count, "explain");
  return confusion.view({classes, classes});
}

run::LessonConfusion confusion_of(const serve::Predictor& predictor, const run::LessonSubject& subject,
                                  const interpret::SoftmaxRow& row) {
  const run::EvaluationSet set({.folder = subject.data}, predictor.bundle(), subject.model);
  warn_of_each(set.warnings());
  const std::size_t index = row.target ? row.target->index : row.best_class();
  const torch::Tensor confusion = confusion_of({.predictor = predictor, .set = set, .folder = subject.data});
  return run::lesson_confusion(confusion, static_cast<std::int64_t>(index), predictor.vocabulary(), set.reason());
}

}  // namespace

run::Lesson give_lesson(const serve::Predictor& predictor, const run::LessonSubject& subject) {
  const predict::Predictions predictions = lesson_predictions(predictor, subject);
  run::Lesson lesson = run::make_lesson(predictor.bundle(), subject, predictions.logits);
  if (predictions.p_known.defined()) {
    lesson.p_known = predictions.p_known[0].item<double>();
    lesson.alpha = predictions.alpha;
  }
  const auto* xray = std::get_if<interpret::SoftmaxXray>(&lesson.xray);
  if (xray != nullptr && !subject.data.empty()) lesson.confusion = confusion_of(predictor, subject, xray->rows[0]);
  return lesson;
}

const core::OptionTable& LessonOptions::fields() {
  static const core::OptionTable table(
      "lesson",
      {core::field<&LessonOptions::lesson>("lesson",
                                           "one image step by step: label, presizing, logits to gradient, guesses, "
                                           "confusion, how the model was trained",
                                           {core::excludes({"logits", "targets", "binary", "json", "html", "map"})}),
       core::field<&LessonOptions::data>("data",
                                         "the folder of the training's images, for the confusion of its validation "
                                         "images and for labels from tables and paths",
                                         {core::needs({"lesson"})})});
  return table;
}

}  // namespace margay::cli
