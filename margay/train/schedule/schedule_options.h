#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "margay/core/options.h"
#include "margay/train/schedule/schedule.h"

namespace margay::train {

enum class ScheduleKind { kOneCycle, kFlat, kFlatCos, kSgdr, kLinear, kCosine, kExponential, kPolynomial };

constexpr auto names(ScheduleKind /*tag*/) {
  return std::array{
      std::pair{ScheduleKind::kOneCycle, "one_cycle"},      std::pair{ScheduleKind::kFlat, "flat"},
      std::pair{ScheduleKind::kFlatCos, "flat_cos"},        std::pair{ScheduleKind::kSgdr, "sgdr"},
      std::pair{ScheduleKind::kLinear, "linear"},           std::pair{ScheduleKind::kCosine, "cosine"},
      std::pair{ScheduleKind::kExponential, "exponential"}, std::pair{ScheduleKind::kPolynomial, "polynomial"}};
}

/// How rates and momentum change during a stage. Absent options have the kind's defaults. Options that do not apply to
/// the kind must be absent:
///   one_cycle   pct_start .25, div 25, div_final 1e5, moms .95,.85,.95    as one_cycle()
///   flat        warm-up, momentum                                         as constant()
///   flat_cos    pct_start .75, div_final 1e5, warm-up, momentum           as flat_cos()
///   sgdr        cycle_len 1, cycle_mult 2, momentum                       as sgdr(); as many cycles as fill the stage
///   linear      div_final 1e5, warm-up, momentum                          from the peak to the peak / div_final
///   cosine      div_final 1e5, warm-up, momentum                          the same along half a cosine
///   exponential div_final 100, warm-up, momentum                          the same in equal ratios
///   polynomial  div_final 1e5, power 2, warm-up, momentum                 the same along (1 - progress)^power, as
///                                                                         PyTorch's PolynomialLR
/// There is a warm-up if `warm_up` is given. Its defaults are div 25 and ramp linear; the rest of the stage follows the
/// kind.
struct ScheduleOptions {
  ScheduleKind kind = ScheduleKind::kOneCycle;
  std::optional<double> pct_start = {};
  std::optional<double> div = {};
  std::optional<double> div_final = {};
  std::optional<double> power = {};
  std::optional<std::int64_t> cycle_len = {};
  std::optional<std::int64_t> cycle_mult = {};
  std::optional<double> warm_up = {};
  std::optional<Ramp> ramp = {};
  std::optional<Momentums> moms = {};
  std::optional<double> momentum = {};

  bool operator==(const ScheduleOptions&) const = default;

  static const core::OptionTable& fields();
};

/// The options that apply to a kind, besides `kind`.
std::vector<std::string> options_of(ScheduleKind kind);

/// Throws std::invalid_argument for a number out of range, for an option that does not apply to the kind, and for an
/// sgdr whose cycles do not end with the stage; `epochs` are the stage's.
void check_schedule(const ScheduleOptions& options, std::int64_t epochs);

/// The schedule of a stage of `epochs` epochs. peak_lrs: one per parameter group. Throws as check_schedule does.
HyperSchedule hyper_schedule(const ScheduleOptions& options, std::vector<double> peak_lrs, std::int64_t epochs);

/// Sets one option from its name and the text of its value: a number, a name, or for `moms` three numbers separated by
/// commas. Throws std::invalid_argument, which names the option, for an invalid value, an unknown option, or one that
/// is already set.
void set_option(ScheduleOptions& options, const std::string& name, const std::string& value);

/// The text of a schedule, such as "flat_cos pct_start=0.5": the kind, unless it is one_cycle, and the options that are
/// set, as set_option reads them. May be empty.
std::string schedule_text(const ScheduleOptions& options);

}  // namespace margay::train
