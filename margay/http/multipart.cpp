#include "margay/http/multipart.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "margay/core/text.h"
#include "margay/http/headers.h"
#include "margay/http/target.h"

namespace margay::http {
namespace {

constexpr std::size_t kLongestBoundary = 70;  // RFC 2046, section 5.1.1

[[noreturn]] void refuse_form(const std::string& what, int status = 400) {
  throw RequestError(status, "the form is broken: " + what);
}

/// A value with its parameters: form-data; name="a"; filename="b.jpg" (RFC 9110, section 5.6.6).
class ParameterList {
 public:
  explicit ParameterList(std::string_view text) {
    const std::size_t end = std::min(text.find(';'), text.size());
    kind_ = core::lower_case(std::string(trimmed(text.substr(0, end))));
    text.remove_prefix(end);
    while (!text.empty()) {
      text.remove_prefix(1);  // ";"
      if (!trimmed(text).empty()) read_parameter(text);
    }
  }

  const std::string& kind() const { return kind_; }
  std::optional<std::string> get(std::string_view name) const {
    for (const auto& [key, value] : parameters_) {
      if (key == name) return value;
    }
    return std::nullopt;
  }

 private:
  void read_parameter(std::string_view& text) {
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) refuse_form("a parameter has no value");
    std::string name = core::lower_case(std::string(trimmed(text.substr(0, equals))));
    if (get(name)) refuse_form("a parameter is given twice");
    text.remove_prefix(equals + 1);
    std::string value = text.starts_with('"') ? read_quoted(text) : read_plain(text);
    parameters_.emplace_back(std::move(name), std::move(value));
  }

  static std::string read_plain(std::string_view& text) {
    const std::size_t end = std::min(text.find(';'), text.size());
    std::string value(trimmed(text.substr(0, end)));
    text.remove_prefix(end);
    return value;
  }

  /// A backslash stands before a quote or another backslash only: browsers send "C:\dir\a.jpg" as it is.
  static std::string read_quoted(std::string_view& text) {
    std::string value;
    for (std::size_t i = 1; i < text.size(); ++i) {
      const bool is_escape = text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\');
      if (text[i] != '"') {
        value += text[is_escape ? ++i : i];
        continue;
      }
      text.remove_prefix(i + 1);
      const std::size_t next = std::min(text.find(';'), text.size());
      if (!trimmed(text.substr(0, next)).empty()) refuse_form("text follows a quoted value");
      text.remove_prefix(next);
      return value;
    }
    refuse_form("a quote is not closed");
  }

  std::string kind_;
  std::vector<std::pair<std::string, std::string>> parameters_;
};

std::string delimiter_of(std::string_view content_type) {
  const ParameterList type(content_type);
  if (type.kind() != "multipart/form-data") throw RequestError(415, "the body is no multipart/form-data");
  const std::string boundary = type.get("boundary").value_or("");
  if (boundary.empty() || boundary.size() > kLongestBoundary) refuse_form("its boundary must have 1 to 70 characters");
  return "--" + boundary;
}

/// A browser writes quotes and line breaks of names as %22, %0D, %0A (HTML, "multipart/form-data encoding algorithm").
std::string form_name(std::string name) {
  for (const auto& [code, letter] : {std::pair{"%22", '"'}, std::pair{"%0D", '\r'}, std::pair{"%0A", '\n'}}) {
    for (std::size_t at = name.find(code); at != std::string::npos; at = name.find(code, at + 1)) {
      name.replace(at, 3, 1, letter);
    }
  }
  return name;
}

void read_disposition(FormPart& part, std::string_view value) {
  const ParameterList disposition(value);
  if (disposition.kind() != "form-data") refuse_form("a part is no form-data");
  const std::optional<std::string> name = disposition.get("name");
  if (!name) refuse_form("a part has no name");
  part.name = form_name(*name);
  part.file_name = form_name(disposition.get("filename").value_or(""));
}

/// One line of a part's head.
void read_part_field(FormPart& part, bool& has_name, std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) refuse_form("a line of a part's head has no colon");
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (!is_token(name)) refuse_form("a part's head has a field without a proper name");
  if (equal_names(name, "Content-Disposition")) {
    if (std::exchange(has_name, true)) refuse_form("a part has two Content-Disposition fields");
    read_disposition(part, value);
  } else if (equal_names(name, "Content-Type")) {
    part.content_type = value;
  } else if (equal_names(name, "Content-Transfer-Encoding")) {
    const bool is_plain = equal_names(value, "binary") || equal_names(value, "8bit") || equal_names(value, "7bit");
    if (!is_plain) refuse_form("a part has another transfer encoding than binary; send the bytes as they are");
  }
}

FormPart read_part_head(std::string_view head) {
  FormPart part{.content_type = "text/plain"};
  bool has_name = false;
  while (!head.empty()) {
    const std::size_t end = std::min(head.find("\r\n"), head.size());
    read_part_field(part, has_name, head.substr(0, end));
    head.remove_prefix(std::min(end + 2, head.size()));
  }
  if (!has_name) refuse_form("a part has no Content-Disposition");
  return part;
}

/// Behind a delimiter: "--" ends the form, white space and CR LF begin a part. Removes it.
bool begins_part(std::string_view& rest) {
  if (rest.starts_with("--")) return false;
  const std::size_t end = rest.find("\r\n");
  if (end == std::string_view::npos || !trimmed(rest.substr(0, end)).empty()) refuse_form("a delimiter is not closed");
  rest.remove_prefix(end + 2);
  return true;
}

/// The next part, up to the delimiter, which is removed.
FormPart read_part(std::string_view& rest, const std::string& delimiter, std::size_t most_header_bytes) {
  constexpr std::string_view kEmptyLine = "\r\n\r\n";
  const bool has_no_head = rest.starts_with("\r\n");
  const std::size_t head_end = has_no_head ? 0 : rest.substr(0, most_header_bytes).find(kEmptyLine);
  if (head_end == std::string_view::npos) {
    if (rest.size() > most_header_bytes) refuse_form("the head of a part is too large", 413);
    refuse_form("it ends in the head of a part");
  }
  FormPart part = read_part_head(rest.substr(0, head_end));
  rest.remove_prefix(head_end + kEmptyLine.size());
  const std::size_t end = rest.find("\r\n" + delimiter);
  if (end == std::string_view::npos) refuse_form("it ends in the middle of a part");
  part.bytes = rest.substr(0, end);
  rest.remove_prefix(end + 2 + delimiter.size());
  return part;
}

}  // namespace

std::vector<FormPart> parse_multipart(std::string_view body, std::string_view content_type,
                                      const MultipartLimits& limits) {
  const std::string delimiter = delimiter_of(content_type);
  std::string_view rest = body;
  if (!rest.starts_with(delimiter)) {
    const std::size_t preamble = rest.find("\r\n" + delimiter);  // its length; 0 is one, too
    if (preamble == std::string_view::npos) refuse_form("its boundary does not occur");
    rest.remove_prefix(preamble + 2);
  }
  rest.remove_prefix(delimiter.size());
  std::vector<FormPart> parts;
  while (begins_part(rest)) {
    if (parts.size() == limits.parts) refuse_form("it has more than " + std::to_string(limits.parts) + " parts", 413);
    parts.push_back(read_part(rest, delimiter, limits.header_bytes));
  }
  return parts;
}

}  // namespace margay::http
