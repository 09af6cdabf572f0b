#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace margay::data {

/// What can be wrong with data, the worst first. Reports use this order.
enum class FindingKind {
  // Files.
  kEmptyFile,
  kTruncated,
  kUnreadable,
  kAbsent,
  kClosedFolder,
  kUnreadImage,
  kUniform,
  kDarkDepth,
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
  // What predictions and features make probable; a person decides.
  kWrongLabel,
  kOutlier,
  kSplitClass,
  kSameClasses,
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

/// kHarm: it harms training or makes it fail. kNote: worth knowing.
enum class Severity { kHarm, kNote };

constexpr auto names(Severity /*tag*/) {
  return std::array{std::pair{Severity::kHarm, "harm"}, std::pair{Severity::kNote, "note"}};
}

/// What would mend a finding.
enum class FindingAction {
  kNone,          ///< nothing need be done
  kLook,          ///< look at the images: to keep, relabel or delete them are all possible
  kRelabel,       ///< give the image another label: Finding::suggestion, where there is one
  kKeepOne,       ///< of copies keep one, or say that they are none
  kMove,          ///< move images to the other side of the split
  kRepair,        ///< fetch, replace, convert or permit the file, or delete it
  kRename,        ///< rename files, folders or classes
  kAddImages,     ///< add images
  kSplitClass,    ///< make two classes of one
  kMergeClasses,  ///< make one class of two
  kConfigure,     ///< change an option
};

constexpr auto names(FindingAction /*tag*/) {
  using enum FindingAction;
  return std::array{std::pair{kNone, "none"},
                    std::pair{kLook, "look"},
                    std::pair{kRelabel, "relabel"},
                    std::pair{kKeepOne, "keep_one"},
                    std::pair{kMove, "move"},
                    std::pair{kRepair, "repair"},
                    std::pair{kRename, "rename"},
                    std::pair{kAddImages, "add_images"},
                    std::pair{kSplitClass, "split_class"},
                    std::pair{kMergeClasses, "merge_classes"},
                    std::pair{kConfigure, "configure"}};
}

/// What is said of all findings of one kind.
struct KindText {
  FindingKind kind;
  const char* name;  ///< in JSON and in journals: "near_leak"
  Severity severity;
  FindingAction action;
  const char* title;
  const char* remedy;
};

/// All kinds, in the order of FindingKind.
std::span<const KindText> all_kinds();
const KindText& words_of(FindingKind kind);
/// The kind of this name; nothing for an unknown one.
std::optional<FindingKind> kind_named(std::string_view name);

/// A number that speaks for a finding: {"label_quality", 0.02}.
struct Evidence {
  std::string name;
  double value = 0;
};

/// One fault of the data, or a suspicion.
struct Finding {
  FindingKind kind;
  std::vector<std::filesystem::path> paths = {};  ///< of the images; of duplicates all copies; empty for findings about
                                                  ///< classes. Not relative to the data's folder
  std::vector<std::string> classes = {};          ///< names of the classes concerned; of wrong labels the given ones
  std::string text = "";                          ///< describes this case briefly
  std::vector<Evidence> evidence = {};            ///< numbers behind it; empty where the text says all
  std::vector<std::string> suggestion = {};       ///< the labels that the image should probably have; else empty

  Severity severity() const { return words_of(kind).severity; }
  FindingAction action() const { return words_of(kind).action; }
  /// The evidence of this name; nothing where there is none.
  std::optional<double> evidence_of(std::string_view name) const;
};

/// {"kind", "severity", "paths", "classes", "text", "evidence": {name: number}, "suggestion", "action", "remedy"};
/// numbers that are not finite are null.
nlohmann::ordered_json to_json(const Finding& finding);

}  // namespace margay::data
