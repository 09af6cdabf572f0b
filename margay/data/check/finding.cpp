#include "margay/data/check/finding.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include <nlohmann/json.hpp>

#include "margay/core/field_type.h"
#include "margay/core/json_values.h"

namespace margay::data {
namespace {

using enum Severity;

constexpr std::array kWords = {
    KindText{FindingKind::kEmptyFile, "empty_file", kHarm, FindingAction::kRepair, "files without a byte",
             "fetch the file again, or delete it"},
    KindText{FindingKind::kTruncated, "truncated", kHarm, FindingAction::kRepair, "files that end early",
             "fetch the file again, or delete it"},
    KindText{FindingKind::kUnreadable, "unreadable", kHarm, FindingAction::kRepair, "files that cannot be read",
             "replace the file, or delete it; one of more pixels than the limit passes with `max_pixels`"},
    KindText{FindingKind::kAbsent, "absent", kHarm, FindingAction::kRepair, "images that are missing",
             "correct the name where it is listed, fetch the file, or take the name out"},
    KindText{FindingKind::kClosedFolder, "closed_folder", kHarm, FindingAction::kRepair, "folders that may not be read",
             "allow reading them, or their images will be missing"},
    KindText{FindingKind::kUnreadImage, "unread_image", kHarm, FindingAction::kRepair,
             "images of formats that are not read", "convert them to JPEG or PNG"},
    KindText{FindingKind::kUniform, "uniform", kHarm, FindingAction::kLook, "images of one colour",
             "look at them, and delete failed downloads and placeholders"},
    KindText{FindingKind::kDarkDepth, "dark_depth", kHarm, FindingAction::kConfigure,
             "images of 16 bits that leave the highest empty", "train with `deep_bits`, and check with it"},
    KindText{FindingKind::kUnlabelled, "unlabelled", kHarm, FindingAction::kRelabel, "images without a label",
             "correct the labels, or delete them"},
    KindText{FindingKind::kTwoLabels, "two_labels", kHarm, FindingAction::kKeepOne, "one image under different labels",
             "keep the copy that is right"},
    KindText{FindingKind::kNearTwoLabels, "near_two_labels", kHarm, FindingAction::kKeepOne,
             "images that look alike under different labels", "look at them; of copies keep the right one"},
    KindText{FindingKind::kLeak, "leak", kHarm, FindingAction::kKeepOne, "one image both in training and in validation",
             "delete the copies, or the error rate is too good"},
    KindText{FindingKind::kNearLeak, "near_leak", kHarm, FindingAction::kMove,
             "images that look alike in training and in validation",
             "put them on the same side, or the error rate is too good"},
    KindText{FindingKind::kBadSplit, "bad_split", kHarm, FindingAction::kConfigure, "the split fails",
             "correct the split"},
    KindText{FindingKind::kOneClass, "one_class", kHarm, FindingAction::kAddImages, "fewer than two classes",
             "add images of another class; look at how labels are found"},
    KindText{FindingKind::kBadName, "bad_name", kHarm, FindingAction::kRename,
             "classes whose names no model file can hold", "rename the folder or files, or save the table as UTF-8"},
    KindText{FindingKind::kSimilarNames, "similar_names", kHarm, FindingAction::kRename,
             "classes whose names differ only in case, blanks, '_' or what nobody sees",
             "give them one name, or say with `similar_classes` whether they are one class"},
    KindText{FindingKind::kNeverTrains, "never_trains", kHarm, FindingAction::kMove,
             "classes without an image in training", "move images to training, or leave the class out"},
    KindText{FindingKind::kWrongLabel, "wrong_label", kNote, FindingAction::kRelabel, "labels that are probably wrong",
             "look at them; give the suggested label where it is right"},
    KindText{FindingKind::kOutlier, "outlier", kNote, FindingAction::kLook, "images unlike all others",
             "look at them; delete what does not belong to the data"},
    KindText{FindingKind::kSplitClass, "split_class", kNote, FindingAction::kSplitClass,
             "classes of two kinds of images",
             "look at both kinds; make two classes of them if they mean different things"},
    KindText{FindingKind::kSameClasses, "same_classes", kNote, FindingAction::kMergeClasses,
             "pairs of classes that cannot be told apart",
             "look at both; make one class of them if they mean the same"},
    KindText{FindingKind::kWarning, "warning", kNote, FindingAction::kNone, "warnings of training",
             "none needed if it is intended"},
    KindText{FindingKind::kNoValidation, "no_validation", kNote, FindingAction::kMove, "no image validates",
             "keep some, to know the error rate"},
    KindText{FindingKind::kNeverValidates, "never_validates", kNote, FindingAction::kMove,
             "classes without an image in validation", "move images to validation, to know their error rate"},
    KindText{FindingKind::kSmallClass, "small_class", kNote, FindingAction::kAddImages, "classes of few images",
             "add images, or join classes"},
    KindText{FindingKind::kImbalance, "imbalance", kNote, FindingAction::kAddImages, "classes of very different sizes",
             "add images of the small ones, or weigh classes in the loss"},
    KindText{FindingKind::kDuplicate, "duplicate", kNote, FindingAction::kKeepOne, "copies of one image",
             "keep one; each copy makes it count again"},
    KindText{FindingKind::kNearDuplicate, "near_duplicate", kNote, FindingAction::kKeepOne, "images that look alike",
             "look at them; keep one"},
    KindText{FindingKind::kNearCut, "near_cut", kNote, FindingAction::kConfigure,
             "too many images of near hash to compare all",
             "copies among them may be missed; check parts of the data by themselves, or lower `near_bits`"},
    KindText{FindingKind::kTooSmall, "too_small", kNote, FindingAction::kRepair, "small images",
             "find a larger version; scaled up they are blurred"},
    KindText{FindingKind::kHuge, "huge", kNote, FindingAction::kRepair, "huge images",
             "scale them down once, for loading to be quick"},
    KindText{FindingKind::kElongated, "elongated", kNote, FindingAction::kRepair, "long and narrow images",
             "crop them to what matters; training sees a square of them"},
    KindText{FindingKind::kGreyAmongColour, "grey_among_colour", kNote, FindingAction::kLook,
             "grey images among coloured ones", "make sure that grey says nothing of the class"},
    KindText{FindingKind::kColourAmongGrey, "colour_among_grey", kNote, FindingAction::kLook,
             "coloured images among grey ones", "make sure that colour says nothing of the class"},
    KindText{FindingKind::kWrongExtension, "wrong_extension", kNote, FindingAction::kRename,
             "names that belong to another format",
             "none needed for Margay, which looks at the bytes; rename them for other programs"},
    KindText{FindingKind::kEmptyFolder, "empty_folder", kNote, FindingAction::kAddImages, "folders without an image",
             "fill the folder, or delete it: it makes no class"},
    KindText{FindingKind::kHiddenFile, "hidden_file", kNote, FindingAction::kNone,
             "hidden files and folders, and what systems left",
             "none needed, they are left out; rename what belongs to the data"},
    KindText{FindingKind::kOtherFile, "other_file", kNote, FindingAction::kRepair,
             "files among the images that are none", "move them away; they are left out"},
};

constexpr bool stands_in_order() {
  for (std::size_t i = 0; i < kWords.size(); ++i) {
    if (kWords[i].kind != static_cast<FindingKind>(i)) return false;
  }
  return true;
}
static_assert(stands_in_order() && kWords.size() == static_cast<std::size_t>(FindingKind::kOtherFile) + 1);

}  // namespace

std::span<const KindText> all_kinds() { return kWords; }

const KindText& words_of(FindingKind kind) { return kWords[static_cast<std::size_t>(kind)]; }

std::optional<FindingKind> kind_named(std::string_view name) {
  const auto found =
      std::find_if(kWords.begin(), kWords.end(), [&](const KindText& each) { return each.name == name; });
  if (found == kWords.end()) return std::nullopt;
  return found->kind;
}

std::optional<double> Finding::evidence_of(std::string_view name) const {
  const auto found =
      std::find_if(evidence.begin(), evidence.end(), [&](const Evidence& each) { return each.name == name; });
  if (found == evidence.end()) return std::nullopt;
  return found->value;
}

nlohmann::ordered_json to_json(const Finding& finding) {
  using Json = nlohmann::ordered_json;
  const KindText& words = words_of(finding.kind);
  Json paths = Json::array();
  for (const auto& path : finding.paths) paths.push_back(path.string());
  Json evidence = Json::object();
  for (const Evidence& each : finding.evidence) evidence[each.name] = core::finite_or_null(each.value);
  return {{"kind", words.name},
          {"severity", core::to_text(words.severity)},
          {"paths", paths},
          {"classes", finding.classes},
          {"text", finding.text},
          {"evidence", evidence},
          {"suggestion", finding.suggestion},
          {"action", core::to_text(words.action)},
          {"remedy", words.remedy}};
}

}  // namespace margay::data
