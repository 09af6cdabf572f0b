#include "apps/cli/listener_options.h"

namespace margay::cli {
bool is_monitored(const ListenerOptions& options) {
  return options.keep_best || options.early_stop || options.reduce_on_plateau;
}

const core::OptionTable& ListenerOptions::fields() {
  static const core::OptionTable table(
      "listeners",
      {core::field<&ListenerOptions::clip_norm>("clip_norm", "scale gradients down to this norm over all of them",
                                                {1e-12, 1e12}),
       core::field<&ListenerOptions::clip_value>("clip_value", "bring every gradient's elements into ± this",
                                                 {1e-12, 1e12}),
       core::field<&ListenerOptions::ema>("ema", "validate and save an exponential moving average of the weights",
                                          {core::excludes({"swa"}, "which average is taken")}),
       core::field<&ListenerOptions::weight_average>("weight_average", "of --ema", {core::needs({"ema"})}),
       core::field<&ListenerOptions::swa>("swa", "save the equal average of the last epochs' weights (SWA)"),
       core::field<&ListenerOptions::swa_options>("swa_options", "of --swa", {core::needs({"swa"})}),
       core::field<&ListenerOptions::monitor>("monitor", "of --keep-best, --early-stop, --reduce-on-plateau",
                                              {core::needs({"keep_best", "early_stop", "reduce_on_plateau"})}),
       core::field<&ListenerOptions::keep_best>("keep_best", "write the model of the best epoch as best.margay"),
       core::field<&ListenerOptions::keep_best_options>(
           "keep_best_options", "of --keep-best",
           {core::needs({"keep_best"}),
            core::of_inner("restore_best", core::excludes({"swa"}, "which weights are saved"))}),
       core::field<&ListenerOptions::early_stop>(
           "early_stop",
           "end a stage that no longer improves; it spoils one-cycle schedules, whose rate must come down"),
       core::field<&ListenerOptions::early_stopping>("early_stopping", "of --early-stop",
                                                     {core::needs({"early_stop"})}),
       core::field<&ListenerOptions::reduce_on_plateau>("reduce_on_plateau",
                                                        "lower the rates when results no longer improve"),
       core::field<&ListenerOptions::plateau>("plateau", "of --reduce-on-plateau",
                                              {core::needs({"reduce_on_plateau"})}),
       core::field<&ListenerOptions::tensorboard>("tensorboard", "write events for TensorBoard into the run's folder"),
       core::field<&ListenerOptions::log>("log", "of the logs of single steps")});
  return table;
}

}  // namespace margay::cli
