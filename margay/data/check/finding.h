#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace margay::data {

/// What can be wrong with data, the worst first. Reports are in this order.
enum class FindingKind {
  // Files.
  kEmptyFile,
  kTruncated,
  kUnreadable,
  kAbsent,
  kClosedFolder,
  kUniform,
  // Labels and split.
  kUnlabelled,
  kTwoLabels,
  kNearTwoLabels,
  kLeak,
  kNearLeak,
  kBadSplit,
  kOneClass,
  kBadName,
  kSimilarNames,
  kNeverTrains,
  // Notes.
  kWarning,
  kNoValidation,
  kNeverValidates,
  kSmallClass,
  kImbalance,
  kDuplicate,
  kNearDuplicate,
  kNearCut,
  kTooSmall,
  kHuge,
  kElongated,
  kGreyAmongColour,
  kColourAmongGrey,
  kWrongExtension,
  kEmptyFolder,
  kHiddenFile,
  kOtherFile,
};

/// kHarm: training suffers or refuses. kNote: worth knowing.
enum class Severity { kHarm, kNote };

/// What is said of every finding of one kind.
struct KindText {
  FindingKind kind;
  const char* name;  ///< in JSON: "near_leak"
  Severity severity;
  const char* title;
  const char* remedy;
};

/// All kinds, in the order of FindingKind.
std::span<const KindText> all_kinds();
const KindText& words_of(FindingKind kind);

/// One fault of the data.
struct Finding {
  FindingKind kind;
  std::vector<std::filesystem::path> paths;  ///< of duplicates all copies; empty where classes are meant
  std::vector<std::string> classes;          ///< names of the classes that are meant
  std::string text;                          ///< this case in a few words

  Severity severity() const { return words_of(kind).severity; }
};

}  // namespace margay::data
