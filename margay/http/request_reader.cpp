// The only file that includes Boost.
#include "margay/http/request_reader.h"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

namespace margay::http {
namespace {

namespace beast = boost::beast;

constexpr std::size_t kLongestChunkLine = 8192;  // with its extensions, or all trailers
constexpr std::size_t kShortestEnd = 5;  // "0\r\n\r\n": Beast asserts that it gets no less of a last chunk again
constexpr std::string_view kHeadEnd = "\r\n\r\n";

std::string_view view_of(beast::string_view text) { return {text.data(), text.size()}; }

/// Writes what Beast finds into a Request.
class BeastParser : public beast::http::basic_parser<true> {
 public:
  explicit BeastParser(Request& request) : request_(request) {}

  unsigned version() const { return version_; }
  void begin_body() { in_head_ = false; }

 private:
  using Code = beast::error_code;
  using Text = beast::string_view;

  void on_request_impl(beast::http::verb /*verb*/, Text method, Text target, int version, Code& /*code*/) override {
    request_.method = view_of(method);
    request_.target = view_of(target);
    version_ = static_cast<unsigned>(version);
  }
  void on_response_impl(int /*status*/, Text /*reason*/, int /*version*/, Code& /*code*/) override {}
  void on_field_impl(beast::http::field /*field*/, Text name, Text value, Code& code) override {
    if (!in_head_) return;  // trailers mean nothing here
    try {
      request_.headers.add(std::string(view_of(name)), std::string(trimmed(view_of(value))));
    } catch (const std::invalid_argument&) {
      code = beast::http::error::bad_value;
    }
  }
  void on_header_impl(Code& /*code*/) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>& /*length*/, Code& /*code*/) override {}
  std::size_t on_body_impl(Text bytes, Code& /*code*/) override {
    request_.body.append(view_of(bytes));
    return bytes.size();
  }
  void on_chunk_header_impl(std::uint64_t /*size*/, Text /*extensions*/, Code& /*code*/) override {}
  std::size_t on_chunk_body_impl(std::uint64_t /*left*/, Text bytes, Code& code) override {
    return on_body_impl(bytes, code);
  }
  void on_finish_impl(Code& /*code*/) override {}

  Request& request_;
  unsigned version_ = 0;
  bool in_head_ = true;
};

std::string too_large_body(std::uint64_t limit) {
  return "the body is larger than " + std::to_string(limit >> 20U) + " MB, which this server takes";
}

[[noreturn]] void refuse_code(const beast::error_code& code, const RequestReader::Limits& limits) {
  using Error = beast::http::error;
  if (code == Error::body_limit) throw RequestError(413, too_large_body(limits.body_bytes));
  if (code == Error::header_limit) throw RequestError(431, "the header fields are too large");
  if (code == Error::bad_version) throw RequestError(505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
  throw RequestError(400, "the request is no HTTP/1.1: " + code.message());
}

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Bytes that end a head for one program and not for another (RFC 9112, sections 2.2 and 5.2). `from`: those before
/// were checked.
void check_lines(std::string_view head, std::size_t from) {
  for (std::size_t i = from; i < head.size(); ++i) {
    const char c = head[i];
    const char before = i > 0 ? head[i - 1] : '\0';
    if (c == '\0') throw RequestError(400, "the head has a NUL byte");
    if (c == '\n' && before != '\r') throw RequestError(400, "a line of the head ends with LF alone");
    if (c != '\n' && before == '\r') throw RequestError(400, "the head has a CR without LF");
    if ((c == ' ' || c == '\t') && before == '\n') throw RequestError(400, "a header field is folded over two lines");
  }
}

void check_framing(const Headers& headers, bool is_http_11) {
  const std::size_t lengths = headers.count("Content-Length");
  const std::size_t encodings = headers.count("Transfer-Encoding");
  if (lengths + encodings > 1) {
    throw RequestError(400, "the request says its length more than once: Content-Length and Transfer-Encoding");
  }
  if (lengths == 1 && !is_number(headers.get("Content-Length"))) throw RequestError(400, "Content-Length is no number");
  if (encodings == 0) return;
  if (!is_http_11) throw RequestError(400, "HTTP/1.0 has no Transfer-Encoding");
  if (!equal_names(headers.get("Transfer-Encoding"), "chunked")) {
    throw RequestError(501, "the only Transfer-Encoding is chunked");
  }
}

/// Beast reads a quote beyond its line, and would wait for its end (RFC 9112, section 7.1.1). rest: what it has not
/// used.
void check_chunk_line(std::string_view rest) {
  if (rest.starts_with("\r\n")) rest.remove_prefix(2);  // of the chunk before
  const std::size_t end = rest.find("\r\n");
  if (end == std::string_view::npos) return;
  const std::string_view line = rest.substr(0, end);
  if (std::count(line.begin(), line.end(), '"') % 2 != 0)
    throw RequestError(400, "a quote beside a chunk is not closed");
}

void check_host(const Headers& headers, bool is_http_11) {
  const std::size_t hosts = headers.count("Host");
  if (hosts > 1 || (hosts == 0 && is_http_11)) throw RequestError(400, "the request must have one Host");
  constexpr std::string_view kNoHostLetters = " \t,/?#@\\\"<>";
  if (headers.get("Host").find_first_of(kNoHostLetters) != std::string_view::npos) {
    throw RequestError(400, "Host is no name of a host");
  }
}

void check_meaning(const Headers& headers) {
  for (const char* name : {"Authorization", "Content-Type"}) {  // a proxy may have looked at the other one
    if (headers.count(name) > 1) throw RequestError(400, std::string("the request has more than one ") + name);
  }
  for (const Headers::Field& field : headers) {
    if (equal_names(field.name, "Content-Encoding") && !equal_names(field.value, "identity")) {
      throw RequestError(415, "compressed bodies are not taken; send the bytes as they are");
    }
    if (equal_names(field.name, "Expect") && !equal_names(field.value, "100-continue")) {
      throw RequestError(417, "the only Expect is 100-continue");
    }
  }
}

}  // namespace

class RequestReader::Impl {
 public:
  explicit Impl(const Limits& limits) : limits_(limits) { reset(); }

  void reset() {
    constexpr std::size_t kKept = 4096;  // idle connections are many
    request_ = {};
    head_.clear();
    rest_.clear();
    if (head_.capacity() > kKept) head_.shrink_to_fit();
    if (rest_.capacity() > kKept) rest_.shrink_to_fit();
    parser_.emplace(request_);
    parser_->eager(true);
    parser_->header_limit(static_cast<std::uint32_t>(limits_.header_bytes));
    parser_->body_limit(limits_.body_bytes);
    has_head_ = false;
  }

  std::size_t feed(std::string_view bytes) {
    if (!has_head_) return feed_head(bytes);
    return parser_->is_done() ? 0 : feed_body(bytes);
  }

  Stage stage() const {
    if (!has_head_) return head_.empty() ? Stage::kEmpty : Stage::kHead;
    return parser_->is_done() ? Stage::kWhole : Stage::kBody;
  }

  Request request_;
  Limits limits_;
  std::optional<BeastParser> parser_;
  std::string head_;

 private:
  /// Empty lines before a request are passed over (RFC 9112, section 2.2).
  std::size_t feed_head(std::string_view bytes) {
    const std::size_t taken = std::min(bytes.size(), limits_.header_bytes + kHeadEnd.size() - head_.size());
    std::size_t checked = head_.size();
    head_.append(bytes.substr(0, taken));
    std::size_t blank = 0;
    while (std::string_view(head_).substr(blank).starts_with("\r\n")) blank += 2;
    head_.erase(0, blank);
    checked -= std::min(checked, blank);
    const std::size_t found = head_.find(kHeadEnd, checked - std::min(checked, kHeadEnd.size() - 1));
    const std::size_t end = found == std::string::npos ? head_.size() : found + kHeadEnd.size();
    const std::size_t surplus = head_.size() - end;
    head_.resize(end);
    check_lines(head_, checked);
    if (head_.size() > limits_.header_bytes) refuse_long_head();
    if (found != std::string::npos) read_head();
    return taken - surplus;
  }

  [[noreturn]] void refuse_long_head() const {
    const bool is_one_line = head_.find('\n') == std::string::npos;
    throw RequestError(is_one_line ? 414 : 431,
                       is_one_line ? "the address is too long" : "the header fields are too large");
  }

  void read_head() {
    put(head_);
    check_head();
    has_head_ = true;
    parser_->begin_body();
  }

  void check_head() {
    const bool is_http_11 = parser_->version() == 11;
    check_framing(request_.headers, is_http_11);
    check_host(request_.headers, is_http_11);
    check_meaning(request_.headers);
    Target target = parse_target(request_.target);
    if (target.path == "*" && request_.method != "OPTIONS") throw RequestError(400, "only OPTIONS asks for *");
    request_.path = std::move(target.path);
    request_.query = std::move(target.query);
    if (!target.authority.empty()) request_.headers.set("Host", std::move(target.authority));
  }

  /// A line between two chunks may come in parts: `rest_` holds what Beast could not use yet.
  std::size_t feed_body(std::string_view bytes) {
    if (rest_.empty()) {
      const std::size_t used = put(bytes);
      if (parser_->is_done()) return used;
      rest_ = bytes.substr(used);
    } else {
      const std::size_t waiting = rest_.size();
      rest_.append(bytes);
      if (rest_.size() < kShortestEnd) return bytes.size();
      const std::size_t used = put(rest_);
      if (parser_->is_done()) return used - waiting;
      rest_.erase(0, used);
    }
    check_chunk_line(rest_);
    if (rest_.size() > kLongestChunkLine) throw RequestError(400, "a line between chunks is too long");
    return bytes.size();
  }

  std::size_t put(std::string_view bytes) {
    beast::error_code code;
    const std::size_t used = parser_->put(boost::asio::const_buffer(bytes.data(), bytes.size()), code);
    if (code && code != beast::http::error::need_more) refuse_code(code, limits_);
    return used;
  }

  std::string rest_;
  bool has_head_ = false;
};

RequestReader::RequestReader(const Limits& limits) : impl_(std::make_unique<Impl>(limits)) {}
RequestReader::~RequestReader() = default;

std::size_t RequestReader::feed(std::string_view bytes) { return impl_->feed(bytes); }
RequestReader::Stage RequestReader::stage() const { return impl_->stage(); }
Request& RequestReader::request() { return impl_->request_; }
const Request& RequestReader::request() const { return impl_->request_; }
const std::string& RequestReader::head_bytes() const { return impl_->head_; }
Request RequestReader::take() { return std::move(impl_->request_); }
bool RequestReader::is_http_11() const { return impl_->parser_->version() == 11; }

bool RequestReader::keeps_alive() const {
  const std::string_view connection = request().headers.get("Connection");
  return is_http_11() ? !has_word(connection, "close") : has_word(connection, "keep-alive");
}

bool RequestReader::expects_continue() const { return is_http_11() && request().headers.contains("Expect"); }

std::uint64_t RequestReader::declared_bytes() const { return impl_->parser_->content_length().value_or(0); }

void RequestReader::reset() { impl_->reset(); }

}  // namespace margay::http
