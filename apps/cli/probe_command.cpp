#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/cli/command.h"
#include "apps/cli/output.h"
#include "apps/cli/probe_text.h"
#include "apps/cli/process.h"
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

core::ExitCode compare_networks(const ProbeCommandOptions& options, ProbeObserver& observer) {
  const std::filesystem::path folder = run::folder_of_weights(options.run.network.weights, user_cache_folder());
  const auto networks = run::networks_to_compare(options.compare, folder);
  const run::ProbeComparison comparison = run::compare_probes(options.run, networks, user_cache_folder(), observer);
  const bool are_all = std::all_of(comparison.networks.begin(), comparison.networks.end(),
                                   [](const run::ComparedNetwork& each) { return each.problem.empty(); });
  return are_all ? core::ExitCode::kDone : core::ExitCode::kFailed;
}

core::ExitCode probe(ProbeCommandOptions options) {
  listen_for_stop();
  if (options.compare.empty()) {
    run::ProbedNetworkOptions& network = options.run.network;
    choose_weights(network.weights, network.weights_sha256, options.run.arch, [&](const std::string& text) {
      if (!options.json) print_out("{}\n", text);
    });
  }
  ProbeObserver observer(options);
  if (!options.compare.empty()) return compare_networks(options, observer);
  try {
    run::start_probe(options.run, user_cache_folder(), observer);
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
  takes_compute_threads(command);
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
                                   weights.string()));
    }
  });
  command.does([options, &command] {
    ProbeCommandOptions chosen = *options;
    if (chosen.compare.empty()) default_weights(command, chosen.run.network.weights, chosen.run.arch);
    return probe(std::move(chosen));
  });
}

}  // namespace margay::cli
