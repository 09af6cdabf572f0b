#include "apps/studio/folder_labelling.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/studio/image_id.h"
#include "apps/studio/job_observer.h"
#include "apps/studio/request_values.h"
#include "apps/studio/studio.h"
#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/core/unicode.h"
#include "margay/data/image/read_image.h"
#include "margay/data/source/folder_walk.h"
#include "margay/data/source/image_files.h"
#include "margay/data/source/image_name.h"
#include "margay/http/target.h"
#include "margay/run/pretrained_weights.h"
#include "margay/run/probe_run.h"

namespace margay::studio {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

/// A probe is fitted again when so many labels have come, or a tenth of all.
constexpr std::size_t kFewestNew = 4;

Json share_json(const std::optional<metric::Estimate>& share) {
  return share ? metric::to_json(*share) : Json(nullptr);
}

Json labelled_json(const data::LabelledImage& image) {
  return {{"number", image.number},
          {"image_id", image_id(image.image)},
          {"name", core::valid_utf8(image.image)},
          {"label", core::valid_utf8(image.label)},
          {"who", core::valid_utf8(image.who)},
          {"time", image.time},
          {"undone", image.is_undone}};
}

}  // namespace

FolderLabelling::FolderLabelling(Studio& studio, ServedFolder folder)
    : studio_(studio), folder_(std::move(folder)), source_(folder_), job_([this] { publish(); }) {}

void FolderLabelling::publish() { studio_.changes().publish("label", {{"folder", folder_.id}}); }

FolderLabelling::Lock FolderLabelling::ready() {
  Lock lock(mutex_);
  take_labels();
  check_layout();
  if (!has_order_) find_order();
  return lock;
}

/// What is in the log. One that was lost is told of, and another begun: the images are where they were.
bool FolderLabelling::take_labels() {
  std::error_code none;
  if (!fs::is_directory(folder_.path, none)) {  // it would be made again, empty
    throw core::DataError(folder_.path,
                          "the folder is not there any more; bring it back, or start the studio with the "
                          "place where it is now");
  }
  if (labelled_ && labelled_->is_log_lost()) {
    lost_log_ = fmt::format(
        "{} was removed or cut while the studio ran. Images stay in their classes, but which were "
        "drawn at random is forgotten, and labels of before cannot be taken back here",
        core::valid_utf8((folder_.path / ".margay" / "labelled.jsonl").string()));
    labelled_.reset();
  }
  const bool is_new = !labelled_;
  if (is_new) labelled_.emplace(folder_.path);
  return labelled_->take_over() || is_new;
}

std::vector<fs::path> FolderLabelling::unlabelled() const {
  std::vector<fs::path> paths;
  const bool is_own = source_.id == folder_.id;
  const data::PathList images = is_own ? labelled_->loose_images() : data::search_images(source_.path).images;
  for (std::size_t i = 0; i < images.size(); ++i) {
    if (is_own || !labelled_->was_copied(images[i])) paths.push_back(images[i]);
  }
  return paths;
}

std::vector<run::KnownImage> FolderLabelling::known() const {
  std::set<std::string> random;
  for (const data::LabelledImage& image : labelled_->images()) {
    if (image.is_random && !image.is_undone) random.insert(image.image);
  }
  std::vector<run::KnownImage> known;
  for (const data::ClassFolder& folder : labelled_->folders().classes()) {
    const data::FolderListing listing = data::list_folder(folder_.path / folder.name);
    for (std::size_t i = 0; i < listing.files.size(); ++i) {
      if (!data::has_image_extension(listing.files[i])) continue;
      const fs::path file = folder_.path / folder.name / fs::path(listing.files[i]).filename();
      const std::string name = fmt::format("{}/{}", folder.name, file.filename().native());
      known.push_back({.path = file, .label = folder.label, .is_random = random.contains(name)});
    }
  }
  return known;
}

/// Images that are put beside folders of folders would be read as classes of their own.
void FolderLabelling::check_layout() const {
  for (const data::ClassFolder& each : labelled_->folders().classes()) {
    if (each.is_class) continue;
    throw core::DataError(folder_.path, fmt::format("the folder '{}' in it holds folders and no images, so its folders "
                                                    "are no classes; label in a new folder, which may be empty",
                                                    core::one_line(each.name)));
  }
}

/// At random, until a probe knows better.
void FolderLabelling::find_order() {
  note_folders();
  waiting_.clear();
  reconcile(unlabelled());
  labelled_files_ = count_labelled();
  has_order_ = true;
  labels_at_probe_ = 0;
}

/// Before they are listed.
void FolderLabelling::note_folders() {
  times_.clear();
  times_.note(folder_.path);
  for (const data::ClassFolder& each : labelled_->folders().classes()) times_.note(folder_.path / each.name);
  if (source_.id == folder_.id) return;
  times_.note(source_.path);
  std::error_code failure;
  for (fs::recursive_directory_iterator each(source_.path, fs::directory_options::skip_permission_denied, failure), end;
       !failure && each != end && times_.size() < FolderTimes::kMost; each.increment(failure)) {
    std::error_code none;
    if (each->is_directory(none)) times_.note(each->path());
  }
}

/// Images that are not there any more wait no longer. New ones stand at the end until the next probe, not as a random
/// sample of all; without a probe all are in a random order. Returns whether any have come or gone.
bool FolderLabelling::reconcile(const std::vector<fs::path>& now) {
  const std::set<fs::path> there(now.begin(), now.end());
  std::set<fs::path> known;
  for (const Waiting& each : waiting_) known.insert(each.path);
  if (there == known) return false;
  const auto is_random = [](const Waiting& each) { return each.image.is_random; };
  const bool is_all_random = std::all_of(waiting_.begin(), waiting_.end(), is_random);
  if (is_all_random) known.clear();
  std::erase_if(waiting_, [&](const Waiting& each) { return is_all_random || !there.contains(each.path); });
  std::vector<fs::path> come;
  std::copy_if(now.begin(), now.end(), std::back_inserter(come),
               [&](const fs::path& each) { return !known.contains(each); });
  for (run::ImageToLabel& each : run::random_labelling_order(come)) {
    each.is_random = is_all_random;
    waiting_.push_back({.path = come[each.image], .image = std::move(each)});
  }
  return true;
}

std::size_t FolderLabelling::count_labelled() const {
  std::size_t count = 0;
  for (const data::ClassFolder& each : labelled_->folders().classes()) count += each.images;
  return count;
}

/// Files that have come or gone. Where others than this page have brought them, the probe is fitted again when no more
/// come: a large folder is copied for minutes.
bool FolderLabelling::look_for_files() {
  if (!times_.have_changed()) {
    if (std::exchange(is_probe_old_, false) && labels_at_probe_ > 0) start_probe();
    return false;
  }
  note_folders();
  const bool has_others = std::exchange(labelled_files_, count_labelled()) != labelled_files_;
  is_probe_old_ = reconcile(unlabelled()) || has_others || is_probe_old_;
  return true;
}

Json FolderLabelling::state() {
  const Lock lock = ready();
  look_for_files();
  return state_locked();
}

Json FolderLabelling::state_locked() {
  Json classes = Json::array();
  std::size_t labelled = 0;
  for (const data::ClassFolder& each : labelled_->folders().classes()) {
    classes.push_back({{"label", core::valid_utf8(each.label)}, {"images", each.images}});
    labelled += each.images;
  }
  Json curve = Json::array();
  for (const ProbePoint& point : curve_) {
    curve.push_back({{"known", point.known},
                     {"error", share_json(point.error)},
                     {"random_error", share_json(point.random_error)},
                     {"random_images", point.random_images}});
  }
  Json history = Json::array();
  const std::vector<data::LabelledImage>& images = labelled_->images();
  constexpr std::size_t kShown = 20;
  for (std::size_t i = images.size(); i > 0 && history.size() < kShown; --i) {
    history.push_back(labelled_json(images[i - 1]));
  }
  const Job::State job = job_.state();
  std::vector<std::string> warnings = warnings_;
  if (!lost_log_.empty()) warnings.insert(warnings.begin(), lost_log_);
  return {{"folder", folder_.id},
          {"path", core::valid_utf8(folder_.path.string())},
          {"is_read_only", studio_.is_read_only()},
          {"classes", classes},
          {"labelled", labelled},
          {"source", source_.id},
          {"waiting", waiting_.size()},
          {"probe",
           {{"state", job.name()},
            {"done", job.done},
            {"total", job.total},
            {"problem", core::valid_utf8(studio_.words(job.problem.empty() ? problem_ : job.problem))}}},
          {"curve", curve},
          {"warnings", warnings},
          {"history", history}};
}

std::string FolderLabelling::id_in_source(const fs::path& image) const {
  return image_id(image.lexically_relative(source_.path));
}

Json FolderLabelling::next(std::size_t most) {
  const Lock lock = ready();
  Json images = Json::array();
  if (undone_)
    std::stable_partition(waiting_.begin(), waiting_.end(), [&](const Waiting& each) { return each.path == undone_; });
  for (const Waiting& each : waiting_) {
    if (images.size() >= most) break;
    Json shares = Json::array();
    for (const auto& [label, share] : each.image.shares) shares.push_back({core::valid_utf8(label), share});
    images.push_back({{"image_id", id_in_source(each.path)},
                      {"name", core::valid_utf8(each.path.lexically_relative(source_.path).native())},
                      {"shares", shares},
                      {"uncertainty", each.image.uncertainty},
                      {"is_random", each.image.is_random}});
  }
  return {{"folder", source_.id}, {"waiting", waiting_.size()}, {"images", images}};
}

Json FolderLabelling::add_class(const Json& body) {
  const Lock lock = ready();
  labelled_->add_class(field_of<std::string>(body, "label", ""));
  publish();
  return state_locked();
}

Json FolderLabelling::add_image(const std::string& bytes, const std::string& name, const std::string& label,
                                const data::LabelRequest& request) {
  data::decode_size(core::text_bytes(bytes), name);  // refuses what is none
  const Lock lock = ready();
  const data::LabelledImage added = labelled_->add_bytes(bytes, name, label, request);
  ++labelled_files_;
  probe_if_worth();
  publish();
  return {{"image", labelled_json(added)}, {"state", state_locked()}};
}

Json FolderLabelling::label_one(const Json& decision, const std::string& who) {
  if (!decision.is_object()) throw std::invalid_argument("a decision in the request is no object");
  const data::LabelRequest request{
      .who = who, .id = field_of<std::string>(decision, "id", ""), .is_random = field_of(decision, "is_random", false)};
  const auto id = field_of<std::string>(decision, "folder", "");
  if (id.empty()) {
    throw std::invalid_argument("the decision names no \"folder\" in which its image lies; label the image again");
  }
  const ServedFolder& source = studio_.folders().at(id);
  const fs::path name = path_of_image_id(field_of<std::string>(decision, "image_id", ""));
  const fs::path path = source.path / name;
  std::error_code ignored;
  if (fs::exists(path, ignored)) studio_.folders().inside(source, name.native());  // throws for a way out
  const data::LabelledImage added = labelled_->add_file(path, field_of<std::string>(decision, "label", ""), request);
  if (undone_ == path) undone_.reset();
  std::erase_if(waiting_, [&](const Waiting& each) { return each.path == path; });
  ++labelled_files_;
  return {{"id", request.id}, {"number", added.number}};
}

Json FolderLabelling::label(const Json& body) {
  const auto who = field_of<std::string>(body, "who", "");
  const Json decisions = list_of(body, "decisions");
  const Lock lock = ready();
  Json results = Json::array();
  for (const Json& decision : decisions) {
    results.push_back(result_of_one(decision, studio_, [&] { return label_one(decision, who); }));
  }
  probe_if_worth();
  publish();
  return {{"results", results}, {"state", state_locked()}};
}

Json FolderLabelling::undo(const Json& body) {
  const Lock lock = ready();
  const auto undone = labelled_->undo(field_of<std::string>(body, "who", ""), field_of<std::string>(body, "id", ""));
  Json told = nullptr;
  if (undone) {
    told = labelled_json(*undone);
    const Waiting* const again = show_again(*undone);
    told["waits_as"] = again == nullptr ? Json(nullptr) : Json(id_in_source(again->path));
    start_probe();
  }
  publish();
  return {{"undone", std::move(told)}, {"state", state_locked()}};
}

/// In the order that there is, as the next one. Null where it is none of those that wait.
const FolderLabelling::Waiting* FolderLabelling::show_again(const data::LabelledImage& undone) {
  note_folders();
  reconcile(unlabelled());
  labelled_files_ = count_labelled();
  undone_ = undone.is_moved ? folder_.path / undone.source : fs::path(undone.source);
  const auto again =
      std::find_if(waiting_.begin(), waiting_.end(), [&](const Waiting& each) { return each.path == *undone_; });
  if (again == waiting_.end()) return nullptr;
  again->image.is_random = undone.is_random;
  return &*again;
}

Json FolderLabelling::choose_source(const Json& body) {
  const ServedFolder source = studio_.folders().at(field_of<std::string>(body, "folder", ""));
  const Lock lock = ready();
  source_ = source;
  undone_.reset();
  find_order();
  start_probe();
  publish();
  return state_locked();
}

Json FolderLabelling::probe() {
  const Lock lock = ready();
  start_probe();
  return state_locked();
}

void FolderLabelling::probe_if_worth() {
  const std::size_t labels = labelled_->images().size();
  if (labels >= labels_at_probe_ + std::max(kFewestNew, labels_at_probe_ / 10)) start_probe();
}

/// Where one runs, the next label starts another.
void FolderLabelling::start_probe() {
  if (job_.state().phase == Job::Phase::kRunning) return;
  labels_at_probe_ = labelled_->images().size();
  run::LabellingProbeOptions options{.known = known(), .unlabelled = unlabelled()};
  if (studio_.options().device) options.network.device = *studio_.options().device;
  const fs::path cache = studio_.program().cache_folder;
  const fetch::KnownPlaces places = studio_.program().places;
  job_.start([this, options, cache, places](const Job::Progress& progress) mutable {
    JobObserver observer(progress);
    const run::WeightsSearch search = run::find_weights_at_hand(model::find_architecture(options.arch), places);
    search.fill_in(options.network.weights, options.network.weights_sha256);
    run::LabellingAdvice advice;
    try {
      advice = run::probe_for_labelling(options, cache, observer);
    } catch (const run::NoWeightsError&) {
      advice = {
          .order = run::random_labelling_order(options.unlabelled),
          .problem = fmt::format("no pretrained weights of {0} lie on this machine, so the order is random and the "
                                 "error unknown; margay fetch {0} brings them",
                                 options.arch)};
    }
    advice.warnings.insert(advice.warnings.begin(), search.warnings.begin(), search.warnings.end());
    take_advice(std::move(advice), options.unlabelled);
  });
}

/// On the job's thread.
void FolderLabelling::take_advice(run::LabellingAdvice&& advice, const std::vector<fs::path>& unlabelled) {
  const Lock lock(mutex_);
  if (!labelled_) return;
  waiting_.clear();
  for (run::ImageToLabel& each : advice.order) {
    waiting_.push_back({.path = unlabelled[each.image], .image = std::move(each)});
  }
  // Without those that were labelled meanwhile; of very many the probe has looked at a part.
  reconcile(this->unlabelled());
  problem_ = advice.problem;
  warnings_ = advice.warnings;
  if (advice.error) curve_.push_back({advice.known, advice.error, advice.random_error, advice.random_images});
}

bool FolderLabelling::follow_locked() {
  const bool has_labels = take_labels();
  if (has_labels) reconcile(unlabelled());
  return look_for_files() || has_labels;
}

void FolderLabelling::follow() {
  const Lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock() || !labelled_) return;
  try {
    if (follow_locked()) publish();
  } catch (const std::exception& error) {
    if (problem_ == error.what()) return;
    problem_ = error.what();
    publish();
  }
}

}  // namespace margay::studio
