#include "apps/studio/lr_search.h"

#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "apps/studio/option_form.h"
#include "margay/http/target.h"
#include "margay/run/pretrained_weights.h"
#include "margay/run/train_options.h"
#include "margay/run/training_run.h"

namespace margay::studio {
namespace {

using SearchJson = nlohmann::ordered_json;
constexpr const char* kNoWeights = "none";

}  // namespace

struct LrSearch::Options {
  std::string arch = "resnet18";
  run::BatchOptions batch;
  train::VisionLearnerOptions vision_learner{.weights = run::kAutoWeights};
  train::LrSweepOptions sweep;
  bool unfrozen = false;

  static const core::OptionTable& fields() {
    static const core::OptionTable table(
        "lr_find", {core::field<&Options::arch>("arch", "network, as for a training"),
                    core::field<&Options::batch>("batch", "the data"),
                    core::field<&Options::vision_learner>("vision_learner", "network and optimizer"),
                    core::field<&Options::sweep>("sweep", "the rates"),
                    core::field<&Options::unfrozen>("unfrozen", "let pretrained layers train as well")});
    return table;
  }
};

struct LrSearch::Result {
  Options options;
  train::LrFindResult found;
};

/// Hands the progress on, and the job's wish to stop.
class LrSearch::Listener : public run::Observer {
 public:
  Listener(LrSearch& search, const Job::Progress& progress) : search_(search), progress_(progress) {}

  bool is_stop_wanted() const override { return progress_.is_stop_wanted(); }
  void warned(const std::string& text) override { search_.say(text); }
  void recognised_weights(const std::string& text) override { search_.say(text); }
  void progressed(const std::string& /*task*/, std::int64_t done, std::int64_t total,
                  const std::string& /*details*/) override {
    progress_(done, total);
  }

 private:
  LrSearch& search_;
  const Job::Progress& progress_;
};

LrSearch::LrSearch(fetch::KnownPlaces places, std::optional<std::string> device, std::function<void()> on_change)
    : places_(std::move(places)), device_(std::move(device)), job_(std::move(on_change)) {}

LrSearch::~LrSearch() = default;

const core::OptionTable& LrSearch::fields() { return Options::fields(); }

SearchJson LrSearch::form() { return form_of<Options>(); }

void LrSearch::start(const std::string& folder_id, const std::filesystem::path& folder, const run::DataOptions& data,
                     const SearchJson& given) {
  Options options;
  if (device_) options.vision_learner.learner.device = *device_;
  core::from_json(given, options);
  options.batch.folder = folder;
  options.batch.data = data;
  options.batch.loader.seed = options.vision_learner.seed;
  core::validate(options);
  core::check_rules(options);
  model::find_architecture(options.arch);  // an unknown one is told at once
  if (job_.state().phase == Job::Phase::kRunning) throw http::RequestError(409, "a search for a rate runs already");
  {
    const std::lock_guard lock(mutex_);
    folder_ = folder_id;
    says_.clear();
    result_.reset();
  }
  const bool is_started = job_.start([this, options](const Job::Progress& progress) { search(options, progress); });
  if (!is_started) throw http::RequestError(409, "a search for a rate runs already");
}

void LrSearch::search(const Options& given, const Job::Progress& progress) {
  Options options = given;
  train::VisionLearnerOptions& network = options.vision_learner;
  if (network.weights == run::kAutoWeights) {
    const auto search = run::find_weights_at_hand(model::find_architecture(options.arch), places_);
    for (const std::string& warning : search.warnings) say(warning);
    search.fill_in(network.weights, network.weights_sha256);
    if (search.found) say("Weights: " + run::weights_text(*search.found));
  }
  if (network.weights == kNoWeights) network.weights.clear();
  network.weights = run::resolve_weights(network.weights, options.arch, places_.cache);
  if (network.weights.empty()) say("There are no pretrained weights: the network trains from scratch.");
  Listener listener(*this, progress);
  std::optional<model::PretrainedFile> weights = run::follow_weights(
      options.batch, {network.weights, network.weights_sha256}, network.arithmetic, options.arch, listener);
  progress(0, options.sweep.num_it);
  train::Learner learner =
      train::vision_learner(run::make_loaders(options.batch, places_.cache), options.arch, network, weights);
  weights.reset();  // the network has them
  for (const std::string& warning : learner.loaders().warnings) say(warning);
  if (options.unfrozen) learner.unfreeze();
  auto result = std::make_shared<Result>(Result{given, run::search_lr(learner, listener, options.sweep)});
  const std::lock_guard lock(mutex_);
  result_ = std::move(result);
}

void LrSearch::say(const std::string& sentence) {
  const std::lock_guard lock(mutex_);
  says_.push_back(sentence);
}

SearchJson LrSearch::json() const {
  const Job::State state = job_.state();
  const std::lock_guard lock(mutex_);
  SearchJson json = {{"state", state.name()}, {"folder", folder_},        {"done", state.done},
                     {"total", state.total},  {"problem", state.problem}, {"says", says_}};
  if (!result_) return json;
  json["lrs"] = result_->found.curve.lrs;
  json["losses"] = result_->found.curve.losses;
  json["suggestions"] = SearchJson::array();
  for (const train::LrSuggestion& each : result_->found.suggestions) {
    json["suggestions"].push_back({{"name", each.name}, {"lr", each.lr}, {"rule", each.rule}});
  }
  json["arch"] = result_->options.arch;
  json["unfrozen"] = result_->options.unfrozen;
  return json;
}

}  // namespace margay::studio
