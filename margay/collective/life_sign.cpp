#include "margay/collective/life_sign.h"

#include <exception>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/field_type.h"
#include "margay/core/text.h"

namespace margay::collective {
namespace {

using SignJson = nlohmann::json;

std::string dumped(const SignJson& json) { return json.dump(-1, ' ', false, SignJson::error_handler_t::replace); }

/// The texts are names of hosts and errors of other programs, too.
std::string plain(const std::string& text) { return core::valid_utf8(core::one_line(text)); }

}  // namespace

std::string LifeSign::name(int rank) const {
  if (host.empty()) return fmt::format("rank {}", rank);
  return fmt::format("rank {} ({}, process {})", rank, host, process);
}

std::string LifeSign::place() const {
  const std::string at = position.empty() ? "before the first step" : "at " + position;
  return operation.empty() ? at : fmt::format("{}, waiting for {}", at, operation);
}

bool LostProcess::has_said(std::string_view own_error) const {
  return how == How::kFailed && error.starts_with(plain(std::string(own_error)));
}

std::string stored(const LifeSign& sign) {
  return dumped({{"state", core::to_text(sign.state)},
                 {"number", sign.number},
                 {"host", plain(sign.host)},
                 {"process", sign.process},
                 {"position", plain(sign.position)},
                 {"operation", plain(sign.operation)},
                 {"error", plain(sign.error)}});
}

LifeSign read_life_sign(const std::string& text) {
  try {
    const SignJson json = SignJson::parse(text);
    return {.state = core::from_text<LifeSign::State>(json.at("state").get<std::string>()),
            .number = json.at("number"),
            .host = json.at("host"),
            .process = json.at("process"),
            .position = json.at("position"),
            .operation = json.at("operation"),
            .error = json.at("error")};
  } catch (const std::exception&) {
    return {};
  }
}

std::string stored(const LostProcess& lost) {
  SignJson json = {{"how", core::to_text(lost.how)}, {"text", plain(lost.text)}, {"error", plain(lost.error)}};
  if (lost.rank) json["rank"] = *lost.rank;
  return dumped(json);
}

LostProcess read_lost_process(const std::string& text) {
  try {
    const SignJson json = SignJson::parse(text);
    LostProcess lost{.how = core::from_text<LostProcess::How>(json.at("how").get<std::string>()),
                     .text = json.at("text"),
                     .error = json.at("error")};
    if (json.contains("rank")) lost.rank = json.at("rank").get<int>();
    return lost;
  } catch (const std::exception&) {
    return {.text = plain(text)};
  }
}

}  // namespace margay::collective
