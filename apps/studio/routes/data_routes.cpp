#include <algorithm>
#include <chrono>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/studio/data_json.h"
#include "apps/studio/data_request.h"
#include "apps/studio/dataset_shelf.h"
#include "apps/studio/image_id.h"
#include "apps/studio/option_form.h"
#include "apps/studio/request_values.h"
#include "apps/studio/routes/views.h"
#include "apps/studio/studio.h"
#include "apps/studio/thumbnails.h"
#include "margay/core/json_values.h"
#include "margay/core/text.h"
#include "margay/data/check/check_data.h"
#include "margay/data/image/read_image.h"
#include "margay/run/finding_file.h"

namespace margay::studio {
namespace {

using DataJson = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr std::int64_t kMostOfPage = 2'000;

/// What all routes of the view share.
struct DataView {
  explicit DataView(Studio& owner)
      : studio(owner),
        thumbnails(owner.thumbnails()),
        shelf([&owner](const std::string& id) { tell(owner, id); },
              [&owner](const std::string& id, const Job::State& checking) { tell(owner, id, checking); }) {}

  static void tell(Studio& studio, const std::string& id) { studio.changes().publish("data", {{"folder", id}}); }
  /// The progress itself, as asking for all that is known of a folder ten times a second would be much.
  static void tell(Studio& studio, const std::string& id, const Job::State& checking) {
    studio.changes().publish(
        "check", {{"folder", id}, {"state", checking.name()}, {"done", checking.done}, {"total", checking.total}});
    if (checking.phase != Job::Phase::kRunning || checking.total == 0) tell(studio, id);
  }

  const ServedFolder& folder_of(const http::Request& request) const {
    return studio.folders().at(request.parameter("folder"));
  }
  std::shared_ptr<ShelvedDataset> dataset_of(const http::Request& request) {
    const ServedFolder& folder = folder_of(request);
    return shelf.at(folder.id, folder.path, data_options_of(request, studio.folders(), folder));
  }
  /// The file that {image*} names.
  fs::path file_of(const http::Request& request) const {
    return studio.folders().inside(folder_of(request), path_of_image_id(request.parameter("image")).native());
  }

  Studio& studio;
  Thumbnails& thumbnails;
  DatasetShelf shelf;
};

/// Findings and kinds of them name options, which the program shows as flags.
void show_flags(DataJson& findings, const Studio& studio) {
  for (DataJson& each : findings) {
    for (const char* field : {"text", "remedy", "problem"}) {
      if (each.contains(field)) each[field] = studio.words(each[field].get<std::string>());
    }
  }
}

RouteResult folder_state(DataView& view, const http::Request& request) {
  const auto shelved = view.dataset_of(request);
  const auto [state, checked] = shelved->now();
  const Studio& studio = view.studio;
  DataJson json = {{"folder", view.folder_of(request).id}, {"path", shown_name(shelved->folder().string())},
                   {"state", state.reading.name()},        {"problem", studio.words(state.reading.problem)},
                   {"revision", state.revision},           {"not_kept", view.thumbnails.store().obstacle()}};
  if (state.dataset) {
    json["dataset"] = dataset_json(*state.dataset);
    for (const char* list : {"warnings", "left_out"}) {
      for (DataJson& sentence : json["dataset"][list]) sentence = studio.words(sentence.get<std::string>());
    }
    json["dataset"]["split_problem"] = studio.words(state.dataset->split_problem);
  }
  json["check"] = check_json(checked, state.revision);
  json["check"]["problem"] = studio.words(json["check"]["problem"].get<std::string>());
  for (const char* list : {"kinds", "others"}) {
    if (json["check"].contains(list)) show_flags(json["check"][list], studio);
  }
  return json;
}

/// Reads the folder again, unless that has happened since the revision `after`. It changes nothing but what is known
/// here, so a read-only studio does it, too.
RouteResult read_again(DataView& view, const http::Request& request) {
  view.dataset_of(request)->read(
      static_cast<std::uint64_t>(number_of(request, "after", 0, 0, std::numeric_limits<int>::max())));
  return folder_state(view, request);
}

/// The dataset and what was found in it, or 409 while it is not there.
struct Shown {
  std::shared_ptr<ShelvedDataset> shelved;
  ShelvedDataset::State state;
  ShelvedDataset::Checked checked;

  Shown(DataView& view, const http::Request& request) : shelved(view.dataset_of(request)) {
    std::tie(state, checked) = shelved->now();
    if (state.dataset) return;
    if (state.reading.phase == Job::Phase::kFailed) throw http::RequestError(409, state.reading.problem);
    throw http::RequestError(409, "the images are still being read");
  }
};

ImageSide side_named(const std::string& name) {
  for (const ImageSide side : {ImageSide::kNone, ImageSide::kTrain, ImageSide::kValid}) {
    if (name == name_of(side)) return side;
  }
  throw http::RequestError(400, "`side` must be train, valid or none");
}

ImageFilter filter_of(const http::Request& request, const OpenedDataset& dataset) {
  ImageFilter filter;
  const auto given = [&](const char* name) { return text_in(request, name); };
  if (given("label") == "none") {
    filter.is_unlabelled = true;
  } else if (!given("label").empty()) {
    const auto last = std::max<std::int64_t>(0, static_cast<std::int64_t>(dataset.classes().size()) - 1);
    filter.label = static_cast<std::uint32_t>(number_of(request, "label", 0, 0, last));
  }
  if (const std::string side = given("side"); !side.empty()) filter.side = side_named(side);
  if (const std::string finding = given("finding"); finding == "any") {
    filter.has_finding = true;
  } else if (!finding.empty()) {
    filter.finding = data::kind_named(finding);
    if (!filter.finding) throw http::RequestError(400, fmt::format("there is no finding '{}'", finding));
  }
  filter.text = given("text");
  if (const std::string order = given("order"); !order.empty()) filter.order = core::from_text<ImageOrder>(order);
  return filter;
}

RouteResult images_of(DataView& view, const http::Request& request) {
  const Shown shown(view, request);
  const OpenedDataset& dataset = *shown.state.dataset;
  const auto selection = shown.shelved->selected(shown.state, shown.checked, filter_of(request, dataset));
  const auto at = static_cast<std::size_t>(number_of(request, "at", 0, 0, std::numeric_limits<int>::max()));
  const auto count = static_cast<std::size_t>(number_of(request, "count", 200, 0, kMostOfPage));
  DataJson images = DataJson::array();
  for (std::size_t k = at; k < std::min(selection->size(), at + count); ++k) {
    images.push_back(image_json(dataset, shown.checked.findings.get(), (*selection)[k]));
  }
  return DataJson{{"revision", shown.state.revision},
                  {"findings", shown.checked.revision},
                  {"total", selection->size()},
                  {"at", at},
                  {"images", images}};
}

RouteResult image_of(DataView& view, const http::Request& request) {
  const Shown shown(view, request);
  const OpenedDataset& dataset = *shown.state.dataset;
  const fs::path name = path_of_image_id(request.parameter("image"));
  const auto i = dataset.find(name.native());
  if (!i) throw http::RequestError(404, fmt::format("'{}' is not among the images", shown_name(name.native())));
  DataJson json = image_json(dataset, shown.checked.findings.get(), *i);
  try {
    json["file"] = file_json(view.file_of(request));
  } catch (const http::RequestError& error) {  // it is gone, or a link that leads out
    json["file"] = {{"path", shown_name(dataset.path(*i).string())}, {"problem", error.what()}};
  }
  json["findings"] = DataJson::array();
  if (!shown.checked.findings) return json;
  for (const std::uint32_t k : shown.checked.findings->of_image(*i)) {
    const data::Finding& finding = shown.checked.findings->all()[k];
    DataJson found = finding_json(finding);
    found["images"] = DataJson::array();  // of this dataset, to go to
    for (const fs::path& path : finding.paths) {
      if (const auto other = dataset.find_path(path)) found["images"].push_back(image_id(dataset.name(*other)));
    }
    json["findings"].push_back(found);
  }
  show_flags(json["findings"], view.studio);
  return json;
}

RouteResult thumbnail_of(DataView& view, const http::Request& request) {
  const fs::path file = view.file_of(request);
  const auto side = static_cast<int>(number_of(request, "side", 256, 1, Thumbnails::kLargestSide));
  const auto bits = static_cast<int>(number_of(request, "bits", 16, 8, 16));
  const std::string version = Thumbnails::version_of(file);
  const std::string etag = fmt::format("\"{}-{}-{}\"", version, Thumbnails::side_for(side), bits);
  const std::string* asked = request.query_value("v");
  http::Response response;
  response.headers.set("ETag", etag);
  response.headers.set("Cache-Control", asked != nullptr && *asked == version ? "private, max-age=31536000, immutable"
                                                                              : "private, no-cache");
  const std::string* known = request.headers.find("If-None-Match");
  if (known != nullptr && *known == etag) {
    response.status = 304;
    return response;
  }
  response.content_type = "image/jpeg";
  response.body = view.thumbnails.jpeg({.file = file, .side = Thumbnails::side_for(side), .deep_bits = bits});
  return response;
}

RouteResult begin_check(DataView& view, const http::Request& request) {
  data::CheckOptions options;
  if (!request.body.empty()) {
    const DataJson json = core::parsed_json(request.body);
    if (!json.is_object()) throw http::RequestError(400, "the body must be JSON: {\"near_duplicates\": true}");
    core::from_json(json, options);
    core::validate(options);
  }
  view.dataset_of(request)->check(options);
  return DataJson{{"state", "running"}};
}

/// The images as a file of findings may name them.
run::ReviewedData reviewed(const OpenedDataset& dataset) {
  run::ReviewedData data{.root = dataset.folder()};
  data.labeller.task = dataset.is_multi_label() ? data::Task::kMultiLabel : data::Task::kSingleLabel;
  for (std::size_t i = 0; i < dataset.size(); ++i) {
    data.images.add_file(dataset.path(i).native());
    data::Labels labels;
    for (const std::uint32_t label : dataset.labels(i)) labels.push_back(dataset.classes()[label].name);
    data.labels.push_back(std::move(labels));
  }
  return data;
}

/// The JSON of `margay check --json`, or a label_issues.csv, that the page was given.
RouteResult read_findings(DataView& view, const http::Request& request) {
  const Shown shown(view, request);
  const std::string* name = request.query_value("name");
  const fs::path file = name == nullptr || name->empty() ? "findings" : *name;
  run::FoundInFile found =
      run::findings_in(request.body, file.filename(), shown.shelved->folder(), reviewed(*shown.state.dataset));
  shown.shelved->take_findings(std::move(found.findings), shown_name(file.filename().string()));
  DataView::tell(view.studio, view.folder_of(request).id);
  DataJson warnings = found.warnings;
  const auto checked = shown.shelved->checked();
  return DataJson{{"warnings", warnings}, {"findings", checked.findings->all().size()}};
}

RouteResult option_forms(const http::Request& /*request*/) {
  return DataJson{{"data", form_of<run::DataOptions>()}, {"check", form_of<data::CheckOptions>()}};
}

/// Says once when a folder that is shown has changed or is gone; reads the first one as soon as a page is open, so that
/// its images are there when somebody wants to see them.
class FolderWatch {
 public:
  explicit FolderWatch(const std::shared_ptr<DataView>& view) : view_(view) {}

  void operator()() {
    constexpr std::chrono::seconds kPace{5};
    const auto now = Changes::Clock::now();
    const auto view = view_.lock();
    if (!view || now - looked_ < kPace) return;
    const std::vector<ServedFolder>& folders = view->studio.folders().all();
    if (looked_ == Changes::Clock::time_point() && !folders.empty()) {
      view->shelf.prepare(folders.front().id, folders.front().path, {});
    }
    looked_ = now;
    for (const auto& [id, shelved] : view->shelf.all()) {
      const ShelvedDataset::State state = shelved->state();
      if (!state.dataset) continue;
      std::string& known = known_[{shelved.get(), state.revision}];
      const std::string change = name_of(state.dataset->change());
      if (std::exchange(known, change) != change) DataView::tell(view->studio, id);
    }
  }

 private:
  std::weak_ptr<DataView> view_;
  Changes::Clock::time_point looked_ = {};
  std::map<std::pair<const ShelvedDataset*, std::uint64_t>, std::string> known_;
};

}  // namespace

void add_data_routes(StudioRoutes& routes) {
  const auto view = std::make_shared<DataView>(routes.studio());
  const auto with_view = [&view](auto function) {
    return [view = view, function](const http::Request& request) { return function(*view, request); };
  };
  routes.get("/api/data-options", option_forms);
  routes.get("/api/data/{folder}", with_view(folder_state));
  routes.get("/api/data/{folder}/read", with_view(read_again));
  routes.get("/api/data/{folder}/images", with_view(images_of));
  routes.get("/api/data/{folder}/image/{image*}", with_view(image_of));
  routes.get("/api/data/{folder}/thumbnail/{image*}", with_view(thumbnail_of));
  routes.write("POST", "/api/data/{folder}/check", with_view(begin_check));
  routes.write("POST", "/api/data/{folder}/findings", with_view(read_findings));
  routes.write("DELETE", "/api/data/{folder}/check", with_view([](DataView& of, const http::Request& request) {
                 of.dataset_of(request)->stop_check();
                 return RouteResult(DataJson{{"state", "stopping"}});
               }));
  routes.studio().changes().watch(FolderWatch(view));
}

}  // namespace margay::studio
