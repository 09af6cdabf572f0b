#pragma once

#include <filesystem>
#include <string>

#include "margay/model/architecture/architecture.h"

namespace margay::model {

/// What stands in the place of a path for weights that are to be looked up.
constexpr const char* kCachedWeights = "cached";

/// The weights of an architecture in a folder of those of several: NAME.safetensors, NAME.pth, NAME.pt, NAME.bin,
/// NAME.margay, or a folder NAME. "" when there are none.
std::filesystem::path look_up_weights(const std::filesystem::path& folder, const Architecture& architecture);

/// The same, but throws core::DataError when there are none, with fetch_advice. Nothing is ever downloaded.
std::filesystem::path find_weights(const std::filesystem::path& folder, const Architecture& architecture);

/// "fetch https://… (torchvision IMAGENET1K_V1) and save it as PLACE", or that nobody publishes any. place: a path, or
/// "".
std::string fetch_advice(const Architecture& architecture, const std::filesystem::path& place);

}  // namespace margay::model
