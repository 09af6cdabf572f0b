#include <algorithm>
#include <csignal>

#include <fmt/format.h>

#include "apps/cli/command.h"
#include "apps/cli/program_words.h"
#include "apps/cli/stop_signal.h"

namespace margay::cli {
namespace {

constexpr const char* kDescription =
    "Margay trains, explains, cleans up after, ships and serves image classifiers.\n\n"
    "  margay sample images && margay train images      a first model, without any download\n"
    "  margay train pets/images --label-regex '(.+)_\\d+\\.jpg$' --arch resnet18 --weights resnet18.safetensors\n"
    "  margay predict runs/…/model.margay cat.jpg\n\n"
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 bad data (the path is named), 130 interrupted.";

int as_status(core::ExitCode code) { return static_cast<int>(code); }

int report(const std::exception& error) {
  fmt::print(stderr, "margay: {}\n", program_words(error.what()));
  return as_status(core::exit_code(error));
}

using Action = std::function<core::ExitCode()>;

int run_action(const Action& action) {
  forget_stop();
  std::signal(SIGXFSZ, SIG_IGN);  // a file size limit is then an error like a full disk, not the end
  try {
    return as_status(action());
  } catch (const std::exception& error) {
    return report(error);
  }
}

}  // namespace

int run(int argc, const char* const* argv) {
  CommandLine line("margay", kDescription, MARGAY_VERSION);
  for (const auto add : {add_train, add_lr_find, add_evaluate, add_predict, add_explain, add_runs, add_models,
                         add_model, add_weights, add_check, add_summary, add_show_batch, add_bench_data, add_sample}) {
    add(line);
  }
  try {
    const Action action = line.parse({argv + std::min(argc, 1), argv + argc});
    return action ? run_action(action) : as_status(core::ExitCode::kDone);
  } catch (const std::exception& error) {
    return report(error);
  }
}

}  // namespace margay::cli
