#include "apps/cli/output.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <string>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include "apps/cli/standard_streams.h"
#include "tests/support/command_line.h"
#include "tests/support/temporary_folder.h"

namespace margay::cli {
namespace {

using testing_support::CommandResult;
using testing_support::run_command;

/// A pipe, whose reader may end first.
class Pipe {
 public:
  Pipe() {
    std::signal(SIGPIPE, SIG_IGN);  // as the program does
    EXPECT_EQ(::pipe2(ends_.data(), O_CLOEXEC), 0);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close_reader();
    close_writer();
  }

  int reader() const { return ends_[0]; }
  int writer() const { return ends_[1]; }
  void close_reader() { close_end(0); }
  void close_writer() { close_end(1); }

  /// What has been written so far; "" where that is nothing.
  std::string read_now() const {
    ::fcntl(reader(), F_SETFL, O_NONBLOCK);
    std::string text(1 << 16, '\0');
    const ssize_t count = ::read(reader(), text.data(), text.size());
    return text.substr(0, static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  }

 private:
  void close_end(std::size_t which) {
    if (ends_[which] >= 0) ::close(ends_[which]);
    ends_[which] = -1;
  }

  std::array<int, 2> ends_ = {-1, -1};
};

TEST(Output, WritesEachLineAsSoonAsItEnds) {
  const Pipe pipe;
  Output output(pipe.writer());
  output.write("half a ");
  EXPECT_EQ(pipe.read_now(), "");
  output.write("line\nand the next");
  EXPECT_EQ(pipe.read_now(), "half a line\n");
  output.flush();
  EXPECT_EQ(pipe.read_now(), "and the next");
  EXPECT_FALSE(output.lost());
}

TEST(Output, GoesOnWhenItsReaderHasEnded) {
  Pipe pipe;
  Output output(pipe.writer());
  pipe.close_reader();
  EXPECT_NO_THROW(output.write("a line\n"));
  EXPECT_TRUE(output.is_reader_gone());
  output.write("another\n");
  EXPECT_EQ(output.lost(), EPIPE);
  output.reset();
  EXPECT_FALSE(output.lost());
}

TEST(Output, SaysThatADiskIsFullButTriesAgain) {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  Output output(full);
  EXPECT_NO_THROW(output.write("a line\n"));
  EXPECT_EQ(output.lost(), ENOSPC);
  EXPECT_FALSE(output.is_reader_gone());
  const Pipe pipe;  // room again
  ASSERT_EQ(::dup2(pipe.writer(), full), full);
  output.write("another\n");
  EXPECT_EQ(pipe.read_now(), "another\n");
  EXPECT_EQ(output.lost(), ENOSPC) << "the first line stays lost";
  ::close(full);
}

TEST(Output, TakesHalfALineBackThatAFullDiskHasLeft) {
  const testing_support::TemporaryFolder folder;
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const int file = ::open((folder / "out").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  const rlimit twenty_bytes{.rlim_cur = 20, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &twenty_bytes), 0);
  Output output(file);
  output.write("0.123456\n0.234567\n0.345678\n");
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(output.lost(), EFBIG);
  output.write("more\n");
  EXPECT_EQ(testing_support::file_content(folder / "out"), "0.123456\n0.234567\nmore\n");
  ::close(file);
}

TEST(Output, WaitsForAReaderThatIsSlow) {
  Pipe pipe;
  ::fcntl(pipe.writer(), F_SETFL, O_NONBLOCK);  // as other programs at the same pipe may have made it
  const std::string lines = std::string(99, 'x') + "\n";
  std::size_t read = 0;
  std::thread reader([&] {
    std::string text(1 << 12, '\0');
    for (ssize_t count = 1; count > 0; read += static_cast<std::size_t>(count)) {
      count = ::read(pipe.reader(), text.data(), text.size());
    }
  });
  Output output(pipe.writer());
  for (int i = 0; i < 3000; ++i) output.write(lines);
  pipe.close_writer();
  reader.join();
  EXPECT_FALSE(output.lost());
  EXPECT_EQ(read, 3000 * lines.size());
}

std::string printed(const std::function<void()>& print) {
  testing::internal::CaptureStdout();
  print();
  return testing::internal::GetCapturedStdout();
}

TEST(PrintText, LetsNoNameCommandTheTerminal) {
  EXPECT_EQ(printed([] { print_out("{}\t{}\n", "\x1b[2J\x7f", "Katze"); }), "\\x1B[2J\\x7F\tKatze\n");
}

TEST(PrintText, GivesProgramsTheNamesThatTheyAskFor) {
  EXPECT_EQ(printed([] { print_records("a\x1b.jpg,1\n"); }), "a\x1b.jpg,1\n");
  const std::string json = printed([] { print_json({{"path", "a\x1b\x7f\xC2\x9B.jpg"}}, -1); });
  EXPECT_EQ(json, "{\"path\":\"a\\u001b\\u007f\\u009b.jpg\"}\n");
  EXPECT_EQ(nlohmann::json::parse(json)["path"], "a\x1b\x7f\xC2\x9B.jpg");
}

/// The status and the errors of a command whose standard output goes to `descriptor`.
CommandResult command_into(int descriptor, const std::vector<std::string>& arguments) {
  std::vector<const char*> pointers = {"margay"};
  for (const std::string& argument : arguments) pointers.push_back(argument.c_str());
  testing::internal::CaptureStderr();
  const int before = ::dup(STDOUT_FILENO);
  ::dup2(descriptor, STDOUT_FILENO);
  const int status = run(static_cast<int>(pointers.size()), pointers.data());
  ::dup2(before, STDOUT_FILENO);
  ::close(before);
  return {status, "", testing::internal::GetCapturedStderr()};
}

TEST(Commands, ThatPrintStopInSilenceWhenTheirReaderHasEnded) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"models"}, {"models", "--json"}, {"--help"}, {"train", "--help"}}) {
    Pipe pipe;
    pipe.close_reader();
    const CommandResult result = command_into(pipe.writer(), arguments);
    EXPECT_EQ(result.status, 141) << arguments[0];
    EXPECT_EQ(result.errors, "") << arguments[0];
  }
}

TEST(Commands, ThatPrintFailWhenTheirOutputCannotBeWritten) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"models"}, {"models", "--json"}, {"--help"}, {"train", "--help"}}) {
    const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
    const CommandResult result = command_into(full, arguments);
    ::close(full);
    EXPECT_EQ(result.status, 1) << arguments[0];
    EXPECT_EQ(result.errors, "margay: standard output cannot be written (No space left on device)\n") << arguments[0];
  }
}

/// The message of a command that cannot write its file; it must come before the data are looked for, which are not
/// there.
void expect_told_first(const std::vector<std::string>& arguments) {
  const CommandResult result = run_command(arguments);
  EXPECT_EQ(result.status, 1) << arguments[0] << ": " << result.errors;
  EXPECT_EQ(result.output, "") << arguments[0];
  testing_support::expect_part(result.errors, "no/such/");
}

TEST(Commands, LookWhetherTheyCanWriteBeforeTheyWork) {
  expect_told_first({"lr-find", "no data", "--out", "no/such/folder.png"});
  expect_told_first({"lr-find", "no data", "--csv", "no/such/folder.csv"});
  expect_told_first({"check", "no data", "--list", "no/such/list"});
  expect_told_first({"check", "no data", "--contact-sheet", "no/such/sheet.png"});
  expect_told_first({"show-batch", "no data", "--out", "no/such/batch.png"});
  expect_told_first({"explain", "no model", "no image", "--html", "no/such/page.html"});
  const testing_support::TemporaryFolder folder;
  testing_support::write(folder / "in.safetensors", "no weights");
  expect_told_first({"weights", "convert", (folder / "in.safetensors").string(), "no/such/out.safetensors"});
}

TEST(Commands, SpellControlCharactersOutInTheirErrors) {
  const CommandResult result = run_command({"summary", "no\x1b[31m\nfolder"});
  EXPECT_EQ(result.status, 3);
  testing_support::expect_part(result.errors, "no\\x1B[31m\\nfolder: ");
}

TEST(StandardStreams, AreNotTakenByTheNextFileWhereTheyWereClosed) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::close(STDIN_FILENO);
    ::close(STDOUT_FILENO);
    occupy_closed_streams();
    const bool is_apart = ::open("/dev/null", O_RDWR) > STDERR_FILENO;
    const bool fails = ::write(STDOUT_FILENO, "x", 1) < 0 && errno == EBADF;
    ::_exit(is_apart && fails ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace margay::cli
