#include <spawn.h>
#include <sys/wait.h>

#include <chrono>
#include <memory>

#include <fmt/format.h>

#include "apps/cli/command.h"
#include "apps/cli/output.h"
#include "apps/cli/process.h"
#include "apps/cli/program_words.h"
#include "apps/cli/progress_line.h"
#include "apps/cli/service_manager.h"
#include "apps/studio/studio.h"

extern char** environ;

namespace margay::cli {
namespace {

using studio::StudioOptions;

/// Hands the page to the desktop's browser.
void open_in_browser(const std::string& address) {
  std::string program = "xdg-open";
  std::string argument = address;
  char* const arguments[] = {program.data(), argument.data(), nullptr};
  pid_t opener = 0;
  const int failure = ::posix_spawnp(&opener, program.c_str(), nullptr, nullptr, arguments, environ);
  int status = 0;
  if (failure == 0) ::waitpid(opener, &status, 0);
  if (failure != 0 || status != 0) warn("no browser could be opened; open the address above yourself");
}

studio::StudioProgram this_program() {
  return {.version = MARGAY_VERSION,
          .executable = std::filesystem::read_symlink("/proc/self/exe"),
          .cache_folder = user_cache_folder(),
          .words = [](const std::string& message) { return program_words(message); }};
}

void tell_ready(const studio::Studio& page, const http::Server& server) {
  for (const studio::ServedFolder& folder : page.folders().all()) print_out("{}\n", shown_path(folder.path));
  print_out("Studio: {}\n", page.page_address(server.address()));
  notify_service_manager("READY=1\n");
  if (!studio::is_loopback(page.options().host)) {
    warn("other machines can reach the studio; whoever sees this address can use it");
  }
}

core::ExitCode run_studio(const StudioOptions& options) {
  constexpr std::chrono::milliseconds kSignalPace{1000};
  constexpr std::chrono::milliseconds kPatience{2000};
  core::validate(options);
  listen_for_service_signals();
  studio::Studio page(options, this_program());
  http::ServerOptions listening = studio::server_options(options);
  listening.inherited = inherited_sockets();
  http::Server server(listening, std::ref(page),
                      {.admit = [&page](const http::Request& head) { return page.admit(head); }});
  server.start();
  tell_ready(page, server);
  if (options.open) open_in_browser(page.page_address(server.address()));
  while (wait_for_signal(kSignalPace) != ServiceSignal::kStop) continue;
  server.drain(kPatience);
  return core::ExitCode::kDone;
}

}  // namespace

void add_studio(CommandLine& line) {
  Command& command = line.add("studio", "See, compare and start trainings, and look at data, in a page of the browser");
  const auto options = std::make_shared<StudioOptions>();
  command.argument("folders", options->folders, "folders of images to show, too");
  command.flags(*options);
  takes_unpinned_compute_threads(command);
  command.everyday({"--runs", "--port", "--host", "--open", "--read-only", "--token-file"});
  command.footer(
      "  margay studio pets/images\n\n"
      "prints an address that holds a token; whoever knows it may use the page. Nothing goes to another host. On a "
      "machine far away: ssh -L 8080:localhost:8080 HOST margay studio --port 8080\n\n"
      "Ctrl-C ends the studio; trainings that it started go on.");
  command.does([options] { return run_studio(*options); });
}

}  // namespace margay::cli
