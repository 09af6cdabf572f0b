#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <torch/types.h>

#include "margay/core/options.h"
#include "margay/run/lesson.h"
#include "margay/serve/predictor.h"

namespace margay::cli {

/// `margay explain --lesson`.
struct LessonOptions {
  bool lesson = false;
  std::filesystem::path data;

  static const core::OptionTable& fields();
};

/// The lesson for an image, whose class is that of `subject` or of its training's way of labelling. With subject.data
/// the validation images are predicted, too, for its confusion. Throws as run::make_lesson, and core::DataError for
/// logits that are not finite.
run::Lesson give_lesson(const serve::Predictor& predictor, const run::LessonSubject& subject);

}  // namespace margay::cli
