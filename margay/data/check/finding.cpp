#include "margay/data/check/finding.h"

#include <array>

namespace margay::data {
namespace {

using enum FindingKind;
using enum Severity;

constexpr std::array kWords = {
    KindWords{kEmptyFile, "empty_file", kHarm, "files without a byte", "fetch the file again, or delete it"},
    KindWords{kTruncated, "truncated", kHarm, "files that end early", "fetch the file again, or delete it"},
    KindWords{kUnreadable, "unreadable", kHarm, "files that cannot be read",
              "replace the file, or delete it; one of more pixels than the limit passes with `max_pixels`"},
    KindWords{kAbsent, "absent", kHarm, "pictures that are not there",
              "correct the name where it is listed, fetch the file, or take the name out"},
    KindWords{kClosedFolder, "closed_folder", kHarm, "folders that cannot be looked into",
              "give yourself the right to read them; what they hold would be missing"},
    KindWords{kUniform, "uniform", kHarm, "pictures of one colour",
              "look at them; a failed download or a placeholder teaches nothing, so delete it"},
    KindWords{kUnlabelled, "unlabelled", kHarm, "pictures without a label", "correct the labels, or delete them"},
    KindWords{kTwoLabels, "two_labels", kHarm, "one picture under different labels", "keep the copy that is right"},
    KindWords{kNearTwoLabels, "near_two_labels", kHarm, "pictures that look alike under different labels",
              "look at them; of copies keep the one that is right"},
    KindWords{kLeak, "leak", kHarm, "one picture both in training and in validation",
              "delete the copies, or the error rate is too good"},
    KindWords{kNearLeak, "near_leak", kHarm, "pictures that look alike in training and in validation",
              "put them on the same side, or the error rate is too good"},
    KindWords{kBadSplit, "bad_split", kHarm, "the split fails", "correct the split"},
    KindWords{kOneClass, "one_class", kHarm, "fewer than two classes",
              "add pictures of another class; look at how labels are found"},
    KindWords{kBadName, "bad_name", kHarm, "classes whose names no model file can hold",
              "rename the folder or files, or save the table as UTF-8"},
    KindWords{kSimilarNames, "similar_names", kHarm, "classes whose names differ only in case or blanks",
              "give them one name, or two that differ"},
    KindWords{kNeverTrains, "never_trains", kHarm, "classes without a picture in training",
              "move pictures to training, or leave the class out"},
    KindWords{kWarning, "warning", kNote, "what training would warn of", "none needed if it is meant"},
    KindWords{kNoValidation, "no_validation", kNote, "no picture validates", "keep some, to know the error rate"},
    KindWords{kNeverValidates, "never_validates", kNote, "classes without a picture in validation",
              "move pictures to validation, to know their error rate"},
    KindWords{kSmallClass, "small_class", kNote, "classes of few pictures", "add pictures, or join classes"},
    KindWords{kImbalance, "imbalance", kNote, "classes of very different size",
              "add pictures of the small ones, or weigh classes in the loss"},
    KindWords{kDuplicate, "duplicate", kNote, "copies of one picture", "keep one; each copy makes it count again"},
    KindWords{kNearDuplicate, "near_duplicate", kNote, "pictures that look alike", "look at them; keep one"},
    KindWords{kNearCut, "near_cut", kNote, "too many pictures of near hash to compare all",
              "copies among them may be missed; check parts of the data by themselves, or lower `near_bits`"},
    KindWords{kTooSmall, "too_small", kNote, "small pictures", "find a larger version; scaled up they are blurred"},
    KindWords{kHuge, "huge", kNote, "huge pictures", "scale them down once, for loading to be quick"},
    KindWords{kElongated, "elongated", kNote, "long and narrow pictures",
              "crop them to what matters; training sees a square of them"},
    KindWords{kGreyAmongColour, "grey_among_colour", kNote, "grey pictures among coloured ones",
              "make sure that grey says nothing of the class"},
    KindWords{kColourAmongGrey, "colour_among_grey", kNote, "coloured pictures among grey ones",
              "make sure that colour says nothing of the class"},
    KindWords{kWrongExtension, "wrong_extension", kNote, "names that belong to another format",
              "none needed for Margay, which looks at the bytes; rename them for other programs"},
    KindWords{kEmptyFolder, "empty_folder", kNote, "folders without a picture",
              "fill the folder, or delete it: it makes no class"},
    KindWords{kHiddenFile, "hidden_file", kNote, "hidden files and leftovers of other systems",
              "delete them; they are left out"},
    KindWords{kOtherFile, "other_file", kNote, "files among the pictures that are none",
              "move them away; they are left out"},
};

constexpr bool stands_in_order() {
  for (std::size_t i = 0; i < kWords.size(); ++i) {
    if (kWords[i].kind != static_cast<FindingKind>(i)) return false;
  }
  return true;
}
static_assert(stands_in_order() && kWords.size() == static_cast<std::size_t>(kOtherFile) + 1);

}  // namespace

std::span<const KindWords> all_kinds() { return kWords; }

const KindWords& words_of(FindingKind kind) { return kWords[static_cast<std::size_t>(kind)]; }

}  // namespace margay::data
