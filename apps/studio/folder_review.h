#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "apps/studio/folder_times.h"
#include "apps/studio/label_search.h"
#include "apps/studio/served_folders.h"
#include "margay/data/edits/apply_edits.h"
#include "margay/data/edits/journal.h"
#include "margay/run/data_options.h"
#include "margay/run/review.h"

namespace margay::studio {

class Studio;

/// The review of one served folder, read in one way, which all pages share. It is read when it is first asked for, when
/// a search begins and ends, after apply(), and by reload(); that files have come or gone since is told, as entries
/// that were numbered anew meanwhile would move under the reviewer's hands. What another process adds to the journal
/// (`margay clean` in a terminal) is taken over by follow(); every change is published as the event "clean" with the
/// folder's id. From any thread; a call waits for the one before it.
///
/// JSON names an image by its id (image_id). Requests that cannot be done throw http::RequestError,
/// std::invalid_argument or core::Error.
class FolderReview {
 public:
  /// options: how labels and split come from the folder. Throws std::invalid_argument for those that apply decisions,
  /// as a review compares them with the data's own labels.
  FolderReview(Studio& studio, ServedFolder folder, run::DataOptions options);
  ~FolderReview();

  /// The journal, the classes, the progress, what is left, the search.
  nlohmann::ordered_json state();
  /// The numbers of the entries of a kind ("": all) and label ("": all), in the order of their gain: {"version",
  /// "ids"}. kind "images": all images, whatever was found. wanted: "pending", "decided" or "all".
  nlohmann::ordered_json ids(const std::string& kind, const std::string& label, const std::string& wanted);
  /// What is to be shown of entries; those that are none are left out.
  nlohmann::ordered_json entries(const std::vector<std::int64_t>& ids);
  /// The next entry of the random sample, or null.
  nlohmann::ordered_json sample();
  /// Decides about images, one line of the journal each; they are on the disk when it returns. body: {"who",
  /// "decisions": [{"id", "image_id", "kind", "labels", "finding", "others", "new_class"}]}. What cannot be decided is
  /// told in its place, {"id", "error", "may_retry"}, and the others are decided.
  nlohmann::ordered_json decide(const nlohmann::ordered_json& body);
  /// Takes the last decision of body's `who` back.
  nlohmann::ordered_json undo(const nlohmann::ordered_json& body);
  /// The last decisions, the newest first.
  nlohmann::ordered_json history(std::size_t most);

  /// What apply() would do: {"sentences", "deleted", "moved", "new_table", "impossible", "hash", …}.
  nlohmann::ordered_json plan(bool move_files);
  /// Does what a plan said, if nothing was decided since. body: {"move_files", "hash"}.
  nlohmann::ordered_json apply(const nlohmann::ordered_json& body);
  /// Completes what was interrupted.
  nlohmann::ordered_json finish_apply();
  nlohmann::ordered_json undo_apply();

  /// body: {"arch", "model"}; model: the id of one that is to judge (listed_models), in place of a probe.
  nlohmann::ordered_json start_search(const nlohmann::ordered_json& body);
  nlohmann::ordered_json stop_search();
  /// Reads the folder again.
  nlohmann::ordered_json reload();

  /// Publishes what other processes have decided, and that files have come or gone. Does nothing while a call runs, or
  /// before the first one.
  void follow();
  /// Whether it is searched.
  bool is_busy() const { return search_.state().phase == Job::Phase::kRunning; }

 private:
  using Lock = std::unique_lock<std::mutex>;

  Lock ready();
  void load();
  void make_review();
  bool look_for_changes();
  nlohmann::ordered_json state_locked();
  nlohmann::ordered_json entry_json(std::int64_t id, const run::ReviewEntry& entry) const;
  std::optional<run::ReviewEntry> entry_of(std::int64_t id) const;
  std::size_t image_of_id(std::string_view id) const;
  nlohmann::ordered_json decide_one(const nlohmann::ordered_json& decision, const std::string& who);
  data::ApplyPlan plan_locked(bool move_files);
  nlohmann::ordered_json applied_json(const data::AppliedEdits& done);
  void take_found(FoundLabels&& found);
  std::filesystem::path found_file() const;
  std::string shown_folder() const;
  void publish();

  Studio& studio_;
  const ServedFolder folder_;
  const run::DataOptions options_;
  std::mutex mutex_;  ///< of what follows
  run::ReviewedData data_;
  FolderTimes times_;  ///< of the folders of its images
  FolderChange change_ = FolderChange::kNone;
  FoundLabels found_;
  bool is_beside_ = true;
  std::optional<data::Journal> journal_;
  std::optional<run::Review> review_;
  std::size_t version_ = 0;  ///< of the entries: others since then have other numbers
  std::string problem_;      ///< of the journal, when it was followed
  Job search_;               ///< last: its thread uses what stands above
};

/// The name that decisions bear where the page gives none: the user's.
std::string studio_user();

}  // namespace margay::studio
