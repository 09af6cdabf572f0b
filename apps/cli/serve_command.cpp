#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>

#include <fmt/format.h>

#include "apps/cli/command.h"
#include "apps/cli/output.h"
#include "apps/cli/process.h"
#include "apps/cli/program_words.h"
#include "apps/cli/progress_line.h"
#include "apps/cli/serve_options.h"
#include "apps/cli/service_manager.h"
#include "apps/serve/access_log_file.h"
#include "apps/serve/repository_routes.h"
#include "apps/serve/service.h"
#include "margay/core/counted.h"
#include "margay/core/text.h"
#include "margay/http/client.h"

namespace margay::cli {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

/// "http://127.0.0.1:8080/v2/health/ready" in two.
struct CheckedUrl {
  std::string address;
  std::string target;
};

CheckedUrl checked_url(const std::string& url) {
  constexpr const char* kReadiness = "/v2/health/ready";
  constexpr std::string_view kUnix = "unix:";
  if (url.starts_with(kUnix)) return {url, kReadiness};
  const std::size_t host = url.find("://");
  const std::size_t path = host == std::string::npos ? host : url.find('/', host + 3);
  if (path == std::string::npos || path + 1 == url.size()) return {url.substr(0, path), kReadiness};
  return {url.substr(0, path), url.substr(path)};
}

/// For HEALTHCHECK and scripts: whether a server that runs says that it is ready.
core::ExitCode check_server(const std::string& url) {
  const CheckedUrl checked = checked_url(url);
  const http::ClientResponse response = http::Client(checked.address, std::chrono::seconds(5)).get(checked.target);
  print_out("{} {} {}\n", checked.address, response.status, core::fitted(core::one_line(response.body), 200));
  return response.status == 200 ? core::ExitCode::kDone : core::ExitCode::kFailed;
}

http::ServerOptions server_options(const ServeOptions& options) {
  http::ServerOptions server = options.server;
  server.inherited = inherited_sockets();
  return server;
}

/// Each connection is an open file, and the usual soft limit is 1,024 of them; the hard one is what the machine
/// permits.
void allow_many_connections() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  constexpr rlim_t kEnough = 65'536;
  limit.rlim_cur = std::max(limit.rlim_cur, std::min(limit.rlim_max, kEnough));
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

bool is_for_everyone(const http::ServerOptions& options) {
  const bool is_local =
      options.host.empty() || options.host == "localhost" || options.host == "::1" || options.host.starts_with("127.");
  return options.inherited.empty() && !is_local;
}

/// A server from its start to its end.
class ServerRun {
 public:
  explicit ServerRun(const ServeOptions& options)
      : options_(options),
        service_(
            std::make_unique<serve::ModelStore>(served_files(options.models), options.predictor, options.queue),
            options.token_file ? http::Tokens::of_file(*options.token_file) : http::Tokens(),
            {.version = MARGAY_VERSION, .max_images = options.max_images, .max_pixels = options.predictor.max_pixels}) {
    if (options.access_log) log_.emplace(*options.access_log);
  }

  core::ExitCode run() {
    allow_many_connections();
    listen_for_service_signals();
    const http::ServerOptions listening = server_options(options_);
    http::Server server(listening, std::ref(service_), hooks());
    service_.watch_server([&server] { return server.counts(); });
    if (is_for_everyone(listening) && !options_.token_file) {
      warn("whoever reaches this machine can use the server; --token-file asks for a token");
    }
    // Health is asked for from the beginning, but who connects to a socket that is there before and after this process
    // waits in it, and is refused by none of the two.
    if (listening.inherited.empty()) server.start();
    service_.store().load_all();
    if (!listening.inherited.empty()) server.start();
    tell_ready(server);
    serve_until_stopped();
    return stop(server);
  }

 private:
  http::ServerHooks hooks() {
    return {.admit = [this](const http::Request& head) { return service_.admit(head); },
            .access =
                [this](const http::AccessEntry& entry) {
                  service_.count(entry);
                  if (log_) log_->write(http::access_line(entry));
                }};
  }

  void tell_ready(const http::Server& server) {
    for (const serve::ModelFile& file : service_.store().models()) {
      const auto model = service_.store().model(file.name);
      if (model == nullptr) {  // a request has unloaded it already
        print_out("{}: unloaded\n", file.name);
        continue;
      }
      const serve::ModelFacts& facts = model->facts();
      print_out("{}: {}, {}, {} on {}, version {}\n", facts.name, facts.architecture,
                core::counted(facts.labels.size(), "class", "classes"), facts.precision, facts.device, facts.version);
    }
    for (const std::string& address : server.addresses()) print_out("Listening on {}\n", address);
    notify_service_manager("READY=1\nSTATUS=Listening on " + core::one_line(server.address()));
  }

  void serve_until_stopped() {
    while (true) {
      const ServiceSignal signal = wait_for_signal(milliseconds(1000));
      if (signal == ServiceSignal::kStop) return;
      if (signal == ServiceSignal::kReload) reload();
      if (options_.watch) watch();
      if (log_) watch_log();
    }
  }

  /// Tells of a full disk once, and again after it has been writable meanwhile.
  void watch_log() {
    const int error = log_->write_error();
    if (error != 0 && log_error_ == 0) {
      complain(core::IoError(log_->path(), "the access log cannot be written; lines are lost, and counted in it later",
                             error)
                   .what());
    }
    log_error_ = error;
  }

  void reload() {
    try {
      if (log_) log_->reopen();
    } catch (const std::exception& error) {
      complain(error.what());
    }
    for (const serve::ModelFile& file : service_.store().models()) {
      try {
        const std::optional<serve::LoadResult> loaded = service_.store().load_again(file.name);
        if (!loaded) continue;
        const bool is_other = loaded == serve::LoadResult::kSwitched;
        tell_change(file.name, service_.store().status(file.name).version,
                    is_other ? "is served now" : "is served on: its file is the same");
      } catch (const std::exception& error) {
        complain(routes::not_loaded(service_.store(), file.name, program_words(error.what())));
      }
    }
  }

  void watch() {
    for (const serve::ModelStore::Change& change : service_.store().look_for_changes()) {
      if (change.problem.empty()) {
        tell_change(change.name, change.version, "is served now");
      } else {
        complain(routes::not_loaded(service_.store(), change.name, program_words(change.problem)));
      }
    }
  }

  static void tell_change(const std::string& name, const std::string& version, const char* what) {
    print_out("{}: version {} {}\n", name, version, what);
  }

  core::ExitCode stop(http::Server& server) {
    service_.begin_drain();
    notify_service_manager("STOPPING=1");
    if (options_.drain_delay_seconds > 0) {
      print_out("Stopping in {:g} s: from now on /v2/health/ready says no\n", options_.drain_delay_seconds);
      std::this_thread::sleep_for(std::chrono::duration<double>(options_.drain_delay_seconds));
    }
    print_out("Stopping: no new requests are taken, those that are here are answered\n");
    const milliseconds patience(static_cast<std::int64_t>(options_.drain_seconds * 1000));
    const auto until = serve::SteadyClock::now() + patience;
    const bool is_done = server.drain(patience);
    service_.store().drain(until);
    if (is_done) return core::ExitCode::kDone;
    complain(fmt::format("requests were cut off after {:g} s (--drain-seconds)", options_.drain_seconds));
    return core::ExitCode::kFailed;
  }

  const ServeOptions& options_;
  std::optional<routes::AccessLogFile> log_;
  int log_error_ = 0;  ///< that has been told
  routes::Service service_;
};

core::ExitCode serve(const ServeOptions& options) {
  if (options.check) return check_server(*options.check);
  core::validate(options);
  if (options.models.empty()) throw UsageError("MODEL is required: margay serve pets.margay");
  return ServerRun(options).run();
}

}  // namespace

void add_serve(CommandLine& line) {
  Command& command = line.add("serve", "Predict over HTTP");
  const auto options = std::make_shared<ServeOptions>();
  command.argument("models", options->models, "NAME.margay, or NAME=FILE to serve a file under another name");
  command.flags(*options, serve_flag_names());
  takes_unpinned_compute_threads(command);
  command.everyday({"--port", "--host", "--unix", "--token-file", "--max-batch", "--max-delay-ms", "--max-queue",
                    "--device", "--precision", "--watch", "--access-log", "--check", "--threads"});
  command.footer(
      "  margay serve pets.margay &\n"
      "  curl --data-binary @cat.jpg localhost:8080/predictions/pets\n\n"
      "SIGTERM and ctrl-C answer what is there and end the server, a second one ends it at once; SIGHUP loads the "
      "files "
      "again.");
  command.does([options] { return serve(*options); });
}

}  // namespace margay::cli
