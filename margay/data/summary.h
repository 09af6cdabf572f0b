#pragma once

#include <optional>
#include <string>
#include <vector>

namespace margay::data {

/// One stage between the files and a batch.
struct SummaryStep {
  std::string stage;    ///< "read", "resize", …
  std::string before;   ///< type and shape of the input
  std::string after;    ///< type and shape of the output
  std::string details;  ///< settings or draws; may be empty
};

/// The stage that failed.
struct SummaryFailure {
  std::string stage;
  std::string file;
  std::string input;    ///< what the stage got
  std::string problem;  ///< what went wrong
  std::string remedy;
};

/// What DataBlock::summary found.
struct Summary {
  std::vector<SummaryStep> steps;
  std::vector<std::string> warnings;
  std::optional<SummaryFailure> failure;

  /// The summary as text.
  std::string text() const;
};

}  // namespace margay::data
