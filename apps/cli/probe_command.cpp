#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/cli/command.h"
#include "apps/cli/launch.h"
#include "apps/cli/output.h"
#include "apps/cli/probe_text.h"
#include "apps/cli/process.h"
#include "apps/cli/processes.h"
#include "apps/cli/terminal.h"
#include "apps/cli/train_flags.h"
#include "apps/cli/weights_choice.h"
#include "margay/run/pretrained_weights.h"

namespace margay::cli {
namespace {

struct ProbeCommandOptions {
  run::ProbeRunOptions run;
  std::string compare;
  bool json = false;

  static const core::OptionTable& fields() {
    using O = ProbeCommandOptions;
    static const core::OptionTable table(
        "probe_command",
        {core::field<&O::run>("run", "data, network and classifier"),
         core::field<&O::compare>("compare",
                                  "rank these networks on the images instead: names with commas, or all: those whose "
                                  "weights lie in the folder of `weights`, by default the user's cache folder"),
         core::field<&O::json>("json", "print the results as one JSON document")});
    return table;
  }
};

/// Prints what a probe finds.
class ProbeObserver : public TerminalObserver {
 public:
  explicit ProbeObserver(const ProbeCommandOptions& options) : options_(options) {}

  void probe_started(const run::ProbeStart& start) override {
    if (!options_.json) print_out("{}{}\n", probe_start_text(start), threads_text());
  }
  void probed(const run::Probed& results) override {
    options_.json ? print_json(run::to_json(results)) : print_text(probe_text(results, options_.run));
  }
  void compared_probes(const run::ProbeComparison& comparison) override {
    options_.json ? print_json(comparison_json(comparison)) : print_text(comparison_text(comparison, options_.run));
  }

 private:
  const ProbeCommandOptions& options_;
};

core::ExitCode compare_networks(const ProbeCommandOptions& options, run::Observer& observer,
                                const std::shared_ptr<collective::Group>& group) {
  const std::filesystem::path folder = run::folder_of_weights(options.run.network.weights, user_cache_folder());
  const auto networks = run::networks_to_compare(options.compare, folder);
  const run::ProbeComparison comparison =
      run::compare_probes(options.run, networks, user_cache_folder(), observer, group);
  const bool are_all = std::all_of(comparison.networks.begin(), comparison.networks.end(),
                                   [](const run::ComparedNetwork& each) { return each.problem.empty(); });
  return are_all ? core::ExitCode::kDone : core::ExitCode::kFailed;
}

std::unique_ptr<run::Observer> probe_observer(const ProbeCommandOptions& options, int rank) {
  if (rank == 0) return std::make_unique<ProbeObserver>(options);
  return make_observer(rank);
}

core::ExitCode probe(ProbeCommandOptions options, const Launch& launch,
                     const std::shared_ptr<collective::Group>& group) {
  listen_for_stop();
  std::string& device = options.run.network.device;
  device = own_device(device, launch);
  if (options.compare.empty()) {
    run::ProbedNetworkOptions& network = options.run.network;
    choose_weights(network.weights, network.weights_sha256, options.run.arch, [&](const std::string& text) {
      if (!options.json) print_out("{}\n", text);
    });
  }
  const std::unique_ptr<run::Observer> observer = probe_observer(options, group->rank());
  if (!options.compare.empty()) return compare_networks(options, *observer, group);
  try {
    run::start_probe(options.run, user_cache_folder(), *observer, group);
    return core::ExitCode::kDone;
  } catch (const run::NoWeightsError& error) {
    throw UsageError(
        fmt::format("a probe needs the features of a pretrained network: {}", way_to_weights(error.what_to_fetch())));
  }
}

}  // namespace

void add_probe(CommandLine& line) {
  Command& command =
      line.add("probe", "A first classifier in seconds: a linear one on a pretrained network's features");
  const auto options = std::make_shared<ProbeCommandOptions>();
  command.argument("folder", options->run.batch.folder, "the images, as for train", Presence::kRequired);
  command.config_flag(options->run);
  command.flags(*options, probe_flag_names());
  command.footer(
      "margay probe pets/images --label-regex '(.+)_\\d+\\.jpg$' --arch resnet18 --weights resnet18.safetensors\n"
      "margay probe images --compare resnet18,convnext_tiny");
  const auto processes = takes_processes(command);
  takes_compute_threads(command, processes);
  command.everyday({"--config",
                    "--arch",
                    "--weights",
                    "--compare",
                    "--name",
                    "--runs",
                    "--seed",
                    "--json",
                    "--label-regex",
                    "--labels-csv",
                    "--label-delimiter",
                    "--valid-csv",
                    "--valid-fraction",
                    "--group-regex",
                    "--group-column",
                    "--size",
                    "--balance",
                    "--select",
                    "--batch-size",
                    "--precision",
                    "--device"});
  command.check([options, &command] {
    if (options->compare.empty()) return;
    for (const char* flag : {"--arch", "--name", "--runs", "--weights-sha256"}) {
      if (command.is_given(flag)) {
        throw UsageError(fmt::format("{} is for one network, and --compare leaves no run; leave one out", flag));
      }
    }
    const std::filesystem::path& weights = options->run.network.weights;
    if (weights == kNoWeights || weights == run::kAutoWeights) {
      throw UsageError(fmt::format("--weights {} is for one network; --compare takes a folder of weights, or cached",
                                   shown_path(weights)));
    }
  });
  command.does([=, &command] {
    ProbeCommandOptions chosen = *options;
    if (chosen.compare.empty()) default_weights(command, chosen.run.network.weights, chosen.run.arch);
    return work_together(read_launch(*processes, launch_variables()),
                         [&](const Launch& launch, const std::shared_ptr<collective::Group>& group) {
                           return probe(chosen, launch, group);
                         });
  });
}

}  // namespace margay::cli
