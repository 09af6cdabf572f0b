#include "apps/cli/speed_or_warn.h"

#include <stdexcept>

#include <c10/util/Exception.h>
#include <fmt/format.h>

#include "apps/cli/warn.h"

namespace margay::cli {

std::optional<train::NetworkSpeed> speed_or_warn(const std::string& name, const train::NetworkSpeedOptions& options,
                                                 ProgressLine& line) {
  std::string problem;
  try {
    return train::measure_network_speed(name, options);
  } catch (const c10::Error& error) {
    problem = error.what_without_backtrace();
  } catch (const std::invalid_argument& error) {
    problem = error.what();
  }
  line.clear();
  warn(fmt::format("{} is left out: {}", name, problem));
  return std::nullopt;
}

}  // namespace margay::cli
