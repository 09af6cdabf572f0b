#pragma once

#include <cstdint>
#include <tuple>

#include "margay/core/options.h"

namespace margay::train {

struct FineTuneOptions {
  double base_lr = 2e-3;
  std::int64_t freeze_epochs = 1;
  double lr_mult = 100;
  double pct_start = 0.3;
  double div = 5;

  static constexpr const char* kName = "fine_tune";
  static constexpr auto fields() {
    return std::tuple{
        core::field("base_lr", &FineTuneOptions::base_lr,
                    "peak rate of the head while the body is frozen; half of it "
                    "afterwards",
                    {1e-9, 10}),
        core::field("freeze_epochs", &FineTuneOptions::freeze_epochs, "epochs with the body frozen", {0, 1e5}),
        core::field("lr_mult", &FineTuneOptions::lr_mult, "the first group's rate is the head's / this", {1, 1e6}),
        core::field("pct_start", &FineTuneOptions::pct_start, "share of the unfrozen epochs spent warming up",
                    {0.001, 0.999}),
        core::field("div", &FineTuneOptions::div, "the first rate is the peak / this", {1, 1e6})};
  }
};

}  // namespace margay::train
