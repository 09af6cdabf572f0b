#include "apps/studio/folder_review.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/studio/image_id.h"
#include "apps/studio/loaded_models.h"
#include "apps/studio/request_values.h"
#include "apps/studio/review_json.h"
#include "apps/studio/studio.h"
#include "margay/core/checksum.h"
#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/core/unicode.h"
#include "margay/data/edits/label_edits.h"
#include "margay/http/target.h"
#include "margay/run/data_options.h"

namespace margay::studio {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kAllImages = "images";

data::DecisionKind kind_of(const std::string& text) {
  for (const auto& [kind, name] : names(data::DecisionKind{})) {
    if (text == name && kind != data::DecisionKind::kUndo) return kind;
  }
  throw std::invalid_argument(fmt::format("'{}' is no kind of decision", core::spelled_out(text)));
}

/// As JSON, "" where all are the defaults.
std::string changed_options(const run::DataOptions& options) {
  const Json all = core::to_json(options);
  const Json defaults = core::to_json(run::DataOptions());
  Json changed = Json::object();
  for (const auto& [name, value] : all.items()) {
    if (value != defaults.at(name)) changed[name] = value;
  }
  return changed.empty() ? "" : changed.dump();
}

}  // namespace

std::string studio_user() {
  const passwd* const user = ::getpwuid(::getuid());  // NOLINT(concurrency-mt-unsafe): nothing else asks for users
  return user == nullptr ? "" : core::valid_utf8(user->pw_name);
}

FolderReview::FolderReview(Studio& studio, ServedFolder folder, run::DataOptions options)
    : studio_(studio), folder_(std::move(folder)), options_(std::move(options)), search_([this] { publish(); }) {
  if (!options_.edits && options_.journal.empty()) return;
  throw std::invalid_argument(
      "a review compares decisions with the labels of the data itself; leave `edits` and "
      "`journal` out");
}

FolderReview::~FolderReview() = default;

std::string FolderReview::shown_folder() const { return core::valid_utf8(folder_.path.string()); }

fs::path FolderReview::found_file() const {
  std::string path = folder_.path.native();
  if (const std::string changed = changed_options(options_); !changed.empty()) path += '\n' + changed;
  const std::uint64_t hash = core::checksum(path);
  const fs::path& cache = studio_.program().cache_folder;
  if (cache.empty()) return {};
  return cache / "studio" / "found" / fmt::format("{}-{:016x}.json", folder_.id, hash);
}

FolderReview::Lock FolderReview::ready() {
  Lock lock(mutex_);
  if (!review_) load();
  return lock;
}

void FolderReview::load() {
  const run::JournalPlace place = run::journal_place(folder_.path, studio_.folders().runs() / "decisions");
  const std::timespec begun = FolderTimes::now();
  run::ReviewedData data = run::reviewed_data(folder_.path, options_, place.file);
  review_.reset();
  data_ = std::move(data);
  is_beside_ = place.is_beside;
  journal_.emplace(data::Journal::at(place.file, data::DataMarks::of(data_.images)));
  if (const fs::path file = found_file(); found_.time.empty() && !file.empty()) {
    if (auto kept = kept_found(file)) found_ = std::move(*kept);
  }
  make_review();
  times_.clear();
  times_.note_images(
      folder_.path, data_.size(), [&](std::size_t i) { return std::string_view(review_->name(i)); }, begun);
  change_ = FolderChange::kNone;
}

/// Whether there is one to tell: of the files, or of the journal.
bool FolderReview::look_for_changes() {
  const FolderChange before = std::exchange(change_, times_.change());
  const bool has_decisions = change_ != FolderChange::kGone && review_->take_over();
  return has_decisions || before != change_;
}

/// With what was found so far.
void FolderReview::make_review() {
  run::ReviewedData data = data_;
  if (!found_.predicted.empty()) {
    data.predicted.assign(data.size(), {});
    for (std::size_t i = 0; i < data.size(); ++i) {
      const auto found = found_.predicted.find(std::string(data.images.names().text(i)));
      if (found != found_.predicted.end()) data.predicted[i] = found->second;
    }
  }
  review_.reset();
  review_.emplace(std::move(data), found_.findings, *journal_, run::ReviewOptions{.who = studio_user()});
  static std::atomic<std::size_t> last_version = 0;  // of all reviews: one that was dropped may be read again
  version_ = ++last_version;
  problem_.clear();
}

void FolderReview::publish() { studio_.changes().publish("clean", {{"folder", folder_.id}}); }

Json FolderReview::state() {
  const Lock lock = ready();
  if (look_for_changes()) publish();
  return state_locked();
}

Json FolderReview::state_locked() {
  const Job::State search = search_.state();
  std::vector<std::string> warnings = journal_->warnings();
  if (!problem_.empty()) warnings.push_back(problem_);
  for (const std::string& warning : found_.warnings) warnings.push_back(warning);
  for (std::string& warning : warnings) warning = core::valid_utf8(studio_.words(warning));
  std::map<std::string, std::size_t> kinds;
  for (const run::ReviewEntry& entry : review_->queue()) ++kinds[entry.kind];
  Json json = {{"folder", folder_.id},
               {"path", shown_folder()},
               {"images", data_.size()},
               {"change", name_of(change_)},
               {"classes", shown_labels(review_->data().classes)},
               {"is_multi_label", data_.labeller.task == data::Task::kMultiLabel},
               {"journal",
                {{"path", core::valid_utf8(journal_->path().string())},
                 {"is_beside", is_beside_},
                 {"decisions", journal_->size()}}},
               {"who", studio_user()},
               {"is_read_only", studio_.is_read_only()},
               {"version", version_},
               {"entries", kinds},
               {"progress", progress_json(review_->progress())},
               {"remaining", remaining_json(review_->remaining())},
               {"elsewhere", review_->findings_elsewhere()},
               {"search",
                {{"state", search.name()},
                 {"done", search.done},
                 {"total", search.total},
                 {"problem", core::valid_utf8(studio_.words(search.problem))},
                 {"time", found_.time},
                 {"images", found_.images},
                 {"source", found_.source}}},
               {"unfinished_apply", nullptr},
               {"warnings", warnings}};
  if (const auto number = data::unfinished_apply(data_.root)) json["unfinished_apply"] = *number;
  if (const auto errors = review_->validation_errors()) {
    json["validation"] = {{"images", errors->images},
                          {"relabelled", errors->relabelled},
                          {"deleted", errors->deleted},
                          {"before", metric::to_json(errors->before)},
                          {"after", metric::to_json(errors->after)}};
  }
  return json;
}

Json FolderReview::ids(const std::string& kind, const std::string& label, const std::string& wanted) {
  const Lock lock = ready();
  Json ids = Json::array();
  const auto has_label = [&](std::size_t image) {
    const data::Labels& labels = review_->labels(image);
    return label.empty() || std::find(labels.begin(), labels.end(), label) != labels.end();
  };
  const auto is_wanted = [&](bool is_decided) { return wanted == "all" || is_decided == (wanted == "decided"); };
  if (kind == kAllImages) {
    for (std::size_t i = 0; i < data_.size(); ++i) {
      if (has_label(i) && is_wanted(review_->decision_about(i).has_value()))
        ids.push_back(-static_cast<std::int64_t>(i) - 1);
    }
    return {{"version", version_}, {"ids", ids}};
  }
  const std::vector<run::ReviewEntry>& queue = review_->queue();
  for (std::size_t i = 0; i < queue.size(); ++i) {
    if (!kind.empty() && queue[i].kind != kind) continue;
    if (has_label(queue[i].image) && is_wanted(review_->is_answered(queue[i]))) ids.push_back(i);
  }
  return {{"version", version_}, {"ids", ids}};
}

std::optional<run::ReviewEntry> FolderReview::entry_of(std::int64_t id) const {
  const std::vector<run::ReviewEntry>& queue = review_->queue();
  if (id >= 0 && id < std::ssize(queue)) return queue[static_cast<std::size_t>(id)];
  if (id < 0 && -id <= static_cast<std::int64_t>(data_.size())) {
    return run::ReviewEntry{.image = static_cast<std::size_t>(-id - 1)};
  }
  return std::nullopt;
}

Json FolderReview::entry_json(std::int64_t id, const run::ReviewEntry& entry) const {
  const std::string& name = review_->name(entry.image);
  Json json = {{"id", id},
               {"image_id", image_id(name)},
               {"name", core::valid_utf8(name)},
               {"kind", entry.kind},
               {"title", title_of(entry)},
               {"text", core::valid_utf8(studio_.words(entry.text))},
               {"given", shown_labels(data_.labels[entry.image])},
               {"labels", shown_labels(review_->labels(entry.image))},
               {"suggestion", shown_labels(entry.suggestion)},
               {"probability", entry.probability},
               {"gain", entry.gain},
               {"validates", bool(data_.validates[entry.image])},
               {"is_answered",
                entry.kind.empty() ? review_->decision_about(entry.image).has_value() : review_->is_answered(entry)},
               {"was_skipped", review_->was_skipped(entry)},
               {"evidence", Json::object()},
               {"shares", Json::array()},
               {"others", Json::array()},
               {"decision", nullptr}};
  for (const data::Evidence& each : entry.evidence) json["evidence"][each.name] = each.value;
  for (const std::size_t other : entry.others) {
    json["others"].push_back({{"image_id", image_id(review_->name(other))},
                              {"name", core::valid_utf8(review_->name(other))},
                              {"labels", shown_labels(review_->labels(other))},
                              {"is_deleted", review_->is_deleted(other)},
                              {"is_distinct", review_->are_distinct(entry.image, other)}});
  }
  const auto shares = found_.shares.find(std::string(data_.images.names().text(entry.image)));
  if (shares != found_.shares.end()) {
    for (const auto& [label, share] : shares->second) json["shares"].push_back({core::valid_utf8(label), share});
  }
  if (const auto number = review_->decision_about(entry.image)) {
    json["decision"] = decision_json(journal_->decision(*number), false);
  }
  return json;
}

Json FolderReview::entries(const std::vector<std::int64_t>& ids) {
  const Lock lock = ready();
  Json entries = Json::array();
  for (const std::int64_t id : ids) {
    if (const auto entry = entry_of(id)) entries.push_back(entry_json(id, *entry));
  }
  return {{"version", version_}, {"entries", entries}};
}

Json FolderReview::sample() {
  const Lock lock = ready();
  review_->take_over();
  const auto entry = review_->next_in_sample();
  Json json = {{"version", version_}, {"entry", nullptr}};
  if (entry) json["entry"] = entry_json(-static_cast<std::int64_t>(entry->image) - 1, *entry);
  return json;
}

std::size_t FolderReview::image_of_id(std::string_view id) const {
  const std::string name = path_of_image_id(id).native();
  if (const auto image = review_->find(name)) return *image;
  throw http::RequestError(404, fmt::format("there is no image '{}' in {}", core::spelled_out(name), shown_folder()));
}

Json FolderReview::decide_one(const Json& decision, const std::string& who) {
  if (!decision.is_object()) throw std::invalid_argument("a decision in the request is no object");
  const auto id = field_of<std::string>(decision, "id", "");
  if (const auto number = journal_->number_of(id)) return {{"id", id}, {"number", *number}};  // the reply was lost
  const std::size_t image = image_of_id(field_of<std::string>(decision, "image_id", ""));
  const run::ReviewChoice choice{.kind = kind_of(field_of<std::string>(decision, "kind", "")),
                                 .labels = field_of<data::Labels>(decision, "labels", {}),
                                 .new_class = field_of(decision, "new_class", false)};
  const auto finding = field_of<std::string>(decision, "finding", "");
  if (choice.kind != data::DecisionKind::kNotDuplicate) {
    return {{"id", id}, {"number", review_->decide(image, choice, finding, std::nullopt, {.who = who, .id = id})}};
  }
  Json result = {{"id", id}, {"number", nullptr}};
  for (const std::string& other_id : field_of<std::vector<std::string>>(decision, "others", {})) {
    const std::size_t other = image_of_id(other_id);
    const std::string part = id.empty() ? "" : id + "/" + other_id;
    if (!journal_->number_of(part) && review_->are_distinct(image, other)) continue;
    result["number"] = review_->decide(image, choice, finding, other, {.who = who, .id = part});
  }
  return result;
}

Json FolderReview::decide(const Json& body) {
  const auto who = field_of<std::string>(body, "who", "");
  const Json decisions = list_of(body, "decisions");
  const Lock lock = ready();
  review_->take_over();
  Json results = Json::array();
  for (const Json& decision : decisions) {
    results.push_back(result_of_one(decision, studio_, [&] { return decide_one(decision, who); }));
  }
  publish();
  return {{"results", results}, {"state", state_locked()}};
}

Json FolderReview::undo(const Json& body) {
  const Lock lock = ready();
  const auto undone =
      review_->undo({.who = field_of<std::string>(body, "who", ""), .id = field_of<std::string>(body, "id", "")});
  publish();
  Json json = {{"undone", nullptr}, {"state", state_locked()}};
  if (undone) {
    json["undone"] = decision_json(*undone, true);
    const auto entry = review_->entry_of(*undone);
    json["undone"]["entry"] = entry ? Json(*entry) : Json(nullptr);
  }
  return json;
}

Json FolderReview::history(std::size_t most) {
  const Lock lock = ready();
  review_->take_over();
  Json decisions = Json::array();
  for (std::size_t number = journal_->size(); number > 0 && decisions.size() < most; --number) {
    decisions.push_back(decision_json(journal_->decision(number), journal_->is_undone(number)));
  }
  return {{"total", journal_->size()}, {"decisions", decisions}};
}

data::ApplyPlan FolderReview::plan_locked(bool move_files) {
  review_->take_over();
  const data::LabelEdits edits(*journal_, folder_.path, data_.images, data_.labeller);
  data::Items items(data_.labeller.task);
  for (std::size_t i = 0; i < data_.size(); ++i) items.add(data_.images, i, data_.labels[i]);
  return data::plan_edits(edits.root(), edits, items, {.validates = data_.validates, .move_files = move_files});
}

Json FolderReview::plan(bool move_files) {
  const Lock lock = ready();
  const data::LabelEdits edits(*journal_, folder_.path, data_.images, data_.labeller);
  const data::ApplyPlan plan = plan_locked(move_files);
  Json sentences = Json::array();
  for (const std::string& each : edits.sentences()) sentences.push_back(core::valid_utf8(studio_.words(each)));
  for (const std::string& each : plan.sentences()) sentences.push_back(core::valid_utf8(studio_.words(each)));
  std::vector<std::string> impossible;
  impossible.reserve(plan.impossible.size());
  for (const std::string& each : plan.impossible) impossible.push_back(core::valid_utf8(each));
  return {{"sentences", sentences},
          {"deleted", moves_json(plan.deleted)},
          {"deleted_count", plan.deleted.size()},
          {"moved", moves_json(plan.moved)},
          {"moved_count", plan.moved.size()},
          {"new_table", core::valid_utf8(plan.new_table.string())},
          {"relabelled", plan.relabelled},
          {"impossible", impossible},
          {"is_empty", plan.empty()},
          {"hash", plan.journal_sha256}};
}

Json FolderReview::applied_json(const data::AppliedEdits& done) {
  std::vector<std::string> problems;
  problems.reserve(done.problems.size());
  for (const std::string& problem : done.problems) problems.push_back(core::valid_utf8(studio_.words(problem)));
  load();  // the data has changed
  publish();
  return {{"number", done.number},
          {"moved", done.moved},
          {"is_undone", done.is_undone},
          {"is_complete", done.is_complete},
          {"new_table", core::valid_utf8(done.new_table.string())},
          {"problems", problems},
          {"state", state_locked()}};
}

Json FolderReview::apply(const Json& body) {
  const Lock lock = ready();
  const data::ApplyPlan plan = plan_locked(field_of(body, "move_files", false));
  if (plan.journal_sha256 != field_of<std::string>(body, "hash", "")) {
    throw http::RequestError(409, "decisions were added since this was planned; look at the plan again");
  }
  return applied_json(data::apply_edits(plan, *journal_));
}

Json FolderReview::finish_apply() {
  const Lock lock = ready();
  return applied_json(data::finish_apply(data_.root));
}

Json FolderReview::undo_apply() {
  const Lock lock = ready();
  return applied_json(data::undo_apply(data_.root));
}

Json FolderReview::start_search(const Json& body) {
  const Lock lock = ready();
  if (times_.change() != FolderChange::kNone) load();
  LabelSearchOptions options{.folder = folder_.path,
                             .data = options_,
                             .cache_folder = studio_.program().cache_folder,
                             .arch = field_of<std::string>(body, "arch", "resnet18"),
                             .places = studio_.program().places,
                             .device = studio_.options().device,
                             .images = data_.size()};
  const auto model = field_of<std::string>(body, "model", "");
  if (!model.empty()) options.model = listed_model(studio_.folders(), model).file;
  const bool is_begun =
      search_.start([this, options](const Job::Progress& progress) { take_found(search_labels(options, progress)); });
  if (!is_begun) throw http::RequestError(409, "a search runs already; stop it first");
  return state_locked();
}

/// On the search's thread.
void FolderReview::take_found(FoundLabels&& found) {
  const Lock lock(mutex_);
  found_ = std::move(found);
  try {
    if (const fs::path file = found_file(); !file.empty()) keep_found(found_, file);
  } catch (const core::IoError& error) {  // it is searched for again after a restart
    found_.warnings.emplace_back(error.what());
  }
  make_review();
  if (times_.change() == FolderChange::kChanged) load();
}

Json FolderReview::stop_search() {
  search_.stop();
  const Lock lock = ready();
  return state_locked();
}

Json FolderReview::reload() {
  const Lock lock = ready();
  load();
  publish();
  return state_locked();
}

void FolderReview::follow() {
  const Lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock() || !review_) return;
  try {
    if (look_for_changes()) publish();
  } catch (const std::exception& error) {
    if (problem_ == error.what()) return;
    problem_ = error.what();
    publish();
  }
}

}  // namespace margay::studio
