#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "margay/data/edits/journal.h"
#include "margay/data/item.h"
#include "margay/data/source/left_out.h"

namespace margay::data {

/// What became of a decision about an image's label.
enum class EditState : std::uint8_t {
  kApplied,    ///< path and content are those that were judged
  kFollowed,   ///< applied to the one image of this content, which has another name now, but the same labels
  kSettled,    ///< the data itself says so by now: the label is right there, or the deleted image is gone
  kOffered,    ///< only the content is the same, so that a copy may be meant: somebody should confirm it
  kConflict,   ///< the file, its labels, or the classes have changed since: somebody should decide again
  kElsewhere,  ///< the image is there, but not among these (as those of a test set)
  kGone        ///< no image here has that name or content
};

constexpr auto names(EditState /*tag*/) {
  return std::array{std::pair{EditState::kApplied, "applied"},   std::pair{EditState::kFollowed, "followed"},
                    std::pair{EditState::kSettled, "settled"},   std::pair{EditState::kOffered, "offered"},
                    std::pair{EditState::kConflict, "conflict"}, std::pair{EditState::kElsewhere, "elsewhere"},
                    std::pair{EditState::kGone, "gone"}};
}

/// A decision about an image's label, the last one that counts, and the image that it is about now.
struct LabelEdit {
  std::size_t decision = 0;  ///< its number in the journal
  DecisionKind kind = DecisionKind::kKeep;
  EditState state = EditState::kGone;
  std::string image = "";                    ///< relative, as in the decision, or by its name now (kFollowed, kOffered)
  std::vector<std::string> candidates = {};  ///< kOffered: all images of that content
  Labels labels = {};                        ///< the right ones; empty for kDelete
  bool changes = false;                      ///< whether the dataset is another one with it
  std::string why = "";                      ///< of a conflict or an offer, one clause
};

/// The decisions of a journal as they apply to the images of a dataset: an overlay, which changes no file.
///
/// A decision is about the image of its path *and* its content. Where the path is gone, the content finds it again, but
/// not blindly: a copy of the image may be what is left, so a deletion and whatever has other labels now are only
/// offered. Content is compared by SHA-256; a file whose size and time of modification are those of the decision is
/// taken for unchanged (as git does), unless it was modified within two seconds before the decision.
class LabelEdits {
 public:
  LabelEdits() = default;
  /// folder: of the images, as root_of_journal takes it. labeller: gives the labels of the data itself. Reads the files
  /// that it must to compare contents, with all processors. Throws core::DataError for a journal of another dataset:
  /// none of the images it was begun with, nor any that it decides about, is here.
  LabelEdits(const Journal& journal, const std::filesystem::path& folder, const ImageList& images,
             const Labeller& labeller);

  /// In the order of the decisions: of each image that was judged, one.
  const std::vector<LabelEdit>& all() const { return all_; }
  std::size_t count(EditState state) const;
  /// Of those that apply.
  std::size_t relabelled() const { return relabelled_; }
  std::size_t deleted() const { return deleted_; }

  /// path: as in the list of images.
  bool is_deleted(std::string_view path) const;
  /// The decided labels of an image, or null where nothing changes them.
  const Labels* labels(std::string_view path) const;
  /// The edit that applies to an image, or null; kKeep included.
  const LabelEdit* edit(std::string_view path) const;
  /// Whether somebody decided that two images are not copies of each other; paths as in the list of images.
  bool are_distinct(std::string_view path, std::string_view other) const;

  /// The same images in the same order with the decided labels; deleted ones stay, with the labels they had.
  Items apply(const Items& items) const;
  /// Without the rows of deleted images.
  Split without_deleted(const Items& items, Split split) const;

  /// The decision that confirms an offer about `image`, one of its candidates: to be appended to the journal.
  /// labeller: as for the constructor. Throws std::invalid_argument for an edit that is no offer, or another image.
  Decision confirm(const LabelEdit& offer, const std::string& image, const Labeller& labeller) const;

  /// What applies and what does not, in sentences with remedies, for a user.
  std::vector<std::string> sentences() const;
  /// The deleted images.
  void tell(LeftOut& left_out) const;
  /// SHA-256 of what changes: which labels, which images deleted. "" if nothing does. Two journals that say the same
  /// give the same.
  const std::string& hash() const { return hash_; }
  /// The folder that LabelEdit::image is relative to (root_of_journal).
  const std::filesystem::path& root() const { return root_; }
  const std::filesystem::path& journal() const { return journal_path_; }
  const std::string& journal_hash() const { return journal_hash_; }

 private:
  class Resolver;

  std::filesystem::path journal_path_;
  std::string journal_hash_;
  std::filesystem::path root_;
  std::vector<LabelEdit> all_;
  std::unordered_map<std::string, std::size_t> applied_;    ///< path as in the list -> position in all_
  std::set<std::pair<std::string, std::string>> distinct_;  ///< relative paths, the smaller first
  std::map<std::size_t, Decision> judged_;                  ///< of offers, by number
  std::size_t relabelled_ = 0;
  std::size_t deleted_ = 0;
  std::string hash_;
};

}  // namespace margay::data
