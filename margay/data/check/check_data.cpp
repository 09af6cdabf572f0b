#include "margay/data/check/check_data.h"

#include <algorithm>
#include <array>

#include "margay/data/check/check_images.h"
#include "margay/data/check/deep_images.h"

namespace margay::data {
namespace {

using enum FindingKind;
using enum Severity;

constexpr std::array kWords = {
    KindText{kEmptyFile, "empty_file", kHarm, "files without a byte", "fetch the file again, or delete it"},
    KindText{kTruncated, "truncated", kHarm, "files that end early", "fetch the file again, or delete it"},
    KindText{kUnreadable, "unreadable", kHarm, "files that cannot be read",
             "replace the file, or delete it; one of more pixels than the limit passes with `max_pixels`"},
    KindText{kAbsent, "absent", kHarm, "images that are missing",
             "correct the name where it is listed, fetch the file, or take the name out"},
    KindText{kClosedFolder, "closed_folder", kHarm, "folders that may not be read",
             "allow reading them, or their images will be missing"},
    KindText{kUnreadImage, "unread_image", kHarm, "images of formats that are not read", "convert them to JPEG or PNG"},
    KindText{kUniform, "uniform", kHarm, "images of one colour",
             "look at them, and delete failed downloads and placeholders"},
    KindText{kDarkDepth, "dark_depth", kHarm, "images of 16 bits that leave the highest empty",
             "train with `deep_bits`, and check with it"},
    KindText{kUnlabelled, "unlabelled", kHarm, "images without a label", "correct the labels, or delete them"},
    KindText{kTwoLabels, "two_labels", kHarm, "one image under different labels", "keep the copy that is right"},
    KindText{kNearTwoLabels, "near_two_labels", kHarm, "images that look alike under different labels",
             "look at them; of copies keep the right one"},
    KindText{kLeak, "leak", kHarm, "one image both in training and in validation",
             "delete the copies, or the error rate is too good"},
    KindText{kNearLeak, "near_leak", kHarm, "images that look alike in training and in validation",
             "put them on the same side, or the error rate is too good"},
    KindText{kBadSplit, "bad_split", kHarm, "the split fails", "correct the split"},
    KindText{kOneClass, "one_class", kHarm, "fewer than two classes",
             "add images of another class; look at how labels are found"},
    KindText{kBadName, "bad_name", kHarm, "classes whose names no model file can hold",
             "rename the folder or files, or save the table as UTF-8"},
    KindText{kSimilarNames, "similar_names", kHarm,
             "classes whose names differ only in case, blanks, '_' or what nobody sees",
             "give them one name, or say with `similar_classes` whether they are one class"},
    KindText{kNeverTrains, "never_trains", kHarm, "classes without an image in training",
             "move images to training, or leave the class out"},
    KindText{kWarning, "warning", kNote, "warnings of training", "none needed if it is intended"},
    KindText{kNoValidation, "no_validation", kNote, "no image validates", "keep some, to know the error rate"},
    KindText{kNeverValidates, "never_validates", kNote, "classes without an image in validation",
             "move images to validation, to know their error rate"},
    KindText{kSmallClass, "small_class", kNote, "classes of few images", "add images, or join classes"},
    KindText{kImbalance, "imbalance", kNote, "classes of very different sizes",
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
    KindText{kHiddenFile, "hidden_file", kNote, "hidden files and folders, and what systems left",
             "none needed, they are left out; rename what belongs to the data"},
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

std::size_t DataReport::count(FindingKind kind) const {
  return static_cast<std::size_t>(
      std::count_if(findings.begin(), findings.end(), [&](const Finding& finding) { return finding.kind == kind; }));
}

std::size_t DataReport::count(Severity severity) const {
  return static_cast<std::size_t>(std::count_if(
      findings.begin(), findings.end(), [&](const Finding& finding) { return finding.severity() == severity; }));
}

DataReport check_data(const DataBlock& block, const std::filesystem::path& folder, const CheckOptions& options,
                      const CheckProgress& on_progress) {
  core::validate(options);
  const LabelledData data = labelled_data(block);
  const std::vector<ImageFacts> facts = facts_of_all(data.paths, options, on_progress);
  DataReport report{.folder = folder, .images = data.size(), .classes = data.classes()};
  report.left_out = block.left_out().sentences();
  report.train = data.count(Side::kTrain);
  report.valid = data.count(Side::kValid);
  report.readable = static_cast<std::size_t>(
      std::count_if(facts.begin(), facts.end(), [](const ImageFacts& each) { return each.is_readable(); }));
  const auto add = [&](std::vector<Finding> found) {
    std::move(found.begin(), found.end(), std::back_inserter(report.findings));
  };
  add(check_images(data.paths, facts, options));
  const DeepImages deep = look_for_deep_images(data.paths, options.max_pixels);
  const std::string deep_problem = deep.are_most_deep() ? deep_bits_warning(deep, options.deep_bits) : "";
  if (!deep_problem.empty()) report.findings.push_back({FindingKind::kDarkDepth, {}, {}, deep_problem});
  add(check_duplicates(data, facts, options));
  add(check_classes(data, options));
  add(check_folder(folder, data.paths));
  for (const std::string& warning : block.warnings()) {
    report.findings.push_back({FindingKind::kWarning, {}, {}, warning});
  }
  std::stable_sort(report.findings.begin(), report.findings.end(),
                   [](const Finding& a, const Finding& b) { return a.kind < b.kind; });
  return report;
}

const core::OptionTable& CheckOptions::fields() {
  static const core::OptionTable table(
      "check",
      {core::field<&CheckOptions::near_duplicates>(
           "near_duplicates",
           "also look for images that look alike: copies that were scaled, compressed again or mirrored"),
       core::field<&CheckOptions::near_bits>(
           "near_bits", "bits of 64 in which the hashes of images that look alike may differ", {0, 16}),
       core::field<&CheckOptions::near_correlation>(
           "near_correlation", "least correlation of the details of images that look alike", {0, 1}),
       core::field<&CheckOptions::min_side>(
           "min_side",
           "a shorter side below this is too small, pixels; by default 32, or half of the median shorter side "
           "if that is less",
           {1, 65535}),
       core::field<&CheckOptions::max_megapixels>("max_megapixels", "an image of more is huge", {0, 1e6}),
       core::field<&CheckOptions::max_aspect>("max_aspect", "most that the longer side may be of the shorter",
                                              {1, 65535}),
       core::field<&CheckOptions::min_per_class>("min_per_class", "a class of fewer images is small", {0, 1e9}),
       core::field<&CheckOptions::max_imbalance>(
           "max_imbalance", "most images that the largest class may have for one of the smallest", {1, 1e9}),
       core::field<&CheckOptions::deep_bits>(
           "deep_bits", "how many of the 16 bits of PNG and TIFF samples hold data, as in training", {8, 16}),
       core::field<&CheckOptions::max_pixels>(
           "max_pixels", "an image that claims more pixels counts as unreadable, as in training", {1, 1e12}),
       core::field<&CheckOptions::threads>("threads", "images read at once; by default one for each CPU", {1, 1024})});
  return table;
}

}  // namespace margay::data
