#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "margay/data/check/finding.h"

namespace margay::data {

/// Called with how many of the images have been read.
using CheckProgress = std::function<void(std::size_t done, std::size_t total)>;

struct ClassCount {
  std::string name;
  std::size_t images = 0;
  std::size_t train = 0;
  std::size_t valid = 0;
};

/// What a check of the data found.
struct DataReport {
  std::filesystem::path folder;
  std::size_t images = 0;
  std::size_t readable = 0;
  std::size_t train = 0;
  std::size_t valid = 0;
  std::vector<ClassCount> classes;  ///< by name
  std::vector<Finding> findings;    ///< by kind, then in the order of the images

  std::size_t count(FindingKind kind) const;
  std::size_t count(Severity severity) const;
};

}  // namespace margay::data
