#include "margay/run/listeners.h"

#include <functional>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/thrown_message.h"

namespace margay::run {
namespace {

std::string listeners_message(const std::function<void(ListenerOptions&)>& change) {
  ListenerOptions options;
  change(options);
  return testing_support::thrown_message<std::invalid_argument>([&] { core::check_rules(options); });
}

TEST(ListenerOptions, NeedNothingByDefault) {
  EXPECT_NO_THROW(core::check_rules(ListenerOptions{}));
  EXPECT_FALSE(is_monitored({}));
}

TEST(ListenerOptions, RefuseEachSettingWithoutItsSwitch) {
  using O = ListenerOptions;
  EXPECT_EQ(listeners_message([](O& o) { o.weight_average.ema_decay = 0.9; }),
            "[listeners] `ema_decay` needs `ema`; give both, or neither");
  EXPECT_EQ(listeners_message([](O& o) { o.weight_average.ema_warmup = false; }),
            "[listeners] `no_ema_warmup` needs `ema`; give both, or neither");
  EXPECT_EQ(listeners_message([](O& o) { o.swa_options.swa_batches = 9; }),
            "[listeners] `swa_batches` needs `swa`; give both, or neither");
  EXPECT_EQ(listeners_message([](O& o) { o.keep_best_options.restore_best = true; }),
            "[listeners] `restore_best` needs `keep_best`; give both, or neither");
  EXPECT_EQ(listeners_message([](O& o) { o.early_stopping.stop_patience = 9; }),
            "[listeners] `stop_patience` needs `early_stop`; give both, or neither");
  EXPECT_EQ(listeners_message([](O& o) { o.plateau.plateau_factor = 0.5; }),
            "[listeners] `plateau_factor` needs `reduce_on_plateau`; give both, or neither");
  EXPECT_EQ(
      listeners_message([](O& o) { o.monitor.monitor = "error_rate"; }),
      "[listeners] `monitor` needs `keep_best` or `early_stop` or `reduce_on_plateau`; give one, or leave it out");
}

TEST(ListenerOptions, TakeSettingsWithTheirSwitch) {
  ListenerOptions options;
  options.ema = options.keep_best = options.early_stop = options.reduce_on_plateau = true;
  options.weight_average.ema_decay = 0.9;
  options.early_stopping.stop_patience = 9;
  options.plateau.plateau_factor = 0.5;
  options.monitor.min_delta = 0.1;
  EXPECT_NO_THROW(core::check_rules(options));
  options.ema = false;  // and not because nobody looks
  EXPECT_THROW(core::check_rules(options), std::invalid_argument);
}

TEST(ListenerOptions, KnowOneAverageOnly) {
  EXPECT_EQ(listeners_message([](ListenerOptions& o) { o.ema = o.swa = true; }),
            "[listeners] `ema` and `swa` both set the average of the weights; give one");
}

TEST(ListenerOptions, OfTheBestModelAndAnAverageBothSayWhatIsSaved) {
  EXPECT_EQ(
      listeners_message([](ListenerOptions& o) { o.swa = o.keep_best = o.keep_best_options.restore_best = true; }),
      "[listeners] `restore_best` and `swa` both set the weights that are saved; give one");
}

}  // namespace
}  // namespace margay::run
