#include <spawn.h>
#include <sys/wait.h>

#include <chrono>
#include <memory>

#include <fmt/format.h>

#include "apps/cli/command.h"
#include "apps/cli/network.h"
#include "apps/cli/output.h"
#include "apps/cli/process.h"
#include "apps/cli/program_words.h"
#include "apps/cli/progress_line.h"
#include "apps/cli/service_manager.h"
#include "apps/studio/studio.h"
#include "apps/studio/studio_start.h"

extern char** environ;

namespace margay::cli {
namespace {

using studio::StudioOptions;

/// Hands the page to the desktop's browser. Everybody on the machine may read the arguments of a process. It is not
/// waited for, as it may last as long as the browser does.
class BrowserOpener {
 public:
  void open(const std::string& address) {
    std::string program = "xdg-open";
    std::string argument = address;
    char* const arguments[] = {program.data(), argument.data(), nullptr};
    if (::posix_spawnp(&process_, program.c_str(), nullptr, nullptr, arguments, environ) != 0) say_it_failed();
  }

  /// Says so if it has failed since.
  void look() {
    int status = 0;
    if (process_ <= 0 || ::waitpid(process_, &status, WNOHANG) != process_) return;
    if (status != 0) say_it_failed();
    process_ = 0;
  }

 private:
  void say_it_failed() {
    process_ = 0;
    warn("no browser could be opened; open the address above yourself");
  }

  pid_t process_ = 0;
};

studio::TrainFlag::Kind form_kind(const FlagEntry& flag) {
  using enum studio::TrainFlag::Kind;
  switch (flag.value) {
    case ValueKind::kNothing:
      return kSwitch;
    case ValueKind::kChoice:
      return kChoice;
    case ValueKind::kPath:
      return kPath;
    case ValueKind::kFree:
      return flag.type_name == "NUMBER" ? kNumber : kText;
  }
  throw core::InternalError("a kind of value outside its enum");
}

/// "--ema" and "--no-ema" of a switch.
studio::TrainFlag form_flag(const FlagEntry& flag) {
  return {.name = flag.names.front(),
          .off = flag.names.back(),
          .help = flag.help,
          .heading = flag.heading,
          .kind = form_kind(flag),
          .default_text = flag.default_text,
          .choices = flag.choices,
          .is_everyday = flag.is_everyday};
}

std::unique_ptr<CommandLine> train_command_line() {
  auto line = std::make_unique<CommandLine>("margay", "", MARGAY_VERSION);
  add_train(*line);
  return line;
}

/// The flags of `margay train`, and what reads them as it does.
studio::TrainForm train_form() {
  studio::TrainForm form;
  const CommandTree tree = train_command_line()->tree();
  for (const FlagEntry& flag : tree.commands.front().flags) {
    const bool is_of_help = flag.names.front() == "-h" || flag.names.front().starts_with("--help");
    if (!is_of_help) form.flags.push_back(form_flag(flag));
  }
  form.check = [](const std::vector<std::string>& arguments) {
    const std::unique_ptr<CommandLine> line = train_command_line();
    line->parse(arguments);
    line->check_ranges();
  };
  return form;
}

studio::StudioProgram this_program() {
  return {.version = MARGAY_VERSION,
          .executable = std::filesystem::read_symlink("/proc/self/exe"),
          .cache_folder = user_cache_folder(),
          .places = user_places(),
          .words = [](const std::string& message) { return program_words(message); },
          .train = train_form()};
}

/// What the program before this one has not printed (studio_launcher.cpp): without names of folders it does not know
/// them.
void print_start(const studio::Studio& page, const http::Server& server, bool has_address) {
  const bool has_folders = has_address && !page.options().folders.empty();
  for (const studio::ServedFolder& folder : page.folders().all()) {
    if (!has_folders) print_out("{}\n", shown_path(folder.path));
  }
  if (!has_address) print_out("Studio: {}\n", page.access().page_address(server.address()));
}

void tell_ready(const studio::Studio& page) {
  notify_service_manager("READY=1\n");
  if (!studio::is_loopback(page.options().host)) {
    warn(
        "other machines can reach the studio, by the names that --allowed-hosts lists; whoever sees this address can "
        "use "
        "it");
  }
}

core::ExitCode run_studio(const StudioOptions& options) {
  constexpr std::chrono::milliseconds kSignalPace{1000};
  constexpr std::chrono::milliseconds kPatience{2000};
  core::validate(options);
  listen_for_service_signals();
  std::optional<studio::StudioStart> start = studio::take_start();
  studio::StudioProgram program = this_program();
  if (start) program.token = start->token;
  studio::Studio page(options, std::move(program));
  http::ServerOptions listening = studio::server_options(options);
  listening.inherited = inherited_sockets();
  if (start) listening.predecessor = start->end;
  http::Server server(listening, std::ref(page),
                      {.admit = [&page](const http::Request& head) { return page.admit(head); }});
  server.start();
  print_start(page, server, start.has_value());
  tell_ready(page);
  BrowserOpener browser;
  if (options.open) browser.open(page.entry_address(server.address()));
  while (wait_for_signal(kSignalPace) != ServiceSignal::kStop) {
    browser.look();
    if (start && ::waitpid(start->page_process, nullptr, WNOHANG) != 0) start.reset();
  }
  server.drain(kPatience);
  return core::ExitCode::kDone;
}

}  // namespace

void add_studio(CommandLine& line) {
  Command& command = line.add("studio", "See, compare and start trainings, and look at data, in a page of the browser");
  const auto options = std::make_shared<StudioOptions>();
  command.argument("folders", options->folders,
                   "folders of images to show; without any, those below this folder that its runs were trained on");
  command.flags(*options);
  takes_unpinned_compute_threads(command);
  command.everyday({"--runs", "--port", "--host", "--open", "--read-only", "--token-file", "--device"});
  command.footer(
      "  margay studio pets/images\n\n"
      "prints an address that holds a token; whoever knows it may use the page. Nothing goes to another host. On a "
      "machine far away: ssh -L 8080:localhost:8080 HOST margay studio --port 8080\n\n"
      "Ctrl-C ends the studio; trainings that it started go on.");
  command.does([options] { return run_studio(*options); });
}

}  // namespace margay::cli
