#include "margay/train/schedule/schedule_options.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/core/text.h"
#include "margay/train/schedule/learning_rate.h"

namespace margay::train {
namespace {

constexpr double kDivFinal = 1e5;
constexpr double kExponentialDivFinal = 100;  // at 1e5 most of the stage would train nothing
constexpr double kPower = 2;

void check_applies(const ScheduleOptions& options) {
  const std::vector<std::string> known = options_of(options.kind);
  for (const core::Field& field : ScheduleOptions::fields()) {
    const bool is_absent =
        field.type->kind != core::FieldType::Kind::kOptional || field.type->size(field.of(&options)) == 0;
    if (is_absent || std::find(known.begin(), known.end(), field.name) != known.end()) continue;
    throw std::invalid_argument(fmt::format("[schedule] {} does not apply to {}, which has {}", field.name,
                                            core::to_text(options.kind), core::joined(known, ", ")));
  }
  const bool has_own_div = options.kind == ScheduleKind::kOneCycle;
  if (options.warm_up || (!options.ramp && (!options.div || has_own_div))) return;
  throw std::invalid_argument(fmt::format("[schedule] {} belongs to a warm-up and needs warm_up, the share it takes",
                                          options.ramp ? "ramp" : "div"));
}

void check_moms(const Momentums& moms) {
  for (const double momentum : moms) {
    if (momentum >= 0 && momentum < 1) continue;
    throw std::invalid_argument(fmt::format("[schedule] moms must lie in [0, 1), got {}", momentum));
  }
}

/// With as many cycles as fill the epochs.
SgdrShape sgdr_shape(const ScheduleOptions& options, std::int64_t epochs) {
  SgdrShape shape{.cycles = 1, .momentum = options.momentum.value_or(kMomentum)};
  shape.cycle_len = options.cycle_len.value_or(shape.cycle_len);
  shape.cycle_mult = options.cycle_mult.value_or(shape.cycle_mult);
  std::int64_t before = 0;  // epochs of all cycles but the last
  std::int64_t length = shape.cycle_len;
  for (; before + length < epochs; ++shape.cycles) {
    before += length;
    length *= shape.cycle_mult;
  }
  if (before + length == epochs) return shape;
  throw std::invalid_argument(fmt::format("[schedule] {} epochs end within a cycle of sgdr; {}{} would end with one",
                                          epochs, before > 0 ? fmt::format("{} or ", before) : "", before + length));
}

OneCycleShape one_cycle_shape(const ScheduleOptions& options) {
  const OneCycleShape usual;
  return {.pct_start = options.pct_start.value_or(usual.pct_start),
          .div = options.div.value_or(usual.div),
          .div_final = options.div_final.value_or(usual.div_final),
          .moms = options.moms.value_or(usual.moms)};
}

/// From 1 to 1 / div_final, along the curve of the kind.
Schedule decay_of(const ScheduleOptions& options) {
  const double last = 1 / options.div_final.value_or(kDivFinal);
  switch (options.kind) {
    case ScheduleKind::kLinear:
      return sched_lin(1, last);
    case ScheduleKind::kCosine:
      return sched_cos(1, last);
    case ScheduleKind::kExponential:
      return sched_exp(1, 1 / options.div_final.value_or(kExponentialDivFinal));
    default:
      // Backwards, because it is the distance to the end that has the power.
      return [rise = sched_poly(last, 1, options.power.value_or(kPower))](double p) { return rise(1 - p); };
  }
}

/// The schedule without its warm-up.
HyperSchedule main_schedule(const ScheduleOptions& options, std::vector<double> peak_lrs, std::int64_t epochs) {
  const double momentum = options.momentum.value_or(kMomentum);
  switch (options.kind) {
    case ScheduleKind::kOneCycle:
      return one_cycle(std::move(peak_lrs), one_cycle_shape(options));
    case ScheduleKind::kFlat:
      return constant(std::move(peak_lrs), momentum);
    case ScheduleKind::kFlatCos:
      return flat_cos(std::move(peak_lrs), {.pct_start = options.pct_start.value_or(FlatCosShape{}.pct_start),
                                            .div_final = options.div_final.value_or(kDivFinal),
                                            .momentum = momentum});
    case ScheduleKind::kSgdr:
      return sgdr(std::move(peak_lrs), sgdr_shape(options, epochs));
    default:
      return shaped(std::move(peak_lrs), decay_of(options), sched_no(momentum));
  }
}

}  // namespace

std::vector<std::string> options_of(ScheduleKind kind) {
  std::vector<std::string> own;
  switch (kind) {
    case ScheduleKind::kOneCycle:
      return {"pct_start", "div", "div_final", "moms"};
    case ScheduleKind::kSgdr:
      return {"cycle_len", "cycle_mult", "momentum"};
    case ScheduleKind::kFlat:
      break;
    case ScheduleKind::kFlatCos:
      own = {"pct_start", "div_final"};
      break;
    case ScheduleKind::kPolynomial:
      own = {"div_final", "power"};
      break;
    case ScheduleKind::kLinear:
    case ScheduleKind::kCosine:
    case ScheduleKind::kExponential:
      own = {"div_final"};
      break;
  }
  own.insert(own.end(), {"warm_up", "div", "ramp", "momentum"});
  return own;
}

void check_schedule(const ScheduleOptions& options, std::int64_t epochs) {
  core::validate(options);
  check_applies(options);
  if (options.moms) check_moms(*options.moms);
  if (options.kind == ScheduleKind::kSgdr) sgdr_shape(options, epochs);
}

HyperSchedule hyper_schedule(const ScheduleOptions& options, std::vector<double> peak_lrs, std::int64_t epochs) {
  check_schedule(options, epochs);
  HyperSchedule schedule = main_schedule(options, std::move(peak_lrs), epochs);
  if (!options.warm_up) return schedule;
  return warm_up(std::move(schedule), {.share = *options.warm_up,
                                       .div = options.div.value_or(WarmUpShape{}.div),
                                       .ramp = options.ramp.value_or(WarmUpShape{}.ramp)});
}

const core::OptionTable& ScheduleOptions::fields() {
  static const core::OptionTable table(
      "schedule",
      {core::field<&ScheduleOptions::kind>(
           "kind", "one_cycle, flat, flat_cos, sgdr, linear, cosine, exponential or polynomial"),
       core::field<&ScheduleOptions::pct_start>(
           "pct_start", "one_cycle: share of the stage spent climbing; flat_cos: share at the peak", {0.001, 0.999}),
       core::field<&ScheduleOptions::div>("div", "the first rate is the peak / this", {1, 1e9}),
       core::field<&ScheduleOptions::div_final>("div_final", "the last rate is the peak / this", {1, 1e12}),
       core::field<&ScheduleOptions::power>("power", "polynomial: exponent", {0.01, 100}),
       core::field<&ScheduleOptions::cycle_len>("cycle_len", "sgdr: epochs of the first cycle", {1, 1e6}),
       core::field<&ScheduleOptions::cycle_mult>(
           "cycle_mult", "sgdr: each further cycle is so many times as long as the one before", {1, 1e6}),
       core::field<&ScheduleOptions::warm_up>("warm_up", "share of the stage spent climbing to the peak",
                                              {0.001, 0.999}),
       core::field<&ScheduleOptions::ramp>("ramp", "linear or cosine: how a warm-up climbs"),
       core::field<&ScheduleOptions::moms>("moms", "one_cycle: momentum at the start, the peak and the end"),
       core::field<&ScheduleOptions::momentum>("momentum", "momentum all the time", {0, 0.9999})});
  return table;
}

namespace {

[[noreturn]] void refuse_schedule(const std::string& value, const char* expected) {
  throw std::invalid_argument(fmt::format("expected {}, got '{}'", expected, value));
}

double read_number(const std::string& text) {
  const auto numbers = read_numbers(text);
  if (!numbers || numbers->size() != 1) refuse_schedule(text, "a number");
  return numbers->front();
}

std::int64_t read_integer(const std::string& text) {
  const double number = read_number(text);
  if (number != std::floor(number) || std::abs(number) > 1e9) refuse_schedule(text, "a whole number");
  return static_cast<std::int64_t>(number);
}

Momentums read_momentums(const std::string& text) {
  Momentums momentums;
  const auto numbers = read_numbers(text);
  if (!numbers || numbers->size() != momentums.size()) refuse_schedule(text, "three numbers, as .95,.85,.95");
  std::copy(numbers->begin(), numbers->end(), momentums.begin());
  return momentums;
}

void read_value(const std::string& text, const core::FieldType& type, void* value) {
  switch (type.kind) {
    case core::FieldType::Kind::kName:
      return type.set_name(value, text);
    case core::FieldType::Kind::kInteger:
      type.set_integer(value, read_integer(text));
      return;
    case core::FieldType::Kind::kList:
      *static_cast<Momentums*>(value) = read_momentums(text);
      return;
    default:
      *static_cast<double*>(value) = read_number(text);
  }
}

std::string value_text(const core::FieldType& type, const void* value) {
  switch (type.kind) {
    case core::FieldType::Kind::kName:
      return type.name(value);
    case core::FieldType::Kind::kInteger:
      return fmt::format("{}", type.integer(value));
    case core::FieldType::Kind::kList:
      return core::joined(*static_cast<const Momentums*>(value), ",");
    default:
      return fmt::format("{}", *static_cast<const double*>(value));
  }
}

/// An option of the schedule, all of which but the kind may be absent.
bool is_option(const core::Field& field) { return field.type->kind == core::FieldType::Kind::kOptional; }

}  // namespace

void set_option(ScheduleOptions& options, const std::string& name, const std::string& value) {
  for (const core::Field& field : ScheduleOptions::fields()) {
    if (!is_option(field) || name != field.name) continue;
    if (field.type->size(field.of(&options)) > 0) throw std::invalid_argument(fmt::format("{} is given twice", name));
    try {
      return read_value(value, *field.type->element, field.type->append(field.of(&options)));
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument(fmt::format("{}: {}", name, error.what()));
    }
  }
  const std::vector<std::string> known = options_of(options.kind);
  throw std::invalid_argument(fmt::format("{} has no option '{}' but {}{}", core::to_text(options.kind), name,
                                          core::joined(known, ", "), core::did_you_mean(name, known)));
}

std::string schedule_text(const ScheduleOptions& options) {
  std::vector<std::string> words;
  if (options.kind != ScheduleOptions{}.kind) words.push_back(core::to_text(options.kind));
  for (const core::Field& field : ScheduleOptions::fields()) {
    const void* option = field.of(&options);
    if (!is_option(field) || field.type->size(option) == 0) continue;
    words.push_back(fmt::format("{}={}", field.name, value_text(*field.type->element, field.type->at(option, 0))));
  }
  return core::joined(words, " ");
}

}  // namespace margay::train
