#pragma once

#include <optional>
#include <string>
#include <vector>

namespace margay::data {

/// One stage of the way from files to a batch.
struct SummaryStep {
  std::string stage;    ///< "read", "resize", …
  std::string before;   ///< what went in: type and shape
  std::string after;    ///< what came out
  std::string details;  ///< settings or draws; may be empty
};

/// Where the way ended.
struct SummaryFailure {
  std::string stage;
  std::string file;
  std::string input;    ///< what the stage got
  std::string problem;  ///< what it made of it
  std::string remedy;
};

/// What DataBlock::summary found.
struct Summary {
  std::vector<SummaryStep> steps;
  std::vector<std::string> warnings;
  std::optional<SummaryFailure> failure;

  /// As a page of text.
  std::string text() const;
};

}  // namespace margay::data
