#include "apps/cli/listener_options.h"

#include <stdexcept>
#include <string>

#include <fmt/format.h>

#include "apps/cli/flags.h"

namespace margay::cli {
namespace {

/// The first field that is not as it is by default, as the flag that was given.
template <core::Options T>
std::string first_changed(const T& options) {
  const nlohmann::ordered_json given = core::to_json(options);
  const nlohmann::ordered_json defaults = core::to_json(T{});
  for (const auto& [key, value] : given.items()) {
    if (value != defaults.at(key)) return flag_name(value == false ? "no_" + key : key);
  }
  return {};
}

template <core::Options T>
void need(bool is_on, const char* flag, const T& options) {
  if (is_on) return;
  const std::string changed = first_changed(options);
  if (!changed.empty()) throw std::invalid_argument(fmt::format("[train] {} needs {}", changed, flag));
}

}  // namespace

bool is_monitored(const ListenerOptions& options) {
  return options.keep_best || options.early_stop || options.reduce_on_plateau;
}

void check_listeners(const ListenerOptions& options) {
  need(options.ema, "--ema", options.weight_average);
  need(options.swa, "--swa", options.swa_options);
  need(options.keep_best, "--keep-best", options.keep_best_options);
  need(options.early_stop, "--early-stop", options.early_stopping);
  need(options.reduce_on_plateau, "--reduce-on-plateau", options.plateau);
  need(is_monitored(options), "--keep-best, --early-stop or --reduce-on-plateau", options.monitor);
  if (options.swa && options.keep_best_options.restore_best) {
    throw std::invalid_argument("[train] --swa and --restore-best both say which weights are saved; choose one");
  }
  if (options.ema && options.swa) throw std::invalid_argument("[train] --ema and --swa are two averages; choose one");
}

const core::OptionTable& ListenerOptions::fields() {
  using O = ListenerOptions;
  static const core::OptionTable table(
      "listeners",
      {core::field<&O::clip_norm>("clip_norm", "scale gradients down to this norm over all of them", {1e-12, 1e12}),
       core::field<&O::clip_value>("clip_value", "bring every gradient's elements into ± this", {1e-12, 1e12}),
       core::field<&O::ema>("ema", "validate and save an exponential moving average of the weights"),
       core::field<&O::weight_average>("weight_average", "of --ema"),
       core::field<&O::swa>("swa", "save the equal average of the last epochs' weights (SWA)"),
       core::field<&O::swa_options>("swa_options", "of --swa"),
       core::field<&O::monitor>("monitor", "of --keep-best, --early-stop, --reduce-on-plateau"),
       core::field<&O::keep_best>("keep_best", "write the model of the best epoch as best.margay"),
       core::field<&O::keep_best_options>("keep_best_options", "of --keep-best"),
       core::field<&O::early_stop>(
           "early_stop",
           "end a stage that no longer improves; it spoils one-cycle schedules, whose rate must come down"),
       core::field<&O::early_stopping>("early_stopping", "of --early-stop"),
       core::field<&O::reduce_on_plateau>("reduce_on_plateau", "lower the rates when results no longer improve"),
       core::field<&O::plateau>("plateau", "of --reduce-on-plateau"),
       core::field<&O::tensorboard>("tensorboard", "write events for TensorBoard into the run's folder"),
       core::field<&O::log>("log", "of the logs of single steps")});
  return table;
}

}  // namespace margay::cli
