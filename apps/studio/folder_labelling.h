#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "apps/studio/folder_times.h"
#include "apps/studio/job.h"
#include "apps/studio/served_folders.h"
#include "margay/data/edits/labelled_folder.h"
#include "margay/run/labelling_probe.h"

namespace margay::studio {

class Studio;

/// A dataset that is made in a served folder, for all pages: its classes, the images that are to be labelled (those
/// that lie loose in it, or of another served folder), in the order of a probe's uncertainty, and the probe's error.
/// Images that are put into its folders meanwhile, and those that go, are noticed; all changes are published as the
/// event "label" with the folder's id. From any thread; a call waits for the one before
/// it.
class FolderLabelling {
 public:
  FolderLabelling(Studio& studio, ServedFolder folder);

  /// Classes and their images, what is to be labelled, the probe.
  nlohmann::ordered_json state();
  /// The next images to label: {"folder", "images": [{"image_id", "name", "shares", "uncertainty", "is_random"}]}.
  nlohmann::ordered_json next(std::size_t most);
  /// body: {"label"}.
  nlohmann::ordered_json add_class(const nlohmann::ordered_json& body);
  /// An image's bytes, as they were dropped or recorded. Throws core::DataError for what is no image.
  nlohmann::ordered_json add_image(const std::string& bytes, const std::string& name, const std::string& label,
                                   const data::LabelRequest& request);
  /// body: {"who", "decisions": [{"id", "folder", "image_id", "label", "is_random"}]}; folder: of the image, as next()
  /// said, whatever the source is now. The answer is as FolderReview::decide's.
  nlohmann::ordered_json label(const nlohmann::ordered_json& body);
  nlohmann::ordered_json undo(const nlohmann::ordered_json& body);
  /// body: {"folder"}: the served folder whose images are to be labelled and are copied; this one's own id: its loose
  /// images, which are moved.
  nlohmann::ordered_json choose_source(const nlohmann::ordered_json& body);
  /// Fits the probe now; it is fitted by itself as labels come.
  nlohmann::ordered_json probe();

  /// Publishes what other processes have labelled, and which files have come or gone. Does nothing while a call runs,
  /// or before the first one.
  void follow();

 private:
  using Lock = std::unique_lock<std::mutex>;

  Lock ready();
  nlohmann::ordered_json state_locked();
  std::vector<std::filesystem::path> unlabelled() const;
  std::vector<run::KnownImage> known() const;
  void check_layout() const;
  void find_order();
  void note_folders();
  std::size_t count_labelled() const;
  bool look_for_files();
  bool take_labels();
  bool follow_locked();
  bool reconcile(const std::vector<std::filesystem::path>& now);
  void probe_if_worth();
  void start_probe();
  void take_advice(run::LabellingAdvice&& advice, const std::vector<std::filesystem::path>& unlabelled);
  nlohmann::ordered_json label_one(const nlohmann::ordered_json& decision, const std::string& who);
  std::string id_in_source(const std::filesystem::path& image) const;
  void publish();

  struct Waiting {
    std::filesystem::path path;
    run::ImageToLabel image;
  };
  struct ProbePoint {  ///< of the curve that the page shows
    std::int64_t known = 0;
    std::optional<metric::Estimate> error;
    std::optional<metric::Estimate> random_error;
    std::int64_t random_images = 0;
  };

  const Waiting* show_again(const data::LabelledImage& undone);

  Studio& studio_;
  const ServedFolder folder_;
  std::mutex mutex_;  ///< of what follows
  std::optional<data::LabelledFolder> labelled_;
  ServedFolder source_;
  std::vector<Waiting> waiting_;                 ///< in order
  std::optional<std::filesystem::path> undone_;  ///< the image that was taken back last: the next one
  bool has_order_ = false;
  FolderTimes times_;               ///< of the folders of classes, and those of the source
  std::size_t labelled_files_ = 0;  ///< that the classes hold, as far as is known
  bool is_probe_old_ = false;       ///< files have come or gone since it was fitted
  std::vector<ProbePoint> curve_;
  std::string problem_;   ///< why there is no probe
  std::string lost_log_;  ///< what is told of a log that was lost
  std::vector<std::string> warnings_;
  std::size_t labels_at_probe_ = 0;
  Job job_;  ///< last: its thread uses what stands above
};

}  // namespace margay::studio
