#include "margay/data/edits/decision.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <stdexcept>

#include <fmt/format.h>
#include <sys/stat.h>
#include <nlohmann/json.hpp>

#include "margay/core/checksum.h"
#include "margay/core/field_type.h"
#include "margay/core/text.h"
#include "margay/core/unicode.h"
#include "margay/core/utc_time.h"

namespace margay::data {
namespace {

using DecisionJson = nlohmann::ordered_json;

constexpr std::string_view kHexDigits = "0123456789ABCDEF";

bool is_utf8(std::string_view text) { return !core::first_non_utf8(text); }

/// '%' and every byte beyond ASCII as %XX.
std::string escaped_bytes(std::string_view path) {
  std::string text;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80 && c != '%') {
      text += c;
    } else {
      text += {'%', kHexDigits[byte >> 4U], kHexDigits[byte & 15U]};
    }
  }
  return text;
}

/// Whether a relative path has no detours: no empty part, no ".", and ".." only where it begins.
bool is_normal_path(std::string_view path) {
  bool is_begin = true;
  while (true) {
    const std::size_t length = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, length);
    if (part.empty() || part == "." || (part == ".." && !is_begin)) return false;
    if (part != "..") is_begin = false;
    if (length == path.size()) return true;
    path.remove_prefix(length + 1);
  }
}

/// A path that cannot lead anywhere else than it says.
void check_image_path(const std::string& path) {
  const auto fail = [&](const char* what) {
    throw std::invalid_argument(fmt::format("the image '{}' {}", core::spelled_out(path), what));
  };
  if (path.empty()) throw std::invalid_argument("it names no image");
  if (path.front() == '/') fail("has an absolute path; expected one relative to the folder of the data");
  if (path.find('\0') != std::string::npos) fail("has a byte 0 in its path");
  if (!is_normal_path(path)) {
    fail("has a path with detours; expected folders and a name between single '/'");
  }
}

void check_text(const std::string& text, const char* field) {
  if (is_utf8(text)) return;
  throw std::invalid_argument(
      fmt::format("its {} '{}' is not UTF-8", field, core::valid_utf8(core::spelled_out(text))));
}

void add_path(DecisionJson& json, const std::string& field, const std::string& path) {
  if (path.empty()) return;
  const bool is_text = is_utf8(path);
  json[is_text ? field : field + "_escaped"] = is_text ? path : escaped_bytes(path);
}

void add_content(DecisionJson& json, const std::string& prefix, const ImageContent& content) {
  if (!content.sha256.empty()) json[prefix + "sha256"] = content.sha256;
  if (content.bytes > 0) json[prefix + "bytes"] = content.bytes;
  if (content.modified_ns != 0) json[prefix + "modified_ns"] = content.modified_ns;
}

}  // namespace

bool is_about_label(DecisionKind kind) {
  return kind == DecisionKind::kKeep || kind == DecisionKind::kRelabel || kind == DecisionKind::kDelete;
}

bool have_same_labels(Labels a, Labels b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return a == b;
}

void check_decision(const Decision& decision) {
  const std::string kind = core::to_text(decision.kind);
  if (decision.kind == DecisionKind::kUndo) {
    if (decision.undoes == 0)
      throw std::invalid_argument("it undoes no decision; expected the number of one in 'undoes'");
    return;
  }
  check_image_path(decision.image);
  if (decision.kind == DecisionKind::kNotDuplicate) check_image_path(decision.other);
  if (decision.kind == DecisionKind::kRelabel && decision.after == decision.before) {
    throw std::invalid_argument("it changes no label: 'before' and 'after' are the same");
  }
  if (is_about_label(decision.kind) && decision.content.sha256.size() != 64) {
    throw std::invalid_argument(
        "it lacks the SHA-256 of the image, without which a changed file could be taken for it");
  }
  for (const Labels* labels : {&decision.before, &decision.after}) {
    for (const std::string& label : *labels) {
      if (label.empty()) throw std::invalid_argument("a label is empty");
      check_text(label, labels == &decision.before ? "before" : "after");
    }
  }
}

std::string to_line(const Decision& decision) {
  check_decision(decision);
  DecisionJson json;
  if (decision.number > 0) json["number"] = decision.number;
  const auto add_text = [&json](const char* field, const std::string& text) {
    check_text(text, field);
    if (!text.empty()) json[field] = text;
  };
  add_text("time", decision.time);
  json["kind"] = core::to_text(decision.kind);
  if (decision.undoes > 0) json["undoes"] = decision.undoes;
  add_path(json, "image", decision.image);
  add_content(json, "", decision.content);
  if (!decision.before.empty()) json["before"] = decision.before;
  const bool says_labels = decision.kind == DecisionKind::kKeep || decision.kind == DecisionKind::kRelabel;
  if (says_labels || !decision.after.empty()) json["after"] = decision.after;
  add_path(json, "other", decision.other);
  add_content(json, "other_", decision.other_content);
  add_text("part", decision.part);
  add_text("finding", decision.finding);
  add_text("evidence", decision.evidence);
  add_text("who", decision.who);
  add_text("id", decision.id);
  if (decision.new_class) json["new_class"] = true;
  if (!decision.unknown.empty()) json.update(DecisionJson::parse(decision.unknown));
  return json.dump();
}

Decision decide(DecisionKind kind, const Root& root, const ImageSource& image, const Labels& before) {
  return {.kind = kind, .image = root.relative(image.name().native()), .content = content_of(image), .before = before};
}

ImageContent content_of(const ImageSource& image) {
  ImageContent content;
  struct stat status {};
  if (image.is_file() && ::stat(image.name().c_str(), &status) == 0) {
    content.modified_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
  }
  const ImageSource::Bytes bytes = image.read();
  content.sha256 = core::sha256_of(*bytes);
  content.bytes = bytes->size();
  return content;
}

std::string utc_now() { return core::utc_text_ms(std::chrono::system_clock::now()); }

}  // namespace margay::data
