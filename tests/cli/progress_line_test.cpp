#include "apps/cli/progress_line.h"

#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "apps/cli/epoch_table.h"
#include "margay/core/text.h"

namespace margay::cli {
namespace {

std::string shown(ProgressStyle style, std::chrono::milliseconds plain_every, const std::string& details) {
  testing::internal::CaptureStderr();
  {
    ProgressLine line(style, plain_every);
    line.begin("epoch 12/30");
    line.show(0, 2200, details, 3723);
  }
  return testing::internal::GetCapturedStderr();
}

TEST(ProgressLine, LeavesShortWorkOutOfALog) {
  EXPECT_EQ(shown(ProgressStyle::kPlain, ProgressLine::kPlainEvery, "57.3 images/s"), "");
}

TEST(ProgressLine, IsAPlainLineOfALogWhenWorkIsLong) {
  EXPECT_EQ(shown(ProgressStyle::kPlain, std::chrono::milliseconds(0), "57.3 images/s"),
            "epoch 12/30 0/2200  57.3 images/s  00:00 left, stage 1:02:03\n");
}

TEST(ProgressLine, FitsIntoHundredAndTenColumnsAndIsWiped) {
  train::Progress at;
  at.images_per_s = 1234.5;
  at.smooth_loss = 1.2345;
  at.lrs = {1e-5, 0.0021};
  at.wait_share = 0.123;
  EXPECT_EQ(training_text(at), "1234 images/s  loss 1.2345  lr 0.0021  wait 12 %");
  const std::string drawn = shown(ProgressStyle::kBar, ProgressLine::kPlainEvery, training_text(at));
  const std::string wipe = "\r\x1b[K";
  EXPECT_EQ(drawn.substr(0, wipe.size()), wipe);
  EXPECT_EQ(drawn.substr(drawn.size() - wipe.size()), wipe);
  EXPECT_NE(drawn.find("00:00 left, stage 1:02:03"), std::string::npos) << drawn;
  EXPECT_LE(drawn.size() - 2 * wipe.size(), 110U);
}

/// A terminal without a screen (POSIX, posix_openpt), and TERM as it is set here while it lives.
class Terminal {
 public:
  explicit Terminal(const char* kind) {
    if (const char* old = std::getenv("TERM")) old_ = old;
    kind == nullptr ? unsetenv("TERM") : setenv("TERM", kind, 1);
    if (control_ < 0 || grantpt(control_) != 0 || unlockpt(control_) != 0) throw std::runtime_error("no terminal");
    end_ = open(ptsname(control_), O_RDWR | O_NOCTTY);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal() {
    close(end_);
    close(control_);
    old_ ? setenv("TERM", old_->c_str(), 1) : unsetenv("TERM");
  }
  int end() const { return end_; }

 private:
  std::optional<std::string> old_;
  int control_ = posix_openpt(O_RDWR | O_NOCTTY);
  int end_ = -1;
};

TEST(ShowsColours, OnATerminalOfAKnownKindOnly) {
  EXPECT_TRUE(shows_colours(Terminal("xterm").end()));
  EXPECT_FALSE(shows_colours(Terminal("dumb").end()));
  EXPECT_FALSE(shows_colours(Terminal("").end()));
  EXPECT_FALSE(shows_colours(Terminal(nullptr).end()));
  const Terminal terminal("xterm");
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_FALSE(shows_colours(ends[1])) << "a pipe";
  close(ends[0]);
  close(ends[1]);
}

TEST(ShowsColours, NotToAPersonWhoWantsNone) {
  const Terminal terminal("xterm");
  setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(shows_colours(terminal.end()));
  EXPECT_TRUE(can_rewrite_lines(terminal.end())) << "that is no colour";
  setenv("NO_COLOR", "", 1);
  EXPECT_TRUE(shows_colours(terminal.end())) << "empty is not set (no-color.org)";
  unsetenv("NO_COLOR");
}

/// The style at a terminal of so many columns.
ProgressStyle style_at(unsigned short columns) {
  const Terminal terminal("xterm");
  const winsize size{.ws_row = 10, .ws_col = columns};
  EXPECT_EQ(ioctl(terminal.end(), TIOCSWINSZ, &size), 0);
  const int stderr_before = dup(STDERR_FILENO);
  EXPECT_EQ(dup2(terminal.end(), STDERR_FILENO), STDERR_FILENO);
  const ProgressStyle style = progress_style();
  dup2(stderr_before, STDERR_FILENO);
  close(stderr_before);
  return style;
}

TEST(ProgressLine, IsNoBarWhereATerminalHasNoRoomForOne) {
  EXPECT_EQ(style_at(80), ProgressStyle::kBar);
  EXPECT_EQ(style_at(0), ProgressStyle::kBar) << "it does not say";
  EXPECT_EQ(style_at(1), ProgressStyle::kPlain);
}

TEST(ProgressLine, IsCutBetweenLettersAtTheEdgeOfTheTerminal) {
  const Terminal terminal("xterm");
  const winsize size{.ws_row = 10, .ws_col = 20};
  ASSERT_EQ(ioctl(terminal.end(), TIOCSWINSZ, &size), 0);
  const int stderr_before = dup(STDERR_FILENO);
  ASSERT_EQ(dup2(terminal.end(), STDERR_FILENO), STDERR_FILENO);
  const std::string cut = fitted_to_stderr("猫猫猫猫猫猫猫猫猫猫猫猫猫猫猫");
  dup2(stderr_before, STDERR_FILENO);
  close(stderr_before);
  EXPECT_EQ(cut, "猫猫猫猫猫猫猫猫猫…");
}

/// A stage of 2 epochs of 10 batches of a second, then 4 validation batches of half a second.
class TimeLeft : public testing::Test {
 protected:
  void train(std::int64_t epoch, std::int64_t steps) {
    for (std::int64_t step = 0; step < steps; ++step) {
      now_s_ += 1;
      left_.after_batch({.epoch = epoch,
                         .epochs = 2,
                         .step = step,
                         .steps = 10,
                         .is_training = true,
                         .fraction = static_cast<double>(epoch * 10 + step) / 20},
                        4, now_s_);
    }
  }
  void validate(std::int64_t epoch, std::int64_t steps) {
    for (std::int64_t step = 0; step < steps; ++step) {
      now_s_ += 0.5;
      left_.after_batch(
          {.epoch = epoch, .epochs = 2, .step = step, .steps = 4, .fraction = static_cast<double>(epoch * 10 + 9) / 20},
          4, now_s_);
    }
  }

  StageTimeLeft left_;
  double now_s_ = 100;
};

TEST_F(TimeLeft, IsUnknownBeforeThereIsAPace) {
  train(0, 1);
  EXPECT_FALSE(left_.seconds());
}

TEST_F(TimeLeft, CountsTheValidationsOfAllEpochsToCome) {
  train(0, 5);
  EXPECT_NEAR(left_.seconds().value(), 16 + 2 * 4 / 2.5, 1e-9);  // a guess: 2.5 times as fast as training
  validate(0, 2);
  EXPECT_NEAR(left_.seconds().value(), 16 + 1 + 2, 1e-9);
}

TEST_F(TimeLeft, TakesValidationsAsLongAsTheLast) {
  train(0, 10);
  validate(0, 4);
  train(1, 5);
  EXPECT_NEAR(left_.seconds().value(), 6 + 2, 1e-9);
  train(1, 10);
  validate(1, 4);
  EXPECT_LE(left_.seconds().value(), 2);
}

}  // namespace
}  // namespace margay::cli
