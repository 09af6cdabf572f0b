#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "margay/core/options.h"
#include "margay/data/check/finding.h"
#include "margay/data/edits/journal.h"
#include "margay/data/edits/label_edits.h"
#include "margay/data/item.h"
#include "margay/run/review_entry.h"
#include "margay/run/review_progress.h"
#include "margay/run/reviewed_data.h"

namespace margay::run {

struct ReviewOptions {
  std::string who;             ///< the name that decisions bear
  double allowed_wrong = .01;  ///< the random sample ends when at most this share of all labels is wrong
  double confidence = .95;     ///< of that bound
  bool sample_first = false;   ///< begin with the random sample, whatever was found

  static const core::OptionTable& fields();
};

/// A decision about the image of an entry.
struct ReviewChoice {
  data::DecisionKind kind = data::DecisionKind::kKeep;  ///< not kUndo
  data::Labels labels = {};                             ///< kRelabel: the right ones
  /// kRelabel: labels that are no class yet become one (data::problem_of_class_name), which somebody has confirmed.
  bool new_class = false;
};

/// Who decides, and in which request.
struct ReviewSource {
  std::string who = "";  ///< "": ReviewOptions::who
  std::string id = "";   ///< data::Decision::id, so that a request that is repeated decides once; "": none
};

/// A review of labels: what was found, the most promising first, then a random sample of the rest; every decision is
/// in the journal, on the disk, when decide() returns. It owns no screen: a terminal or a page asks next() what to
/// show.
///
/// Order: expected gain, which is the probability that there is something to mend times what mending is worth, in wrong
/// labels. A wrong label: 1 − the label's quality (the predicted probability of the given label), worth 1. Copies
/// under different labels: of n one at least is wrong, so (n − 1)/n, worth 1; of near ones half of that. A copy in both
/// training and validation flatters the measure: worth .5. An outlier: worth .5; an unreadable file or one of a single
/// colour .25; a copy .1, as it only weighs an image twice. Decisions that have become doubtful (conflicts, offers)
/// come first of all. Equal gains keep the order of the findings.
///
/// The random sample: its population are all images without a decision about their label when it begins, so both those
/// that nothing was found on and those whose findings were not looked at. It runs through them in the order of the
/// hashes of seed 42 and their names, and so goes on after a restart where it was; the journal tells its entries from
/// others. An image that was skipped in it counts as wrong. The bound (interpret::most_wrong) holds whenever the
/// reviewer stops. An image counts as wrong if it is relabelled or deleted; that the reviewer makes no mistakes is
/// assumed, as is that labels decided about before the sample are right now.
///
/// Not for use by several threads; several processes may review the same data, and each takes over what the others
/// have decided.
class Review {
 public:
  /// journal: must outlive the review. Findings about images that are not among the data are passed over (and
  /// counted), as are those that no decision about an image can mend. Throws core::DataError for a journal of another
  /// dataset, std::invalid_argument for options out of range and lists of different lengths.
  Review(ReviewedData data, std::span<const data::Finding> findings, data::Journal& journal,
         const ReviewOptions& options = {});

  const ReviewedData& data() const { return data_; }
  const data::Journal& journal() const { return journal_; }
  /// The labels that hold now: decided ones, else the data's. Empty for a deleted image without labels.
  const data::Labels& labels(std::size_t image) const;
  bool is_deleted(std::size_t image) const;
  /// Relative to the root.
  const std::string& name(std::size_t image) const { return names_[image]; }
  /// The image of this name, relative to the root; nothing if there is none.
  std::optional<std::size_t> find(std::string_view name) const;
  /// Of a decision about its label: the last one that counts; nothing if there is none.
  std::optional<std::size_t> decision_about(std::size_t image) const;
  /// Whether somebody decided that two images are not copies of each other.
  bool are_distinct(std::size_t image, std::size_t other) const;
  /// Findings that were passed over because none of their images is here.
  std::size_t findings_elsewhere() const { return findings_elsewhere_; }

  /// Takes over what others have added to the journal; next() does it, too. Returns whether there was anything. Throws
  /// as Journal::refresh.
  bool take_over();
  /// The entry to decide about; nothing when all of the queue is decided and the sample has reached its aim. It stays
  /// the same until decide() or undo().
  const std::optional<ReviewEntry>& next();
  /// The entries of the queue that are not decided, the next first, without the sample.
  std::vector<ReviewEntry> pending() const;
  /// All entries of the queue, in their order, which stays the same: for a page, which shows them in a grid.
  const std::vector<ReviewEntry>& queue() const { return queue_; }
  /// The place in it of the entry that a decision was about; nothing if it was about none, as in the sample.
  std::optional<std::size_t> entry_of(const data::Decision& decision) const;
  bool is_answered(const ReviewEntry& entry) const;
  bool was_skipped(const ReviewEntry& entry) const;
  /// The entry of the random sample to decide about, wherever the queue stands; nothing when it has reached its aim.
  std::optional<ReviewEntry> next_in_sample() const;

  /// Decides about the image of next(); on the disk when it returns. Throws std::invalid_argument where there is no
  /// such entry, for a label that is no class and not to become one, for kNotDuplicate about an image without copies,
  /// and core::IoError, core::DataError as Journal::append and data::decide; nothing has changed then.
  void decide(const ReviewChoice& choice);
  /// The same about any image. kind: of the finding, for the journal. other: kNotDuplicate: the other image. Returns
  /// the number of the decision in the journal.
  std::size_t decide(std::size_t image, const ReviewChoice& choice, const std::string& kind = "",
                     std::optional<std::size_t> other = std::nullopt, const ReviewSource& source = {});
  /// Takes the last decision of `who` back, in this review or an earlier one, and makes its entry the next one.
  /// Returns the decision undone, again for a request that is repeated; nothing if there is none.
  std::optional<data::Decision> undo(const ReviewSource& source = {});

  ReviewProgress progress() const;
  RemainingWrong remaining() const;
  /// Nothing where no prediction of a validation image is known.
  std::optional<ValidationErrors> validation_errors() const;

 private:
  void add_entries(const data::Finding& finding, const data::Root& root);
  void add_doubtful(const data::LabelEdits& edits);
  void take_decisions();
  void take(const data::Decision& decision);
  void take_new_classes(const data::Decision& decision);
  void revert(const data::Decision& undone);
  bool is_still_distinct(std::size_t image, std::size_t other) const;
  void find_sample_begin();
  std::optional<std::size_t> image_of(const std::string& name_in_journal) const;
  std::optional<ReviewEntry> next_in_queue() const;
  std::size_t sample_prefix() const;
  void check(std::size_t image, const ReviewChoice& choice, std::optional<std::size_t> other) const;
  ReviewChoice plain_choice(std::size_t image, const ReviewChoice& choice) const;
  data::Decision decision_of(std::size_t image, const ReviewChoice& choice, const std::string& kind) const;

  ReviewedData data_;
  data::Journal& journal_;
  ReviewOptions options_;
  std::vector<std::string> own_classes_;  ///< without those that decisions have added; sorted
  std::vector<std::string> names_;
  std::unordered_map<std::string_view, std::size_t> image_of_name_;
  std::map<std::string, std::string> renamed_;  ///< name in the journal -> name now
  std::vector<std::size_t> decided_;            ///< [N], the number of the decision about its label, 0 for none
  std::set<std::pair<std::size_t, std::size_t>> distinct_;  ///< pairs of images, the smaller first
  std::set<std::pair<std::size_t, std::string>> skipped_;   ///< images and kinds, in this review
  std::vector<ReviewEntry> queue_;
  std::vector<std::size_t> sample_order_;  ///< of all images
  std::vector<bool> in_sample_;            ///< [N], the population; all undecided images before it begins
  std::size_t sample_begin_ = 0;           ///< the number of its first decision, 0 if there is none
  std::size_t taken_ = 0;                  ///< decisions of the journal that have been taken over
  std::size_t begin_ = 0;                  ///< decisions before this review
  std::size_t findings_elsewhere_ = 0;
  std::optional<ReviewEntry> next_;
  std::optional<ReviewEntry> again_;  ///< what was undone
  mutable std::size_t first_pending_ = 0;
};

}  // namespace margay::run
