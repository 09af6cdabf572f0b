#include "apps/studio/trainings.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <fstream>
#include <system_error>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "margay/core/descriptor.h"
#include "margay/core/error.h"
#include "margay/core/spawn.h"
#include "margay/core/text.h"
#include "margay/http/target.h"

namespace margay::studio {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kShownBytes = 8192;

/// `margay` with these arguments, which goes on when the studio ends. output: of all that it prints.
pid_t start_margay(const fs::path& executable, const std::vector<std::string>& arguments, int output) {
  core::SpawnOptions options{.program = executable,
                             .words = {"margay"},
                             .output = output,
                             .complaints = output,
                             .group = core::SpawnGroup::kOwnSession};
  options.words.insert(options.words.end(), arguments.begin(), arguments.end());
  std::error_code failure;
  const pid_t process = core::spawn(options, failure);
  if (failure) throw core::IoError(executable, "cannot be started", failure.value());
  return process;
}

/// The first name of its time that nobody has. file: becomes the file of that name.
fs::path new_log(const fs::path& folder, core::Descriptor& file) {
  std::error_code failure;
  fs::create_directories(folder, failure);
  for (int attempt = 1; !failure && attempt < 1000; ++attempt) {
    const fs::path path = folder / fmt::format("{:%Y%m%d-%H%M%S}-{}.txt", fmt::localtime(std::time(nullptr)), attempt);
    file = core::Descriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600));
    if (file.is_open()) return path;
    if (errno != EEXIST) failure = {errno, std::system_category()};
  }
  throw core::IoError(folder, "what the training prints cannot be kept there", failure.value());
}

/// A value that stands behind "--flag=", where it may begin with '-' (core::shell_word would take that for a path).
std::string quoted(const std::string& value) {
  const auto is_plain = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_'; };
  if (!value.empty() && std::all_of(value.begin(), value.end(), is_plain)) return value;
  std::string text = "'";
  for (const char c : value) text += c == '\'' ? "'\\''" : std::string(1, c);
  return text + "'";
}

int exit_status(int status) {
  constexpr int kOfSignals = 128;
  return WIFSIGNALED(status) ? kOfSignals + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

StartedTraining Trainings::start(const std::vector<std::string>& arguments) {
  if (executable_.empty()) throw core::Error("this program starts no trainings");
  core::Descriptor output;
  StartedTraining training{.command = command_text(arguments), .log = new_log(logs_, output)};
  training.pid = start_margay(executable_, arguments, output.number());
  const std::scoped_lock lock(mutex_);
  training.number = static_cast<std::int64_t>(started_.size()) + 1;
  started_.push_back(training);
  return training;
}

/// Takes the exit status of those that have ended, which the system keeps until then.
void Trainings::ask_for_ends() {
  for (StartedTraining& training : started_) {
    int status = 0;
    if (!training.ended && ::waitpid(static_cast<pid_t>(training.pid), &status, WNOHANG) == training.pid) {
      training.ended = exit_status(status);
    }
  }
}

std::vector<StartedTraining> Trainings::all() {
  const std::scoped_lock lock(mutex_);
  ask_for_ends();
  return {started_.rbegin(), started_.rend()};
}

std::string Trainings::printed(std::int64_t number) {
  fs::path log;
  {
    const std::scoped_lock lock(mutex_);
    if (number < 1 || number > static_cast<std::int64_t>(started_.size())) return "";
    log = started_[static_cast<std::size_t>(number - 1)].log;
  }
  std::error_code none;
  const std::uintmax_t size = fs::file_size(log, none);
  std::ifstream file(log, std::ios::binary);
  if (none || !file) return "";
  const bool is_cut = size > kShownBytes;
  if (is_cut) file.seekg(static_cast<std::streamoff>(size - kShownBytes));
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (is_cut) text.erase(0, text.find('\n') + 1);
  return text;
}

void stop_training(const run::RunRecord& record) {
  if (record.status != run::RunStatus::kRunning) {
    throw http::RequestError(409, fmt::format("{} does not run any more", core::spelled_out(record.folder)));
  }
  const auto pid = static_cast<pid_t>(record.process.pid);
  // A handle first, then the question who that is: what it is sent can then reach no later process of that number.
  const core::Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  switch (run::liveness(record.process)) {
    case run::Liveness::kGone:
      throw http::RequestError(409, fmt::format("{} does not run any more", core::spelled_out(record.folder)));
    case run::Liveness::kElsewhere:
      throw http::RequestError(409, fmt::format("{} runs on {}; stop it there: kill -INT {}",
                                                core::spelled_out(record.folder), record.process.host, pid));
    case run::Liveness::kAlive:
      break;
  }
  const bool is_sent = process.is_open() ? ::syscall(SYS_pidfd_send_signal, process.number(), SIGINT, nullptr, 0) == 0
                                         : ::kill(pid, SIGINT) == 0;
  if (!is_sent) throw core::Error(fmt::format("process {} cannot be stopped: {}", pid, std::strerror(errno)));
}

std::string command_text(const std::vector<std::string>& arguments) {
  std::string text = "margay";
  for (const std::string& argument : arguments) {
    const std::size_t equals = argument.starts_with("--") ? argument.find('=') : std::string::npos;
    if (equals != std::string::npos) {
      text += " " + argument.substr(0, equals + 1) + quoted(argument.substr(equals + 1));
    } else {
      text += " " + (argument.starts_with("--") ? argument : core::shell_word(argument));
    }
  }
  return text;
}

}  // namespace margay::studio
