#include "apps/studio/folder_labelling.h"

#include <algorithm>
#include <set>
#include <stdexcept>

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
  if (!share) return nullptr;
  return {{"value", share->value}, {"low", share->interval.low}, {"high", share->interval.high}};
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
  if (!labelled_) labelled_.emplace(folder_.path);
  labelled_->take_over();
  check_layout();
  if (!has_order_) find_order();
  return lock;
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
  const std::vector<fs::path> paths = unlabelled();
  waiting_.clear();
  for (run::ImageToLabel& each : run::random_labelling_order(paths)) {
    waiting_.push_back({.path = paths[each.image], .image = std::move(each)});
  }
  has_order_ = true;
  labels_at_probe_ = 0;
}

Json FolderLabelling::state() {
  const Lock lock = ready();
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
          {"warnings", warnings_},
          {"history", history}};
}

Json FolderLabelling::next(std::size_t most) {
  const Lock lock = ready();
  Json images = Json::array();
  for (const Waiting& each : waiting_) {
    if (images.size() >= most) break;
    const fs::path name = each.path.lexically_relative(source_.path);
    Json shares = Json::array();
    for (const auto& [label, share] : each.image.shares) shares.push_back({core::valid_utf8(label), share});
    images.push_back({{"image_id", image_id(name)},
                      {"name", core::valid_utf8(name.native())},
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
  data::decode_size({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, name);  // refuses what is none
  const Lock lock = ready();
  const data::LabelledImage added = labelled_->add_bytes(bytes, name, label, request);
  probe_if_worth();
  publish();
  return {{"image", labelled_json(added)}, {"state", state_locked()}};
}

Json FolderLabelling::label_one(const Json& decision, const std::string& who) {
  if (!decision.is_object()) throw std::invalid_argument("a decision in the request is no object");
  const data::LabelRequest request{
      .who = who, .id = field_of<std::string>(decision, "id", ""), .is_random = field_of(decision, "is_random", false)};
  const fs::path name = path_of_image_id(field_of<std::string>(decision, "image_id", ""));
  const fs::path path = source_.path / name;
  std::error_code ignored;
  if (fs::exists(path, ignored)) studio_.folders().inside(source_, name.native());  // throws for a way out
  const data::LabelledImage added = labelled_->add_file(path, field_of<std::string>(decision, "label", ""), request);
  std::erase_if(waiting_, [&](const Waiting& each) { return each.path == path; });
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
  if (undone) find_order();
  if (undone) start_probe();
  publish();
  Json json = {{"undone", nullptr}, {"state", state_locked()}};
  if (undone) json["undone"] = labelled_json(*undone);
  return json;
}

Json FolderLabelling::choose_source(const Json& body) {
  const ServedFolder source = studio_.folders().at(field_of<std::string>(body, "folder", ""));
  const Lock lock = ready();
  source_ = source;
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
  const std::vector<fs::path> now = this->unlabelled();
  const std::set<fs::path> left(now.begin(), now.end());
  waiting_.clear();
  for (run::ImageToLabel& each : advice.order) {
    const fs::path& path = unlabelled[each.image];
    if (left.contains(path)) waiting_.push_back({.path = path, .image = std::move(each)});
  }
  problem_ = advice.problem;
  warnings_ = advice.warnings;
  if (advice.error) curve_.push_back({advice.known, advice.error, advice.random_error, advice.random_images});
}

void FolderLabelling::follow() {
  const Lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock() || !labelled_) return;
  try {
    if (!labelled_->take_over()) return;
    std::erase_if(waiting_, [&](const Waiting& each) {
      std::error_code ignored;
      return !fs::exists(each.path, ignored) || labelled_->was_copied(each.path);
    });
    publish();
  } catch (const std::exception& error) {
    if (problem_ == error.what()) return;
    problem_ = error.what();
    publish();
  }
}

}  // namespace margay::studio
