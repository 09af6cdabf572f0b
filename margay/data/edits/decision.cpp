#include "margay/data/edits/decision.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <optional>
#include <set>
#include <stdexcept>

#include <fmt/format.h>
#include <sys/stat.h>
#include <nlohmann/json.hpp>

#include "margay/core/checksum.h"
#include "margay/core/field_type.h"
#include "margay/core/text.h"
#include "margay/core/unicode.h"

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

std::string unescaped_bytes(const std::string& text) {
  std::string path;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      path += text[i];
      continue;
    }
    const std::size_t high = i + 2 < text.size() ? kHexDigits.find(text[i + 1]) : std::string_view::npos;
    const std::size_t low = i + 2 < text.size() ? kHexDigits.find(text[i + 2]) : std::string_view::npos;
    if (high == std::string_view::npos || low == std::string_view::npos) {
      throw std::invalid_argument(fmt::format("'{}' has a '%' without two digits 0 … F", core::one_line(text)));
    }
    path += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return path;
}

/// A path that cannot lead anywhere else than it says.
void check_image_path(const std::string& path) {
  const auto fail = [&](const char* what) {
    throw std::invalid_argument(fmt::format("the image '{}' {}", core::spelled_out(path), what));
  };
  if (path.empty()) throw std::invalid_argument("it names no image");
  if (path.front() == '/') fail("has an absolute path; expected one relative to the folder of the data");
  if (path.find('\0') != std::string::npos) fail("has a byte 0 in its path");
  if (std::filesystem::path(path).lexically_normal().native() != path || path.back() == '/') {
    fail("has a path with detours; expected folders and a name between single '/'");
  }
}

void check_text(const std::string& text, const char* field) {
  if (is_utf8(text)) return;
  throw std::invalid_argument(
      fmt::format("its {} '{}' is not UTF-8", field, core::valid_utf8(core::spelled_out(text))));
}

/// Throws unless the decision has all that its kind needs, and nothing it cannot mean.
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

/// Reads the fields of a line as the parser meets them: a journal of 100,000 lines is read at every start.
class DecisionReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  Decision decision;
  bool has_unknown = false;
  std::string problem;

  bool null() override { return take_other("null"); }
  bool boolean(bool /*value*/) override { return take_other("a truth value"); }
  bool number_float(double /*value*/, const std::string& /*text*/) override { return take_other("no whole number"); }
  bool binary(nlohmann::json::binary_t& /*value*/) override { return fail("it holds bytes"); }

  bool number_integer(std::int64_t value) override {
    if (depth_ > 1 && !is_list_) return true;
    if (std::int64_t* const time = time_field()) return set(*time, value);
    return take_other("a negative number");
  }

  bool number_unsigned(std::uint64_t value) override {
    if (depth_ > 1 && !is_list_) return true;
    if (std::int64_t* const time = time_field()) return set(*time, static_cast<std::int64_t>(value));
    if (key_ == "number") return set(decision.number, value);
    if (key_ == "undoes") return set(decision.undoes, value);
    if (key_ == "bytes") return set(decision.content.bytes, value);
    if (key_ == "other_bytes") return set(decision.other_content.bytes, value);
    return take_other("a number");
  }

  bool string(std::string& value) override {
    if (depth_ > 1 && !is_list_) return true;
    if (Labels* const labels = label_field()) {
      labels->push_back(value);
      return true;
    }
    if (depth_ > 1) return true;
    if (key_ == "kind") return take_kind(value);
    if (std::string* const text = text_field()) return set(*text, value);
    if (key_ == "image_escaped") return take_escaped(decision.image, value);
    if (key_ == "other_escaped") return take_escaped(decision.other, value);
    return take_other("a text");
  }

  bool start_object(std::size_t /*size*/) override {
    ++depth_;
    if (depth_ == 1) return true;
    return is_known() ? fail(fmt::format("'{}' is an object", key_)) : note_unknown();
  }
  bool end_object() override { return leave(); }
  bool start_array(std::size_t /*size*/) override {
    ++depth_;
    if (depth_ == 1) return fail("it is a list; expected an object");
    if (depth_ > 2) return is_known() ? fail(fmt::format("'{}' holds a list in a list", key_)) : true;
    is_list_ = label_field() != nullptr;
    return is_list_ || !is_known() ? note_unknown() : fail(fmt::format("'{}' is a list", key_));
  }
  bool end_array() override {
    is_list_ = false;
    return leave();
  }

  bool key(std::string& name) override {
    if (depth_ > 1) return true;
    key_ = name;
    if (!seen_.insert(name).second) return fail(fmt::format("two values are called '{}'", core::one_line(name)));
    return true;
  }

  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::json::exception& /*error*/) override {
    return fail(fmt::format("it is no JSON (byte {})", position));
  }

  bool has(const std::string& field) const { return seen_.contains(field); }
  bool has_kind() const { return has_kind_; }

 private:
  bool fail(std::string what) {
    problem = std::move(what);
    return false;
  }

  bool leave() {
    --depth_;
    return true;
  }

  template <class To, class From>
  static bool set(To& to, const From& from) {
    to = from;
    return true;
  }

  bool note_unknown() {
    has_unknown |= !is_known();
    return true;
  }

  /// A value of another type than a known field has, or any of an unknown one.
  bool take_other(const char* what) {
    if (depth_ > 1 && !is_list_) return true;
    if (depth_ == 0) return fail(fmt::format("it is {}; expected an object", what));
    if (is_known()) return fail(fmt::format("'{}' is {}", key_, what));
    return note_unknown();
  }

  bool take_kind(const std::string& value) {
    for (const auto& [kind, name] : names(DecisionKind{})) {
      if (value != name) continue;
      decision.kind = kind;
      has_kind_ = true;
      return true;
    }
    std::vector<std::string> known;
    for (const auto& [kind, name] : names(DecisionKind{})) known.emplace_back(name);
    return fail(fmt::format("'{}' is no kind of decision{}", core::one_line(value), core::did_you_mean(value, known)));
  }

  bool take_escaped(std::string& to, const std::string& value) {
    try {
      to = unescaped_bytes(value);
    } catch (const std::invalid_argument& error) {
      return fail(error.what());
    }
    return true;
  }

  std::int64_t* time_field() {
    if (key_ == "modified_ns") return &decision.content.modified_ns;
    return key_ == "other_modified_ns" ? &decision.other_content.modified_ns : nullptr;
  }

  Labels* label_field() {
    if (key_ == "before") return &decision.before;
    return key_ == "after" ? &decision.after : nullptr;
  }

  std::string* text_field() {
    if (key_ == "time") return &decision.time;
    if (key_ == "image") return &decision.image;
    if (key_ == "sha256") return &decision.content.sha256;
    if (key_ == "other") return &decision.other;
    if (key_ == "other_sha256") return &decision.other_content.sha256;
    if (key_ == "part") return &decision.part;
    if (key_ == "finding") return &decision.finding;
    if (key_ == "evidence") return &decision.evidence;
    if (key_ == "who") return &decision.who;
    // The journal's own.
    return key_ == "previous" || key_ == "sum" ? &ignored_ : nullptr;
  }

  bool is_known() {
    static const std::set<std::string_view> kNumbers = {"kind",        "number",        "undoes",       "bytes",
                                                        "other_bytes", "image_escaped", "other_escaped"};
    return text_field() != nullptr || label_field() != nullptr || time_field() != nullptr || kNumbers.contains(key_);
  }

  int depth_ = 0;
  bool is_list_ = false;
  bool has_kind_ = false;
  std::string key_;
  std::string ignored_;
  std::set<std::string> seen_;
};

/// The fields of the line that no member of Decision holds.
std::string unknown_fields(std::string_view line) {
  const auto read = [](const std::string& one) {
    DecisionReader reader;
    return nlohmann::json::sax_parse(one, &reader) && !reader.has_unknown;
  };
  DecisionJson unknown = DecisionJson::object();
  const DecisionJson fields = DecisionJson::parse(line);
  for (const auto& [name, value] : fields.items()) {
    if (!read(DecisionJson{{name, value}}.dump())) unknown[name] = value;
  }
  return unknown.dump();
}

}  // namespace

bool is_about_label(DecisionKind kind) {
  return kind == DecisionKind::kKeep || kind == DecisionKind::kRelabel || kind == DecisionKind::kDelete;
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
  if (!decision.unknown.empty()) json.update(DecisionJson::parse(decision.unknown));
  return json.dump();
}

Decision decision_of_line(std::string_view line) {
  DecisionReader reader;
  if (!nlohmann::json::sax_parse(line.begin(), line.end(), &reader)) throw std::invalid_argument(reader.problem);
  if (!reader.has_kind()) throw std::invalid_argument("it has no 'kind'");
  const bool needs_labels =
      reader.decision.kind == DecisionKind::kKeep || reader.decision.kind == DecisionKind::kRelabel;
  if (needs_labels && !reader.has("after")) throw std::invalid_argument("it has no 'after', the right labels");
  if (reader.has_unknown) reader.decision.unknown = unknown_fields(line);
  check_decision(reader.decision);
  return std::move(reader.decision);
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
  core::Sha256 sum;
  sum.update(*bytes);
  content.sha256 = sum.finish();
  content.bytes = bytes->size();
  return content;
}

std::string utc_now() {
  const auto now = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto ms = now.time_since_epoch().count();
  const auto seconds = static_cast<std::time_t>(ms / 1000);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                     utc.tm_hour, utc.tm_min, utc.tm_sec, ms % 1000);
}

}  // namespace margay::data
