#include <algorithm>
#include <array>

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/cli/command.h"
#include "apps/cli/models_table.h"
#include "apps/cli/output.h"
#include "apps/cli/process.h"
#include "apps/cli/progress_line.h"
#include "apps/cli/terminal.h"
#include "margay/core/machine.h"
#include "margay/core/text.h"
#include "margay/model/architecture/architectures.h"
#include "margay/run/choose_architecture.h"
#include "margay/run/train_options.h"
#include "margay/train/choose_network.h"

namespace margay::cli {

/// What `margay models` does.
enum class ModelsAction { kList, kBench };

constexpr auto names(ModelsAction /*tag*/) {
  return std::array{std::pair{ModelsAction::kList, "list"}, std::pair{ModelsAction::kBench, "bench"}};
}

namespace {

using model::Architecture;

struct ModelsOptions {
  std::string action = "list";
  std::vector<std::string> networks;
  std::string search;
  bool weights = false;
  bool json = false;
  train::NetworkSpeedOptions speed;

  static const core::OptionTable& fields() {
    static const core::OptionTable table(
        "models",
        {core::field<&ModelsOptions::action>("action", "list, or bench NAME…: all networks where none is named"),
         core::field<&ModelsOptions::search>("search", "only those whose name or family contains this text"),
         core::field<&ModelsOptions::weights>("weights", "a row for every published set of weights of the networks",
                                              {core::needs({"action=list"})}),
         core::field<&ModelsOptions::json>("json", "one JSON document"),
         core::field<&ModelsOptions::speed>("speed", "bench", {core::needs({"action=bench"})})});
    return table;
  }
};

/// Those measured before; none where there is no home to keep them in.
std::optional<run::SpeedRecords> kept_speeds() {
  const std::filesystem::path folder = user_cache_folder();
  if (folder.empty()) return std::nullopt;
  TerminalObserver observer;
  return run::user_speed_records(folder, observer);
}

std::vector<const Architecture*> chosen(const ModelsOptions& options) {
  std::vector<const Architecture*> models;
  for (const std::string& name : options.networks) models.push_back(&model::find_architecture(name));
  if (options.networks.empty()) models = search_models(options.search);
  if (models.empty()) {
    throw std::invalid_argument(
        fmt::format("[models] no name or family contains '{}'; `margay models` lists all", options.search));
  }
  return models;
}

core::ExitCode list_weights(const ModelsOptions& options) {
  const std::vector<const model::WeightSet*> sets = search_weight_sets(options.search);
  if (sets.empty()) {
    throw std::invalid_argument(
        fmt::format("[models] no weights, network or publisher contains '{}'; `margay models --weights` lists all",
                    options.search));
  }
  options.json ? print_json(weight_sets_json(sets)) : print_text(weight_sets_text(sets));
  if (!options.json) print_out("* the weights that a network's name alone means; – no stored source says it\n");
  return core::ExitCode::kDone;
}

core::ExitCode list_models(const ModelsOptions& options) {
  const std::optional<run::SpeedRecords> records = kept_speeds();
  std::vector<ListedModel> models;
  for (const Architecture* each : chosen(options)) {
    models.push_back({each, records ? records->find(each->name) : std::nullopt});
  }
  const bool has_speeds =
      std::any_of(models.begin(), models.end(), [](const ListedModel& each) { return each.speed.has_value(); });
  options.json ? print_json(models_json(models)) : print_text(models_text(models));
  if (has_speeds && !options.json)
    print_out("images/s here: training / inference, as `margay models bench` measured\n");
  return core::ExitCode::kDone;
}

run::SpeedRecord record_of(const std::string& name, const train::NetworkSpeed& speed,
                           const train::NetworkSpeedOptions& options) {
  return {.name = name,
          .host = core::host_name(),
          .device = model::find_device(options.device).is_cpu() ? "cpu" : "cuda",
          .precision = core::to_text(speed.precision),
          .threads = at::get_num_threads(),
          .batch_size = options.batch_size,
          .size = speed.image_px,
          .train_images_per_s = speed.train_images_per_s,
          .inference_images_per_s = speed.inference_images_per_s};
}

/// The results are there, whatever becomes of the file.
void keep(const run::SpeedRecord& measured) {
  std::optional<run::SpeedRecords> records = kept_speeds();
  if (!records) return warn("there is no home folder, so `margay models` will not show these speeds");
  records->put(measured);
  try {
    records->save();
  } catch (const core::IoError& error) {
    warn(fmt::format("`margay models` will not show these speeds: {}", error.what()));
  }
}

/// Each is kept at once. Until a stop is wanted; what cannot be measured so is left out.
std::vector<run::SpeedRecord> measure_all(const std::vector<const Architecture*>& models,
                                          const train::NetworkSpeedOptions& options) {
  std::vector<run::SpeedRecord> measured;
  TerminalObserver observer;
  listen_for_stop();
  for (const Architecture* each : models) {
    if (is_stop_wanted()) break;
    observer.progressed("bench", static_cast<std::int64_t>(measured.size()), static_cast<std::int64_t>(models.size()),
                        each->name);
    const std::optional<train::NetworkSpeed> speed = run::speed_or_warn(each->name, options, observer);
    if (!speed) continue;
    measured.push_back(record_of(each->name, *speed, options));
    keep(measured.back());
  }
  return measured;
}

std::string speeds_text(const std::vector<run::SpeedRecord>& measured) {
  using enum core::TextTable::Align;
  core::TextTable table({{"name", kLeft},
                         {"training, images/s"},
                         {"inference, images/s"},
                         {"precision", kLeft},
                         {"device", kLeft},
                         {"threads"},
                         {"batch"},
                         {"pixels"}});
  for (const run::SpeedRecord& each : measured) {
    table.add({each.name, fmt::format("{:.1f}", each.train_images_per_s),
               fmt::format("{:.1f}", each.inference_images_per_s), each.precision, each.device,
               std::to_string(each.threads), std::to_string(each.batch_size), std::to_string(each.size)});
  }
  return table.text();
}

core::ExitCode bench_models(const ModelsOptions& options) {
  const std::vector<const Architecture*> models = chosen(options);
  const std::vector<run::SpeedRecord> measured = measure_all(models, options.speed);
  if (options.json) {
    nlohmann::ordered_json json = nlohmann::ordered_json::array();
    for (const run::SpeedRecord& each : measured) json.push_back(core::to_json(each));
    print_json(json);
  } else {
    print_out("{}", speeds_text(measured));
  }
  if (is_stop_wanted()) return core::ExitCode::kInterrupted;
  return measured.size() < models.size() ? core::ExitCode::kFailed : core::ExitCode::kDone;
}

core::ExitCode run_models_command(const ModelsOptions& options) {
  core::validate(options);
  const auto action = core::from_text<ModelsAction>(options.action);
  if (!options.networks.empty() && !options.search.empty()) {
    throw std::invalid_argument("[models] names and --search exclude each other");
  }
  if (action == ModelsAction::kBench) return bench_models(options);
  if (!options.networks.empty()) throw std::invalid_argument("[models] list takes no name; --search TEXT finds some");
  return options.weights ? list_weights(options) : list_models(options);
}

}  // namespace

void add_models(CommandLine& line) {
  Command& command = line.add("models", "List the networks, and measure their speed on this machine");
  const auto options = std::make_shared<ModelsOptions>();
  command.argument("action", options->action, "list, or bench NAME…: all networks where none is named");
  command.choices("action", core::all_names<ModelsAction>());
  command.argument("network", options->networks, "bench: names of the list");
  command.footer(
      "margay models --search resnet\n"
      "margay models --weights --search resnet50\n"
      "margay models bench resnet18 resnet50 --precision bf16");
  command.flags(*options, {{"models.action", ""}});
  takes_compute_threads(command);
  command.does([options] { return run_models_command(*options); });
}

}  // namespace margay::cli
