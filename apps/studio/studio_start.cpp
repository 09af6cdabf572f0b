#include "apps/studio/studio_start.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/studio/studio_page.h"
#include "margay/core/error.h"
#include "margay/http/server.h"

namespace margay::studio {
namespace {

using Json = nlohmann::ordered_json;
using FieldKind = core::FieldType::Kind;

constexpr const char* kVariable = "MARGAY_STUDIO_START";  // "PROCESS PAGE_PROCESS END"
constexpr int kFirstInherited = 3;                        // SD_LISTEN_FDS_START

struct Flag {
  std::string name;
  std::optional<std::string> value;  ///< behind "="
};

/// "--token-file=x": token_file, x.
Flag parse_flag(std::string_view text) {
  const std::size_t equals = text.find('=');
  Flag flag{.name = std::string(text.substr(2, equals - 2)), .value = {}};
  std::replace(flag.name.begin(), flag.name.end(), '-', '_');
  if (equals != std::string_view::npos) flag.value = text.substr(equals + 1);
  return flag;
}

std::optional<Json> plain_value(FieldKind kind, const std::string& text) {
  if (kind == FieldKind::kText || kind == FieldKind::kPath) return Json(text);
  int number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_number = problem == std::errc() && end == text.data() + text.size() && std::to_string(number) == text;
  return kind == FieldKind::kInteger && is_number ? std::optional<Json>(number) : std::nullopt;
}

FieldKind kind_of(const core::Field& field) {
  return field.type->kind == FieldKind::kOptional ? field.type->element->kind : field.type->kind;
}

/// Reads one flag and its value into `json`; false: it is not a plain one.
bool read_flag(const std::vector<std::string>& arguments, std::size_t& i, Json& json) {
  if (arguments[i].substr(0, arguments[i].find('=')).find('_') != std::string::npos) return false;
  Flag flag = parse_flag(arguments[i]);
  const core::OptionTable& table = StudioOptions::fields();
  const auto field =
      std::find_if(table.begin(), table.end(), [&](const core::Field& f) { return flag.name == f.name; });
  if (field == table.end() || json.contains(flag.name)) return false;
  if (kind_of(*field) == FieldKind::kSwitch) {
    json[flag.name] = true;
    return !flag.value;
  }
  if (!flag.value && i + 1 < arguments.size()) flag.value = arguments[++i];
  if (!flag.value || flag.value->empty() || flag.value->starts_with('-')) return false;
  const std::optional<Json> value = plain_value(kind_of(*field), *flag.value);
  if (value) json[flag.name] = *value;
  return value.has_value();
}

std::optional<StudioOptions> checked(const Json& json, std::vector<std::filesystem::path> folders) {
  try {
    StudioOptions options;
    options.folders = std::move(folders);
    core::from_json(json, options);
    core::validate(options);
    const bool is_plain = !options.open && !options.device;
    return is_plain ? std::optional(options) : std::nullopt;
  } catch (const std::invalid_argument&) {
    return std::nullopt;
  }
}

/// The descriptors become 3, 4, … and stay open in the next program.
void place(std::vector<int> descriptors) {
  const int beyond = kFirstInherited + static_cast<int>(descriptors.size());
  for (int& descriptor : descriptors) descriptor = ::fcntl(descriptor, F_DUPFD_CLOEXEC, beyond);
  for (std::size_t i = 0; i < descriptors.size(); ++i) {
    if (::dup2(descriptors[i], kFirstInherited + static_cast<int>(i)) < 0) throw core::Error("no descriptors");
  }
}

}  // namespace

std::optional<StudioOptions> plain_options(const std::vector<std::string>& arguments) {
  Json json = Json::object();
  std::vector<std::filesystem::path> folders;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (!arguments[i].starts_with('-')) {
      folders.emplace_back(arguments[i]);
    } else if (!arguments[i].starts_with("--") || !read_flag(arguments, i, json)) {
      return std::nullopt;
    }
  }
  return checked(json, std::move(folders));
}

void serve_page(const StudioOptions& options, Access& access, const std::vector<http::Listener>& listeners, int end) {
  constexpr std::chrono::seconds kPatience{2};
  const StudioPage page(access);
  http::ServerOptions listening = server_options(options);
  for (const http::Listener& listener : listeners) listening.inherited.push_back(listener.socket());
  const auto takes = [&page](const http::Request& head) {
    const bool is_read = head.method == "GET" || head.method == "HEAD";
    return !is_read || !page.has(head.path);
  };
  const auto answer = [&page](const http::Request& request, const http::Reply& reply) { reply(page.answer(request)); };
  http::Server server(listening, answer, {.successor = {.end = end, .takes = takes}});
  server.start();
  http::wait_until_succeeded(end);
  server.drain(kPatience);
}

void leave_start(const StudioStart& start, const std::vector<http::Listener>& listeners,
                 const std::array<int, 2>& ends) {
  if (::send(ends[0], start.token.data(), start.token.size(), MSG_NOSIGNAL) < 0) throw core::Error("no socket");
  std::vector<int> descriptors;
  for (const http::Listener& listener : listeners) descriptors.push_back(listener.socket());
  const std::string sockets = std::to_string(descriptors.size());
  const std::string process = std::to_string(::getpid());
  const int end = kFirstInherited + static_cast<int>(descriptors.size());
  descriptors.push_back(ends[1]);
  place(descriptors);
  // NOLINTBEGIN(concurrency-mt-unsafe): this program has one thread
  ::setenv("LISTEN_PID", process.c_str(), 1);
  ::setenv("LISTEN_FDS", sockets.c_str(), 1);
  ::setenv(kVariable, fmt::format("{} {} {}", process, start.page_process, end).c_str(), 1);
  // NOLINTEND(concurrency-mt-unsafe)
}

std::optional<StudioStart> take_start() {
  const char* text = std::getenv(kVariable);  // NOLINT(concurrency-mt-unsafe): nothing sets it meanwhile
  int process = 0;
  StudioStart start;
  if (text == nullptr || std::sscanf(text, "%d %d %d", &process, &start.page_process, &start.end) != 3) return {};
  if (process != ::getpid()) return {};  // of the studio that has started this program
  std::array<char, 4096> token{};
  const ssize_t got = ::recv(start.end, token.data(), token.size(), 0);
  if (got <= 0) return {};
  ::fcntl(start.end, F_SETFD, FD_CLOEXEC);
  start.token.assign(token.data(), static_cast<std::size_t>(got));
  return start;
}

}  // namespace margay::studio
