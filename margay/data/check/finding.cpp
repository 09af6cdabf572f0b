#include "margay/data/check/finding.h"

#include <array>

namespace margay::data {
namespace {

using enum FindingKind;
using enum Severity;

constexpr std::array kWords = {
    KindText{kEmptyFile, "empty_file", kHarm, "files without a byte", "fetch the file again, or delete it"},
    KindText{kTruncated, "truncated", kHarm, "files that end early", "fetch the file again, or delete it"},
    KindText{kUnreadable, "unreadable", kHarm, "files that cannot be read",
             "replace the file, or delete it; one of more pixels than the limit passes with `max_pixels`"},
    KindText{kAbsent, "absent", kHarm, "images that are not there",
             "correct the name where it is listed, fetch the file, or take the name out"},
    KindText{kClosedFolder, "closed_folder", kHarm, "folders that cannot be looked into",
             "give yourself the right to read them; what they hold would be missing"},
    KindText{kUniform, "uniform", kHarm, "images of one colour",
             "look at them; a failed download or a placeholder teaches nothing, so delete it"},
    KindText{kUnlabelled, "unlabelled", kHarm, "images without a label", "correct the labels, or delete them"},
    KindText{kTwoLabels, "two_labels", kHarm, "one image under different labels", "keep the copy that is right"},
    KindText{kNearTwoLabels, "near_two_labels", kHarm, "images that look alike under different labels",
             "look at them; of copies keep the one that is right"},
    KindText{kLeak, "leak", kHarm, "one image both in training and in validation",
             "delete the copies, or the error rate is too good"},
    KindText{kNearLeak, "near_leak", kHarm, "images that look alike in training and in validation",
             "put them on the same side, or the error rate is too good"},
    KindText{kBadSplit, "bad_split", kHarm, "the split fails", "correct the split"},
    KindText{kOneClass, "one_class", kHarm, "fewer than two classes",
             "add images of another class; look at how labels are found"},
    KindText{kBadName, "bad_name", kHarm, "classes whose names no model file can hold",
             "rename the folder or files, or save the table as UTF-8"},
    KindText{kSimilarNames, "similar_names", kHarm, "classes whose names differ only in case or blanks",
             "give them one name, or two that differ"},
    KindText{kNeverTrains, "never_trains", kHarm, "classes without an image in training",
             "move images to training, or leave the class out"},
    KindText{kWarning, "warning", kNote, "what training would warn of", "none needed if it is meant"},
    KindText{kNoValidation, "no_validation", kNote, "no image validates", "keep some, to know the error rate"},
    KindText{kNeverValidates, "never_validates", kNote, "classes without an image in validation",
             "move images to validation, to know their error rate"},
    KindText{kSmallClass, "small_class", kNote, "classes of few images", "add images, or join classes"},
    KindText{kImbalance, "imbalance", kNote, "classes of very different size",
             "add images of the small ones, or weigh classes in the loss"},
    KindText{kDuplicate, "duplicate", kNote, "copies of one image", "keep one; each copy makes it count again"},
    KindText{kNearDuplicate, "near_duplicate", kNote, "images that look alike", "look at them; keep one"},
    KindText{kNearCut, "near_cut", kNote, "too many images of near hash to compare all",
             "copies among them may be missed; check parts of the data by themselves, or lower `near_bits`"},
    KindText{kTooSmall, "too_small", kNote, "small images", "find a larger version; scaled up they are blurred"},
    KindText{kHuge, "huge", kNote, "huge images", "scale them down once, for loading to be quick"},
    KindText{kElongated, "elongated", kNote, "long and narrow images",
             "crop them to what matters; training sees a square of them"},
    KindText{kGreyAmongColour, "grey_among_colour", kNote, "grey images among coloured ones",
             "make sure that grey says nothing of the class"},
    KindText{kColourAmongGrey, "colour_among_grey", kNote, "coloured images among grey ones",
             "make sure that colour says nothing of the class"},
    KindText{kWrongExtension, "wrong_extension", kNote, "names that belong to another format",
             "none needed for Margay, which looks at the bytes; rename them for other programs"},
    KindText{kEmptyFolder, "empty_folder", kNote, "folders without an image",
             "fill the folder, or delete it: it makes no class"},
    KindText{kHiddenFile, "hidden_file", kNote, "hidden files and leftovers of other systems",
             "delete them; they are left out"},
    KindText{kOtherFile, "other_file", kNote, "files among the images that are none",
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

std::span<const KindText> all_kinds() { return kWords; }

const KindText& words_of(FindingKind kind) { return kWords[static_cast<std::size_t>(kind)]; }

}  // namespace margay::data
