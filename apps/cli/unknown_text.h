#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

#include "margay/data/dataset.h"
#include "margay/interpret/fit_unknown.h"

namespace margay::cli {

/// How a model's detector refuses images, in a line that begins with "none of these".
std::string detector_line(const predict::UnknownDetector& detector);

/// What `margay calibrate` says of a detector of unknown images: the score and how it was chosen, what is guaranteed,
/// the classes of which most images are refused, and what it takes in the bundle. bundle_bytes: of the weights.
std::string unknown_text(const interpret::UnknownFit& fit, const data::Vocabulary& vocabulary,
                         std::int64_t bundle_bytes);

/// The same as one JSON object, with all classes.
nlohmann::ordered_json unknown_json(const interpret::UnknownFit& fit, const data::Vocabulary& vocabulary);

}  // namespace margay::cli
