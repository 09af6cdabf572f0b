#include "apps/cli/serve_options.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "apps/cli/output.h"
#include "margay/core/text.h"

namespace margay::cli {
namespace {

namespace fs = std::filesystem;

bool is_model_name(const std::string& name) {
  const auto is_letter = [](unsigned char c) {
    return c < 128 && (std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.');
  };
  return !name.empty() && std::all_of(name.begin(), name.end(), is_letter);
}

serve::ModelFile served_file(const std::string& text) {
  const std::size_t equals = text.find('=');
  const bool has_name = equals != std::string::npos && !fs::exists(text);
  const fs::path file = has_name ? text.substr(equals + 1) : text;
  const std::string name = has_name ? text.substr(0, equals) : file.stem().string();
  if (is_model_name(name)) return {name, file};
  throw UsageError(
      fmt::format("'{}' cannot be a model's name in an address; use letters, digits, - _ and .: margay serve NAME={}",
                  core::spelled_out(name), core::shell_word(file.string())));
}

}  // namespace

const core::OptionTable& ServeOptions::fields() {
  static const core::OptionTable table(
      "serve",
      {core::field<&ServeOptions::server>("server", "where it listens"),
       core::field<&ServeOptions::token_file>(
           "token_file",
           "a file with tokens, one a line: requests need one; without it models cannot be loaded by "
           "request"),
       core::field<&ServeOptions::access_log>("access_log", "a file for a line of JSON for each request; -: stderr"),
       core::field<&ServeOptions::watch>("watch", "serve a model's file anew when it changes"),
       core::field<&ServeOptions::check>(
           "check", "serve nothing, but ask the server at this address whether it is ready: exit code 0 if it is"),
       core::field<&ServeOptions::drain_delay_seconds>(
           "drain_delay_seconds",
           "when it is asked to end, it goes on for so long and says that it is not ready: a balancer looks elsewhere",
           {0, 3600}),
       core::field<&ServeOptions::drain_seconds>("drain_seconds", "the most time that ending takes", {0, 3600}),
       core::field<&ServeOptions::max_images>("max_images", "images of one request", {1, 100'000}),
       core::field<&ServeOptions::queue>("queue", "batches"),
       core::field<&ServeOptions::predictor>("predictor", "how it is computed")});
  return table;
}

const Renamed& serve_flag_names() {
  static const Renamed names = {{"server.unix_socket", "unix"},
                                {"predictor.batch_size", ""},
                                {"predictor.num_workers", ""},
                                {"predictor.tta", ""},
                                {"predictor.tta_beta", ""}};
  return names;
}

std::vector<serve::ModelFile> served_files(const std::vector<std::string>& models) {
  std::vector<serve::ModelFile> files;
  for (const std::string& model : models) {
    serve::ModelFile file = served_file(model);
    const auto same =
        std::find_if(files.begin(), files.end(), [&](const auto& each) { return each.name == file.name; });
    if (same != files.end()) {
      throw UsageError(fmt::format("{} and {} would both be served as '{}'; name them: margay serve NAME={} NAME={}",
                                   shown_path(same->file), shown_path(file.file), file.name,
                                   core::shell_word(same->file.string()), core::shell_word(file.file.string())));
    }
    files.push_back(std::move(file));
  }
  return files;
}

}  // namespace margay::cli
