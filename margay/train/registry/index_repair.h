#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "margay/train/registry/run_index.h"

namespace margay::train {

/// Renames an index that cannot be used to NAME.damaged-<time>, its journal with it, and returns that path; empty where
/// another process has done so meanwhile and it can be used again. Nothing is deleted. Throws core::IoError.
std::filesystem::path put_index_aside(const std::filesystem::path& path);

}  // namespace margay::train
