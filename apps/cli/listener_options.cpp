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
void need_option(bool is_on, const char* flag, const T& options) {
  if (is_on) return;
  const std::string changed = first_changed(options);
  if (!changed.empty()) throw std::invalid_argument(fmt::format("[train] {} needs {}", changed, flag));
}

}  // namespace

bool is_monitored(const ListenerOptions& options) {
  return options.keep_best || options.early_stop || options.reduce_on_plateau;
}

void check_listeners(const ListenerOptions& options) {
  need_option(options.ema, "--ema", options.weight_average);
  need_option(options.swa, "--swa", options.swa_options);
  need_option(options.keep_best, "--keep-best", options.keep_best_options);
  need_option(options.early_stop, "--early-stop", options.early_stopping);
  need_option(options.reduce_on_plateau, "--reduce-on-plateau", options.plateau);
  need_option(is_monitored(options), "--keep-best, --early-stop or --reduce-on-plateau", options.monitor);
  if (options.swa && options.keep_best_options.restore_best) {
    throw std::invalid_argument("[train] --swa and --restore-best both say which weights are saved; choose one");
  }
  if (options.ema && options.swa) throw std::invalid_argument("[train] --ema and --swa are two averages; choose one");
}

}  // namespace margay::cli
