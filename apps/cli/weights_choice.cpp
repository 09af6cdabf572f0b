#include "apps/cli/weights_choice.h"

#include <stdexcept>

#include <fmt/format.h>

#include "apps/cli/network.h"
#include "apps/cli/output.h"
#include "apps/cli/progress_line.h"
#include "margay/run/choose_architecture.h"
#include "margay/run/pretrained_weights.h"

namespace margay::cli {
namespace {

void take_at_hand(std::filesystem::path& weights, std::string& sha256, const std::string& arch,
                  const std::function<void(const std::string&)>& say) {
  if (arch == run::kAutoArch) {
    throw std::invalid_argument(
        "[train] `weights` auto is for one network; with `arch` auto give `weights` cached, or a folder of files");
  }
  const run::WeightsSearch search = run::find_weights_at_hand(model::find_architecture(arch), user_places());
  warn_of_each(search.warnings);
  search.fill_in(weights, sha256);
  if (search.found) say("Weights: " + run::weights_text(*search.found));
}

}  // namespace

void default_weights(const Command& command, std::filesystem::path& weights, const std::string& arch) {
  const bool is_named = command.is_given("--weights") || command.is_given("--config");
  if (!is_named && arch != run::kAutoArch) weights = run::kAutoWeights;
}

void choose_weights(std::filesystem::path& weights, std::string& sha256, const std::string& arch,
                    const std::function<void(const std::string&)>& say) {
  if (weights == kNoWeights) weights.clear();
  if (weights == run::kAutoWeights) return take_at_hand(weights, sha256, arch, say);
  if (!weights.empty()) say("Weights: " + shown_path(weights));
}

}  // namespace margay::cli
