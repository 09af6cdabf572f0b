#pragma once

#include <string>

#include "margay/interpret/xray_words.h"
#include "margay/run/lesson.h"

namespace margay::cli {

/// The lesson for a terminal: numbered sections from the label to the training, as sentences with the image's own
/// numbers and tables.
std::string lesson_text(const run::Lesson& lesson, interpret::Extent extent);

}  // namespace margay::cli
