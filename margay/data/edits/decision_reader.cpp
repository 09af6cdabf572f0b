#include <algorithm>
#include <array>
#include <bitset>
#include <charconv>
#include <functional>
#include <optional>
#include <set>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/json_values.h"
#include "margay/core/text.h"
#include "margay/data/edits/decision.h"

namespace margay::data {
namespace {

constexpr std::string_view kEscapeDigits = "0123456789ABCDEF";  // as escaped_bytes writes them

std::string unescaped_bytes(const std::string& text) {
  std::string path;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      path += text[i];
      continue;
    }
    const std::size_t high = i + 2 < text.size() ? kEscapeDigits.find(text[i + 1]) : std::string_view::npos;
    const std::size_t low = i + 2 < text.size() ? kEscapeDigits.find(text[i + 2]) : std::string_view::npos;
    if (high == std::string_view::npos || low == std::string_view::npos) {
      throw std::invalid_argument(fmt::format("'{}' has a '%' without two digits 0 … F", core::one_line(text)));
    }
    path += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return path;
}

/// What a line may hold, in the order in which to_line and the journal write it.
enum class DecisionField : std::uint8_t {
  kNumber,
  kTime,
  kKind,
  kUndoes,
  kImage,
  kImageEscaped,
  kSha256,
  kBytes,
  kModified,
  kBefore,
  kAfter,
  kOther,
  kOtherEscaped,
  kOtherSha256,
  kOtherBytes,
  kOtherModified,
  kPart,
  kFinding,
  kEvidence,
  kWho,
  kId,
  kNewClass,
  kPrevious,
  kSum,
  kUnknown
};

constexpr auto kDecisionFields = std::to_array<std::string_view>({"number",
                                                                  "time",
                                                                  "kind",
                                                                  "undoes",
                                                                  "image",
                                                                  "image_escaped",
                                                                  "sha256",
                                                                  "bytes",
                                                                  "modified_ns",
                                                                  "before",
                                                                  "after",
                                                                  "other",
                                                                  "other_escaped",
                                                                  "other_sha256",
                                                                  "other_bytes",
                                                                  "other_modified_ns",
                                                                  "part",
                                                                  "finding",
                                                                  "evidence",
                                                                  "who",
                                                                  "id",
                                                                  "new_class",
                                                                  "previous",
                                                                  "sum"});
static_assert(kDecisionFields.size() == static_cast<std::size_t>(DecisionField::kUnknown));

/// after: the field before it in the line; the search goes on from there, as lines are mostly in order.
DecisionField field_of(std::string_view name, DecisionField after) {
  for (std::size_t i = 1; i <= kDecisionFields.size(); ++i) {
    const std::size_t at = (static_cast<std::size_t>(after) + i) % kDecisionFields.size();
    if (kDecisionFields[at] == name) return static_cast<DecisionField>(at);
  }
  return DecisionField::kUnknown;
}

/// Reads the fields of a line as the parser meets them: a journal of 100,000 lines is read at every start.
class DecisionReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  Decision decision;
  bool has_unknown = false;
  std::string problem;

  bool null() override { return take_other("null"); }
  bool boolean(bool value) override {
    if (depth_ == 1 && field_ == DecisionField::kNewClass) return set(decision.new_class, value);
    return take_other("a truth value");
  }
  bool number_float(double /*value*/, const std::string& /*text*/) override { return take_other("no whole number"); }
  bool binary(nlohmann::json::binary_t& /*value*/) override { return fail("it holds bytes"); }

  bool number_integer(std::int64_t value) override {
    if (is_inside_other()) return true;
    if (std::int64_t* const time = time_field()) return set(*time, value);
    return take_other("a negative number");
  }

  bool number_unsigned(std::uint64_t value) override {
    if (is_inside_other()) return true;
    if (std::int64_t* const time = time_field()) return set(*time, static_cast<std::int64_t>(value));
    switch (field_) {
      case DecisionField::kNumber:
        return set(decision.number, value);
      case DecisionField::kUndoes:
        return set(decision.undoes, value);
      case DecisionField::kBytes:
        return set(decision.content.bytes, value);
      case DecisionField::kOtherBytes:
        return set(decision.other_content.bytes, value);
      default:
        return take_other("a number");
    }
  }

  bool string(std::string& value) override { return text(value); }
  bool text(std::string_view value) {
    if (is_inside_other()) return true;
    if (Labels* const labels = label_field()) {
      labels->emplace_back(value);
      return true;
    }
    if (depth_ > 1) return true;
    if (std::string* const to = text_field()) return set(*to, value);
    switch (field_) {
      case DecisionField::kKind:
        return take_kind(value);
      case DecisionField::kImageEscaped:
        return take_escaped(decision.image, value);
      case DecisionField::kOtherEscaped:
        return take_escaped(decision.other, value);
      case DecisionField::kPrevious:
      case DecisionField::kSum:
        return true;  // the journal's own
      default:
        return take_other("a text");
    }
  }

  bool start_object(std::size_t /*size*/) override {
    ++depth_;
    if (depth_ == 1) return true;
    return is_known() ? fail(fmt::format("'{}' is an object", name())) : note_unknown();
  }
  bool end_object() override { return leave(); }
  bool start_array(std::size_t /*size*/) override {
    ++depth_;
    if (depth_ == 1) return fail("it is a list; expected an object");
    if (depth_ > 2) return is_known() ? fail(fmt::format("'{}' holds a list in a list", name())) : true;
    is_list_ = label_field() != nullptr;
    return is_list_ || !is_known() ? note_unknown() : fail(fmt::format("'{}' is a list", name()));
  }
  bool end_array() override {
    is_list_ = false;
    return leave();
  }

  bool key(std::string& name) override { return field(name); }
  bool field(std::string_view name) {
    if (depth_ > 1) return true;
    field_ = field_of(name, field_);
    const bool is_new = is_known() ? !has(field_) : unknown_.emplace(name).second;
    if (!is_new) return fail(fmt::format("two values are called '{}'", core::one_line(std::string(name))));
    seen_.set(static_cast<std::size_t>(field_));
    return true;
  }

  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::json::exception& /*error*/) override {
    return fail(fmt::format("it is no JSON (byte {})", position));
  }

  bool has(DecisionField field) const { return seen_[static_cast<std::size_t>(field)]; }

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

  bool is_known() const { return field_ != DecisionField::kUnknown; }
  /// Of a known field.
  std::string_view name() const { return kDecisionFields[static_cast<std::size_t>(field_)]; }
  /// Whether the value is a part of one that no field of Decision holds.
  bool is_inside_other() const { return depth_ > 1 && !is_list_; }

  bool note_unknown() {
    has_unknown |= !is_known();
    return true;
  }

  /// A value of another type than a known field has, or any of an unknown one.
  bool take_other(const char* what) {
    if (is_inside_other()) return true;
    if (depth_ == 0) return fail(fmt::format("it is {}; expected an object", what));
    if (is_known()) return fail(fmt::format("'{}' is {}", name(), what));
    return note_unknown();
  }

  bool take_kind(std::string_view value) {
    for (const auto& [kind, name] : names(DecisionKind{})) {
      if (value == name) return set(decision.kind, kind);
    }
    std::vector<std::string> known;
    for (const auto& [kind, name] : names(DecisionKind{})) known.emplace_back(name);
    const std::string given(value);
    return fail(fmt::format("'{}' is no kind of decision{}", core::one_line(given), core::did_you_mean(given, known)));
  }

  bool take_escaped(std::string& to, std::string_view value) {
    try {
      to = unescaped_bytes(std::string(value));
    } catch (const std::invalid_argument& error) {
      return fail(error.what());
    }
    return true;
  }

  std::int64_t* time_field() {
    if (field_ == DecisionField::kModified) return &decision.content.modified_ns;
    return field_ == DecisionField::kOtherModified ? &decision.other_content.modified_ns : nullptr;
  }

  Labels* label_field() {
    if (field_ == DecisionField::kBefore) return &decision.before;
    return field_ == DecisionField::kAfter ? &decision.after : nullptr;
  }

  std::string* text_field() {
    switch (field_) {
      case DecisionField::kTime:
        return &decision.time;
      case DecisionField::kImage:
        return &decision.image;
      case DecisionField::kSha256:
        return &decision.content.sha256;
      case DecisionField::kOther:
        return &decision.other;
      case DecisionField::kOtherSha256:
        return &decision.other_content.sha256;
      case DecisionField::kPart:
        return &decision.part;
      case DecisionField::kFinding:
        return &decision.finding;
      case DecisionField::kEvidence:
        return &decision.evidence;
      case DecisionField::kWho:
        return &decision.who;
      case DecisionField::kId:
        return &decision.id;
      default:
        return nullptr;
    }
  }

  int depth_ = 0;
  bool is_list_ = false;
  DecisionField field_ = DecisionField::kUnknown;
  std::bitset<kDecisionFields.size() + 1> seen_;
  std::set<std::string, std::less<>> unknown_;
};

/// Reads a line as to_line writes most of them, three times as fast as a parser that takes any JSON: ASCII without
/// escapes; texts, whole numbers and lists of texts. At anything else, and at what the reader refuses, it gives up.
class PlainLine {
 public:
  explicit PlainLine(std::string_view line) : rest_(line) {}

  bool read(DecisionReader& reader) {
    const bool is_plain =
        std::all_of(rest_.begin(), rest_.end(), [](char c) { return c >= ' ' && c <= '~' && c != '\\'; });
    if (!is_plain || !take('{')) return false;
    reader.start_object(0);
    do {
      const std::optional<std::string_view> name = text();
      if (!name || !take(':') || !reader.field(*name) || !read_value(reader)) return false;
    } while (take(','));
    return take('}') && rest_.empty();
  }

 private:
  bool take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  std::optional<std::string_view> text() {
    if (!take('"')) return std::nullopt;
    const std::size_t end = rest_.find('"');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view text = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return text;
  }

  bool read_text(DecisionReader& reader) {
    const std::optional<std::string_view> value = text();
    return value && reader.text(*value);
  }

  bool read_value(DecisionReader& reader) {
    if (rest_.starts_with('"')) return read_text(reader);
    return rest_.starts_with('[') ? read_list(reader) : read_number(reader);
  }

  bool read_list(DecisionReader& reader) {
    if (!take('[') || !reader.start_array(0)) return false;
    if (!rest_.starts_with(']')) {
      do {
        if (!read_text(reader)) return false;
      } while (take(','));
    }
    return take(']') && reader.end_array();
  }

  bool read_number(DecisionReader& reader) {
    if (rest_.starts_with('0')) return false;  // no number begins so, except 0, which is not written
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc()) return false;
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return reader.number_unsigned(value);
  }

  std::string_view rest_;
};

/// Throws std::invalid_argument where it is no JSON, or the reader refuses it.
DecisionReader read_fields(std::string_view line) {
  DecisionReader plain;
  if (PlainLine(line).read(plain)) return plain;
  DecisionReader any;
  if (!nlohmann::json::sax_parse(line.begin(), line.end(), &any)) throw std::invalid_argument(any.problem);
  return any;
}

/// The fields of the line that no member of Decision holds.
std::string unknown_fields(std::string_view line) {
  const auto read = [](const std::string& one) {
    DecisionReader reader;
    return nlohmann::json::sax_parse(one, &reader) && !reader.has_unknown;
  };
  nlohmann::ordered_json unknown = nlohmann::ordered_json::object();
  const nlohmann::ordered_json fields = core::parsed_json(line);
  if (fields.is_discarded()) throw std::invalid_argument("its lists lie too deep in each other");
  for (const auto& [name, value] : fields.items()) {
    if (!read(nlohmann::ordered_json{{name, value}}.dump())) unknown[name] = value;
  }
  return unknown.dump();
}

}  // namespace

Decision decision_of_line(std::string_view line) {
  DecisionReader reader = read_fields(line);
  if (!reader.has(DecisionField::kKind)) throw std::invalid_argument("it has no 'kind'");
  const bool needs_labels =
      reader.decision.kind == DecisionKind::kKeep || reader.decision.kind == DecisionKind::kRelabel;
  if (needs_labels && !reader.has(DecisionField::kAfter))
    throw std::invalid_argument("it has no 'after', the right labels");
  if (reader.has_unknown) reader.decision.unknown = unknown_fields(line);
  check_decision(reader.decision);
  return std::move(reader.decision);
}

}  // namespace margay::data
