#include "apps/cli/listener_options.h"

#include <functional>

#include <gtest/gtest.h>

#include "tests/support/command_line.h"
#include "tests/support/thrown_message.h"

namespace margay::cli {
namespace {

std::string message_for(const std::function<void(ListenerOptions&)>& change) {
  ListenerOptions options;
  change(options);
  return testing_support::thrown_message<std::invalid_argument>([&] { check_listeners(options); });
}

TEST(ListenerOptions, NeedNothingByDefault) {
  EXPECT_NO_THROW(check_listeners({}));
  EXPECT_FALSE(is_monitored({}));
}

TEST(ListenerOptions, RefuseEachSettingWithoutItsSwitch) {
  using O = ListenerOptions;
  EXPECT_EQ(message_for([](O& o) { o.weight_average.ema_decay = 0.9; }), "[train] --ema-decay needs --ema");
  EXPECT_EQ(message_for([](O& o) { o.weight_average.ema_warmup = false; }), "[train] --no-ema-warmup needs --ema");
  EXPECT_EQ(message_for([](O& o) { o.swa_options.swa_batches = 9; }), "[train] --swa-batches needs --swa");
  EXPECT_EQ(message_for([](O& o) { o.keep_best_options.restore_best = true; }),
            "[train] --restore-best needs --keep-best");
  EXPECT_EQ(message_for([](O& o) { o.early_stopping.stop_patience = 9; }),
            "[train] --stop-patience needs --early-stop");
  EXPECT_EQ(message_for([](O& o) { o.plateau.plateau_factor = 0.5; }),
            "[train] --plateau-factor needs --reduce-on-plateau");
  EXPECT_EQ(message_for([](O& o) { o.monitor.monitor = "error_rate"; }),
            "[train] --monitor needs --keep-best, --early-stop or --reduce-on-plateau");
}

TEST(ListenerOptions, TakeSettingsWithTheirSwitch) {
  ListenerOptions options;
  options.ema = options.keep_best = options.early_stop = options.reduce_on_plateau = true;
  options.weight_average.ema_decay = 0.9;
  options.early_stopping.stop_patience = 9;
  options.plateau.plateau_factor = 0.5;
  options.monitor.min_delta = 0.1;
  EXPECT_NO_THROW(check_listeners(options));
  options.ema = false;  // and not because nobody looks
  EXPECT_THROW(check_listeners(options), std::invalid_argument);
}

TEST(ListenerOptions, KnowOneAverageOnly) {
  EXPECT_EQ(message_for([](ListenerOptions& o) { o.ema = o.swa = true; }),
            "[train] --ema and --swa are two averages; choose one");
}

TEST(ListenerOptions, AreCheckedBeforePicturesAreLookedFor) {
  const auto result = testing_support::run_command({"train", "/no/such/folder", "--swa-start", "0.5"});
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.errors, "margay: [train] --swa-start needs --swa\n");
}

}  // namespace
}  // namespace margay::cli
