#include "margay/train/batch_size/batch_search.h"

#include <algorithm>
#include <new>
#include <string_view>

#include <c10/util/Exception.h>
#include <fmt/format.h>

#include "margay/core/error.h"

namespace margay::train {
namespace {

constexpr std::int64_t kUnit = 8;  // vector units and tensor cores like multiples of it
constexpr double kMega = 1e6;

bool says_out_of_memory(const c10::Error& error) {
  const std::string_view text = error.what_without_backtrace();
  const auto contains = [&](std::string_view part) { return text.find(part) != std::string_view::npos; };
  return contains("out of memory") || contains("ALLOC_FAILED") || contains("can't allocate memory") ||
         contains("not enough memory");
}

/// Asks the probe, and remembers how it ran out of memory.
class BatchTrial {
 public:
  BatchTrial(const BatchProbe& probe, const AutoBatchOptions& options) : probe_(probe), options_(options) {}

  bool fits(std::int64_t batch_size) {
    try {
      needed_ = static_cast<double>(probe_(batch_size));
      return !options_.memory_limit_mb || needed_ <= options_.safety * kMega * double(*options_.memory_limit_mb);
    } catch (const c10::OutOfMemoryError&) {
      has_run_out_ = true;
    } catch (const std::bad_alloc&) {
      has_run_out_ = true;
    } catch (const c10::Error& error) {
      if (!says_out_of_memory(error)) throw;
      has_run_out_ = true;
    }
    return false;
  }

  /// Memory that has run out once is used in part.
  std::int64_t safe(std::int64_t batch_size) const {
    if (!has_run_out_) return batch_size;
    const auto share = static_cast<std::int64_t>(options_.safety * static_cast<double>(batch_size));
    return std::max(share / kUnit * kUnit, std::min(batch_size, kUnit));
  }

  [[noreturn]] void give_up() const {
    if (has_run_out_) throw core::Error("not even two images fit into memory; use smaller images or another network");
    throw core::Error(
        fmt::format("two images need {:.0f} MB, and {:.0f} MB may be used; use smaller images or another "
                    "network",
                    needed_ / kMega, options_.safety * double(*options_.memory_limit_mb)));
  }

 private:
  const BatchProbe& probe_;
  const AutoBatchOptions& options_;
  bool has_run_out_ = false;
  double needed_ = 0;
};

}  // namespace

std::int64_t find_batch_size(const BatchProbe& probe, const AutoBatchOptions& options) {
  core::validate(options);
  BatchTrial trial(probe, options);
  if (!trial.fits(kUnit)) {
    for (const std::int64_t few : {4, 2}) {
      if (trial.fits(few)) return few;
    }
    trial.give_up();
  }
  std::int64_t fits = kUnit;
  std::int64_t fails = (options.largest / kUnit + 1) * kUnit;  // or is not allowed
  for (std::int64_t size = 2 * fits; size < fails; size *= 2) (trial.fits(size) ? fits : fails) = size;
  while (fails - fits > kUnit) {
    const std::int64_t middle = (fits + fails) / 2 / kUnit * kUnit;
    (trial.fits(middle) ? fits : fails) = middle;
  }
  return trial.safe(fits);
}

const core::OptionTable& AutoBatchOptions::fields() {
  static const core::OptionTable table(
      "auto_batch",
      {core::field<&AutoBatchOptions::memory_limit_mb>(
           "memory_limit_mb", "what training may take, megabytes; what is free unless given", {1, 1e9}),
       core::field<&AutoBatchOptions::largest>("largest", "no batch is larger", {8, 65536}),
       core::field<&AutoBatchOptions::safety>("safety", "the share of the memory that is used", {0.1, 1})});
  return table;
}

}  // namespace margay::train
