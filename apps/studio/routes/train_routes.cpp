#include <algorithm>
#include <array>
#include <memory>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/studio/request_values.h"
#include "apps/studio/routes/views.h"
#include "apps/studio/studio.h"
#include "apps/studio/trainings.h"
#include "margay/core/json_values.h"
#include "margay/core/text.h"
#include "margay/run/run_watch.h"

namespace margay::studio {
namespace {

namespace fs = std::filesystem;
using TrainJson = nlohmann::ordered_json;

/// Where a training puts its files is decided at the studio's start, and what it goes on with by the run's own page.
constexpr std::array kNotInForm = {"--runs", "--resume", "--data", "--lr-factor", "--config"};

bool is_in_form(const TrainFlag& flag) {
  return std::find(kNotInForm.begin(), kNotInForm.end(), flag.name) == kNotInForm.end();
}

const char* kind_name(TrainFlag::Kind kind) {
  constexpr std::array kNames = {"switch", "number", "text", "path", "choice"};
  return kNames.at(static_cast<std::size_t>(kind));
}

TrainJson form_json(const TrainForm& form) {
  TrainJson flags = TrainJson::array();
  for (const TrainFlag& flag : form.flags) {
    if (!is_in_form(flag)) continue;
    flags.push_back({{"name", flag.name},
                     {"help", flag.help},
                     {"heading", flag.heading},
                     {"kind", kind_name(flag.kind)},
                     {"default", flag.default_text},
                     {"choices", flag.choices},
                     {"is_everyday", flag.is_everyday}});
  }
  return {{"flags", std::move(flags)}};
}

TrainJson started_json(const StartedTraining& training) {
  return {{"number", training.number},
          {"pid", training.pid},
          {"command", training.command},
          {"log", training.log.string()},
          {"ended", training.ended ? TrainJson(*training.ended) : TrainJson(nullptr)}};
}

/// The view Train: what it was given of the program, and the processes that it started.
class TrainView {
 public:
  explicit TrainView(Studio& studio)
      : studio_(studio),
        form_(studio.program().train),
        trainings_(studio.program().executable, studio.folders().runs() / ".studio") {}

  TrainJson form() const { return form_json(form_); }

  /// "train", "images", "--epochs=3", …, of {"folder": "images", "flags": {"--epochs": "3", "--ema": true}}. Throws
  /// std::invalid_argument for what the program would refuse, http::RequestError for other folders and files than those
  /// that are served.
  std::vector<std::string> arguments_of(const TrainJson& wanted) const {
    if (!wanted.is_object() || !wanted.contains("folder") || !wanted["folder"].is_string()) {
      throw std::invalid_argument("folder: the id of a served folder is needed");
    }
    std::vector<std::string> arguments = {
        "train", studio_.folders().at(wanted["folder"].get_ref<const std::string&>()).path.string()};
    const TrainJson none = TrainJson::object();
    for (const auto& [name, value] : (wanted.contains("flags") ? wanted["flags"] : none).items()) {
      arguments.push_back(argument_of(name, value));
    }
    arguments.push_back("--runs=" + studio_.folders().runs().string());
    form_.check(arguments);
    return arguments;
  }

  /// What the form stands for, and why it would be refused.
  TrainJson command(const TrainJson& wanted) const {
    try {
      return {{"command", command_text(arguments_of(wanted))}};
    } catch (const std::invalid_argument& error) {
      return {{"problem", studio_.words(error.what())}};
    } catch (const http::RequestError& error) {
      return {{"problem", error.what()}};
    }
  }

  TrainJson start(const TrainJson& wanted) { return told(trainings_.start(arguments_of(wanted))); }

  /// wanted: {"folder"}: the served folder where the run's images lie now; absent: where they were.
  TrainJson resume(const std::string& folder, const TrainJson& wanted) {
    const run::RunRecord record = record_of(folder);
    const fs::path path = studio_.folders().inside_runs(folder);
    if (record.status == run::RunStatus::kRunning) {
      throw http::RequestError(409, fmt::format("{} still runs", core::spelled_out(folder)));
    }
    std::error_code none;
    if (!fs::is_directory(path / "checkpoints", none) || fs::is_empty(path / "checkpoints", none)) {
      throw http::RequestError(
          409, fmt::format("{} has no checkpoint to go on from; begin a new run with its "
                           "settings: margay train --config {}",
                           core::spelled_out(folder), core::shell_word((path / "config.json").string())));
    }
    std::vector<std::string> arguments = {"train", "--resume=" + path.string()};
    if (const auto data = field_of<std::string>(wanted, "folder", ""); !data.empty()) {
      arguments.push_back("--data=" + studio_.folders().at(data).path.string());
    }
    return told(trainings_.start(arguments));
  }

  TrainJson stop(const std::string& folder) {
    stop_training(record_of(folder));
    return {{"folder", folder}};
  }

  TrainJson started() {
    TrainJson list = TrainJson::array();
    for (const StartedTraining& training : trainings_.all()) {
      list.push_back(started_json(training));
      list.back()["printed"] = trainings_.printed(training.number);
    }
    return {{"started", std::move(list)}};
  }

  /// Tells the pages of trainings that have ended.
  void look() {
    std::size_t ended = 0;
    for (const StartedTraining& training : trainings_.all()) ended += training.ended ? 1U : 0U;
    if (std::exchange(ended_, ended) != ended) studio_.changes().publish("trainings", TrainJson::object());
  }

 private:
  std::string argument_of(const std::string& name, const TrainJson& value) const {
    const auto flag = std::find_if(form_.flags.begin(), form_.flags.end(),
                                   [&](const TrainFlag& each) { return each.name == name && is_in_form(each); });
    if (flag == form_.flags.end()) {
      throw std::invalid_argument(
          fmt::format("'{}' is no flag of this form", core::fitted(core::spelled_out(name), 80)));
    }
    if (flag->kind == TrainFlag::Kind::kSwitch) {
      if (!value.is_boolean()) throw std::invalid_argument(name + ": true or false");
      return value.get<bool>() ? flag->name : flag->off;
    }
    if (!value.is_string()) throw std::invalid_argument(name + ": a text is needed");
    const auto& text = value.get_ref<const std::string&>();
    if (flag->kind == TrainFlag::Kind::kPath) check_path(name, text);
    return name + "=" + text;
  }

  /// A name without a folder is that of published weights, which lie in the cache; what is there must be served.
  void check_path(const std::string& name, const std::string& text) const {
    std::error_code none;
    const fs::path path = fs::weakly_canonical(fs::absolute(text), none);
    const bool is_name = text.find('/') == std::string::npos && !fs::exists(path, none);
    if (is_name || studio_.folders().holds(path)) return;
    throw http::RequestError(403, fmt::format("{}: {} lies in no served folder; start the studio with its folder, too",
                                              name, core::spelled_out(text)));
  }

  run::RunRecord record_of(const std::string& folder) const {
    run::RunWatch watch(studio_.folders().runs());
    watch.look();
    return watch.run(folder).record;
  }

  TrainJson told(const StartedTraining& training) {
    studio_.changes().publish("trainings", {{"number", training.number}});
    return started_json(training);
  }

  Studio& studio_;
  const TrainForm& form_;
  Trainings trainings_;
  std::size_t ended_ = 0;
};

TrainJson body_of(const http::Request& request) {
  TrainJson json = core::parsed_json(request.body);
  if (json.is_discarded()) throw std::invalid_argument("the body is no JSON");
  return json;
}

/// The same in a query, as reading needs no body.
TrainJson wanted_in(const http::Request& request) {
  const std::string* text = request.query_value("wanted");
  TrainJson json = core::parsed_json(text == nullptr ? "" : *text);
  if (json.is_discarded()) throw std::invalid_argument("wanted: no JSON");
  return json;
}

}  // namespace

void add_train_routes(StudioRoutes& routes) {
  Studio& studio = routes.studio();
  if (!studio.program().train.check) return;  // a program without trainings
  const auto view = std::make_shared<TrainView>(studio);
  studio.changes().watch([view] { view->look(); });
  routes.get("/api/train/form", [view](const http::Request&) { return RouteResult(view->form()); });
  routes.get("/api/train/command",
             [view](const http::Request& request) { return RouteResult(view->command(wanted_in(request))); });
  routes.get("/api/train/started", [view](const http::Request&) { return RouteResult(view->started()); });
  routes.write("POST", "/api/train",
               [view](const http::Request& request) { return RouteResult(view->start(body_of(request))); });
  routes.write("POST", "/api/train/stop/{folder}", [view](const http::Request& request) {
    return RouteResult(view->stop(std::string(request.parameter("folder"))));
  });
  routes.write("POST", "/api/train/resume/{folder}", [view](const http::Request& request) {
    return RouteResult(view->resume(std::string(request.parameter("folder")), request_object(request)));
  });
}

}  // namespace margay::studio
