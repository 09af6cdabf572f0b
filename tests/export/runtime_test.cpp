#include "margay/export/runtime.h"

#include <fstream>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/types.h>
#include <unistd.h>

#include "margay/core/text.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::exporting {
namespace {

namespace fs = std::filesystem;

/// Runners made of a shell's commands, which say what was prepared for them.
class RunnerTest : public ::testing::Test {
 protected:
  /// A file that holds the messages.
  std::string file_of(const std::vector<TensorMessage>& messages) {
    const fs::path path = folder_ / fmt::format("messages{}", files_++);
    std::ofstream file(path, std::ios::binary);
    for (const TensorMessage& message : messages) {
      const auto bytes = encode(message);
      file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    }
    return core::shell_word(path.string());
  }

  static TensorMessage hello() {
    return {.notes = {{"margay_runner", "1"}, {"name", "parrot"}, {"version", "2.1"}}, .tensors = {}};
  }
  static TensorMessage answer(const std::string& seconds = "0.25") {
    return {.notes = {{"seconds", seconds}}, .tensors = {float_tensor("logits", {1, 2}, std::vector<float>{3, 4})}};
  }

  /// ": " takes the file's name, which is put behind the command.
  std::unique_ptr<Runtime> started(const std::string& script) {
    return start_runner({.name = "the runner", .command = script + "; :", .limit = limit_}, folder_ / "no.onnx");
  }
  std::string failure_of(const std::string& script) {
    return testing_support::thrown_message<RuntimeFailure>([&] {
      const auto runtime = started(script);
      runtime->run({float_tensor("images", {1}, std::vector<float>{1})});
    });
  }
  static void expect(const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  }

  /// Whether there is such a process, other than one that has ended and that nobody has asked about.
  static bool runs(pid_t process) {
    std::ifstream file(fmt::format("/proc/{}/stat", process));
    const std::string state{std::istreambuf_iterator<char>(file), {}};
    return !state.empty() && state.find(") Z") == std::string::npos;
  }

  testing_support::TemporaryFolder folder_;
  std::chrono::milliseconds limit_ = std::chrono::seconds(20);
  int files_ = 0;
};

using RunnerProcesses = RunnerTest;

TEST_F(RunnerProcesses, IntroduceThemselvesAndAnswer) {
  const auto runtime = started(fmt::format("cat {}; cat > /dev/null", file_of({hello(), answer(), answer("1e-3")})));
  EXPECT_EQ(runtime->name(), "parrot");
  EXPECT_EQ(runtime->version(), "2.1");
  RuntimeOutputs outputs = runtime->run({});
  EXPECT_EQ(outputs.seconds, 0.25);
  EXPECT_EQ(outputs.at("logits").floats(), (std::vector<float>{3, 4}));
  EXPECT_EQ(runtime->run({float_tensor("images", {1}, std::vector<float>{1})}).seconds, 1e-3);
  expect(testing_support::thrown_message<RuntimeFailure>([&] { outputs.at("p_known"); }),
         "parrot gives no output 'p_known'; its outputs are logits");
}

TEST_F(RunnerProcesses, GetTheFileAndTheInputs) {
  const fs::path got = folder_ / "got";
  const auto runtime =
      start_runner({.name = "",
                    .command = fmt::format("f() {{ cat {}; printf %s \"$1\" > {}; head -c 16 > /dev/null; "
                                           "cat {}; cat > /dev/null; }}; f",
                                           file_of({hello()}), core::shell_word(got.string()), file_of({answer()})),
                    .limit = limit_},
                   folder_ / "a 'model'.onnx");
  runtime->run({float_tensor("images", {1}, std::vector<float>{1})});
  std::ifstream file(got);
  const std::string name{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(name, (folder_ / "a 'model'.onnx").string());
}

TEST_F(RunnerProcesses, ThatAreNotThereAreNamed) {
  const std::string failure = failure_of("no-such-program-anywhere --fast; exit $?");
  expect(failure, "the runner broke down");
  expect(failure, "no-such-program-anywhere");
}

TEST_F(RunnerProcesses, ThatCrashAreNamedWithTheirLastWords) {
  const std::string failure =
      failure_of(fmt::format("cat {}; echo out of cheese >&2; kill -SEGV $$", file_of({hello()})));
  expect(failure, "parrot broke down (Segmentation fault)");
  expect(failure, "its last words: out of cheese");
  expect(failure_of("echo oh >&2; exit 3"), "status 3");
}

TEST_F(RunnerProcesses, ThatHangAreEnded) {
  limit_ = std::chrono::milliseconds(300);
  expect(failure_of("sleep 1000"), "has not answered for 0.3 s");
  limit_ = std::chrono::seconds(2);  // in which it introduces itself, however busy the machine is
  expect(failure_of(fmt::format("cat {}; sleep 1000", file_of({hello()}))), "parrot has not answered for 2 s");
}

TEST_F(RunnerProcesses, ThatCloseAPipeAndGoOnAreEnded) {
  expect(failure_of("exec >&-; sleep 1000"), "it closed its end of the pipe and goes on");
  expect(failure_of(fmt::format("cat {}; exec <&- >&-; sleep 1000", file_of({hello()}))), "it closed its end");
}

TEST_F(RunnerProcesses, AreNotWaitedForWhenTheCallerStops) {
  const fs::path alive = folder_ / "alive";
  const Runner runner{.name = "",
                      .command = fmt::format("sleep 1000 & echo $! > {}; wait; :", core::shell_word(alive.string())),
                      .limit = limit_,
                      .on_wait = [&] {
                        if (fs::exists(alive) && fs::file_size(alive) > 1) throw core::Interrupted("stopped");
                      }};
  EXPECT_THROW(start_runner(runner, folder_ / "no.onnx"), core::Interrupted);
  pid_t child = 0;
  std::ifstream(alive) >> child;
  ASSERT_GT(child, 0);
  for (int wait = 0; wait < 500 && runs(child); ++wait) usleep(10'000);
  EXPECT_FALSE(runs(child)) << "what the runner started goes on";
}

TEST_F(RunnerProcesses, ThatPrintRubbishAreQuoted) {
  expect(failure_of("echo Loading the model, please wait"), "it begins with 'Loading");
  expect(failure_of("printf 'ab'"), "it wrote 'ab'");
  expect(failure_of(fmt::format("cat {}", file_of({answer()}))), "must introduce itself");
  expect(failure_of(fmt::format("cat {}; cat > /dev/null", file_of({hello(), answer("soon")}))), "'soon'");
  expect(failure_of(fmt::format("cat {}; cat > /dev/null", file_of({hello(), answer("-1")}))), "'-1'");
}

TEST_F(RunnerProcesses, MaySayWhyTheyCannot) {
  const TensorMessage error{.notes = {{"error", "opset 18\nis too new"}}, .tensors = {}};
  expect(failure_of(fmt::format("cat {}; cat > /dev/null", file_of({error}))), "the runner says: opset 18 is too new");
  expect(failure_of(fmt::format("cat {}; cat > /dev/null", file_of({hello(), error}))), "parrot says: opset 18");
}

TEST_F(RunnerProcesses, StayEndedOnceTheyHaveFailed) {
  const auto runtime = started(fmt::format("cat {}; exit 1", file_of({hello()})));
  EXPECT_THROW(runtime->run({}), RuntimeFailure);
  expect(testing_support::thrown_message<RuntimeFailure>([&] { runtime->run({}); }), "parrot has ended before");
}

TEST_F(RunnerProcesses, MayWriteAnyAmountOfComplaints) {
  const std::string failure = failure_of(
      fmt::format("head -c 3000000 /dev/zero | tr '\\0' x >&2; cat {}; echo the end >&2; exit 4", file_of({hello()})));
  expect(failure, "the end");
  EXPECT_LT(failure.size(), 3000U);
}

}  // namespace
}  // namespace margay::exporting
