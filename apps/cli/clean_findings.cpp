#include "apps/cli/clean_findings.h"

#include <string_view>
#include <unordered_map>

#include <fmt/format.h>

#include "apps/cli/command.h"
#include "apps/cli/output.h"
#include "apps/cli/process.h"
#include "apps/cli/program_words.h"
#include "apps/cli/terminal.h"
#include "apps/cli/weights_choice.h"
#include "margay/run/label_check.h"
#include "margay/run/observer.h"
#include "margay/run/probe_run.h"

namespace margay::cli {
namespace {

void keep_predictions(const run::LabelCheck& check, run::ReviewedData& data) {
  std::unordered_map<std::string_view, std::size_t> row_of;
  for (std::size_t row = 0; row < check.size(); ++row) row_of.emplace(check.images.names().text(row), row);
  data.predicted.assign(data.size(), {});
  for (std::size_t i = 0; i < data.size(); ++i) {
    const auto found = row_of.find(data.images.names().text(i));
    if (found != row_of.end()) data.predicted[i] = check.predicted_labels(found->second);
  }
}

}  // namespace

std::vector<data::Finding> find_labels(run::LabelCheckOptions options, run::ReviewedData& data) {
  run::check_label_options(options);
  listen_for_stop();
  const auto say = [](const std::string& text) { complain(text); };
  if (options.model.empty() && options.probabilities.empty()) {
    choose_weights(options.network.weights, options.network.weights_sha256, options.arch, say);
  }
  TerminalObserver observer;
  try {
    run::LabelCheck check = run::check_labels(options, user_cache_folder(), observer);
    for (const std::string& warning : check.warnings) warn(warning);
    keep_predictions(check, data);
    return std::move(check.findings);
  } catch (const run::NoWeightsError& error) {
    throw UsageError(fmt::format(
        "nothing was found yet: --findings takes what margay check --labels --report wrote, and to search now "
        "the features of a pretrained network are needed: {}; or --model or --probabilities",
        way_to_weights(error.what_to_fetch())));
  }
}

}  // namespace margay::cli
