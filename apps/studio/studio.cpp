#include "apps/studio/studio.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/studio/routes/views.h"
#include "margay/core/error.h"
#include "margay/model/precision.h"
#include "margay/run/run_watch.h"

namespace margay::studio {
namespace {

namespace fs = std::filesystem;
using namespace nlohmann::literals;

/// A browser asks for six things at once; a second page must not wait for the first one's.
constexpr int kThreads = 8;
constexpr std::size_t kMostWaiting = 1024;
constexpr std::chrono::milliseconds kPace{1000};

/// Whether `path` lies in `folder`; both without links.
bool lies_in(const fs::path& path, const fs::path& folder) {
  return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first == folder.end();
}

/// The images that the runs were trained on, as far as they lie below the working folder: a run that was copied here
/// must not make the studio show another part of the machine.
std::vector<fs::path> folders_of_runs(const fs::path& runs) {
  run::RunWatch watch(runs);
  watch.look();
  std::set<fs::path> folders;
  for (const run::WatchedRun& run : watch.all()) {
    const nlohmann::ordered_json place =
        run.record.config.value("/batch/folder"_json_pointer, nlohmann::ordered_json());
    std::error_code none;
    if (!place.is_string()) continue;
    const fs::path path = fs::canonical(run.record.working_folder / fs::path(place.get<std::string>()), none);
    if (!none && fs::is_directory(path, none) && lies_in(path, fs::current_path())) folders.insert(path);
  }
  return {folders.begin(), folders.end()};
}

/// By it a page sees that it talks to another start of the studio than before, or to another version of it.
std::string greeting_of(const StudioProgram& program) {
  const nlohmann::ordered_json greeting = {{"version", program.version}, {"start", Access::new_token()}};
  return greeting.dump();
}

}  // namespace

Studio::Studio(StudioOptions options, StudioProgram program)
    : options_(std::move(options)),
      program_(std::move(program)),
      folders_(options_.folders.empty() ? folders_of_runs(options_.runs) : options_.folders, options_.runs),
      models_(LoadedModels::kMost, LoadedModels::load_on(options_.device.value_or("cpu"))),
      thumbnails_(program_.cache_folder.empty() ? "" : program_.cache_folder / "thumbnails"),
      access_(options_, program_.token),
      changes_(kPace, greeting_of(program_)),
      routes_(*this, workers_),
      workers_(kThreads, kMostWaiting) {
  core::validate(options_);
  if (options_.device) model::find_device(*options_.device);  // one that is not there is told at once
  add_views(routes_);
}

Studio::~Studio() = default;

std::string Studio::words(const std::string& message) const {
  return program_.words ? program_.words(message) : message;
}

std::string Studio::entry_address(const std::string& address) {
  return fmt::format("{}/?enter={}", address, access_.new_entry());
}

void Studio::operator()(http::Request request, http::Reply reply) const {
  routes_.router()(std::move(request), std::move(reply));
}

std::optional<http::Response> Studio::admit(const http::Request& head) const {
  if (head.path.starts_with("/api/")) {
    if (auto refused = access_.refusal(head, routes_.effect_of(head))) return refused;
  }
  return routes_.router().refusal(head);
}

}  // namespace margay::studio
