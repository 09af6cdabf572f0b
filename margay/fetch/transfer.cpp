#include "margay/fetch/transfer.h"

#include <charconv>
#include <exception>
#include <memory>
#include <string_view>

#include <curl/curl.h>
#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/core/text.h"

namespace margay::fetch {
namespace {

constexpr long kReceiveBytes = 512L * 1024L;
constexpr long kStallBytesPerSecond = 64;

struct FreeUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

std::string part_of(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return "";
  std::string copy = text;
  curl_free(text);
  return copy;
}

/// libcurl's own state, made once for the process.
void start_curl() {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  MARGAY_CHECK(started == CURLE_OK, "libcurl does not start");
}

}  // namespace

bool Url::is_loopback() const { return host == "localhost" || host == "::1" || host.starts_with("127."); }

Url parse_url(const std::string& text) {
  const std::unique_ptr<CURLU, FreeUrl> url(curl_url());
  if (curl_url_set(url.get(), CURLUPART_URL, text.c_str(), CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK) {
    throw std::invalid_argument(fmt::format("[fetch] '{}' is no address of a file", core::one_line(text)));
  }
  Url parsed{.text = text,
             .scheme = core::lower_case(part_of(url.get(), CURLUPART_SCHEME)),
             .host = core::lower_case(part_of(url.get(), CURLUPART_HOST))};
  if (parsed.host.starts_with('[')) parsed.host = parsed.host.substr(1, parsed.host.size() - 2);
  const std::string path = part_of(url.get(), CURLUPART_PATH, CURLU_URLDECODE);
  parsed.file = path.substr(path.rfind('/') + 1);
  return parsed;
}

namespace {

std::string trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// "bytes 100-199/200" and "bytes */200".
void read_content_range(std::string_view text, Response& response) {
  if (!text.starts_with("bytes ")) return;
  text.remove_prefix(6);
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return;
  const std::optional<std::uint64_t> total = number_of(text.substr(slash + 1));
  if (text[0] == '*') {
    response.all_bytes = total;
  } else if (const auto first = number_of(text.substr(0, text.find('-')))) {
    response.range = ContentRange{*first, total};
  }
}

void read_header(std::string_view line, Response& response) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;
  const std::string name = core::lower_case(std::string(line.substr(0, colon)));
  const std::string value = trimmed(line.substr(colon + 1));
  if (name == "etag") response.etag = value;
  if (name == "last-modified") response.last_modified = value;
  if (name == "content-type") response.content_type = core::lower_case(trimmed(value.substr(0, value.find(';'))));
  if (name == "content-length") response.length = number_of(value);
  if (name == "content-range") read_content_range(value, response);
  if (name == "x-error-code") response.error_code = value;
  if (name == "x-linked-etag" && value.size() > 2) {
    response.linked_etag = value[0] == '"' ? value.substr(1, value.size() - 2) : value;
  }
}

/// One request: what curl calls back to.
class Exchange {
 public:
  Exchange(const Request& request, const TransferOptions& options, Receiver& receiver)
      : receiver_(&receiver), curl_(curl_easy_init()) {
    MARGAY_CHECK(curl_ != nullptr, "libcurl gives no handle");
    set_request(request);
    set_options(options);
    set(CURLOPT_PROXY, proxy_for(request.url, options.proxies).c_str());  // "" too: else curl reads the environment
    set(CURLOPT_NOPROXY, options.proxies.no_proxy.c_str());
  }

  Response run() {
    const CURLcode code = curl_easy_perform(curl_.get());
    if (thrown_) std::rethrow_exception(thrown_);
    if (code != CURLE_OK) throw error_of(code);
    begin();
    if (thrown_) std::rethrow_exception(thrown_);
    char* redirect = nullptr;
    curl_easy_getinfo(curl_.get(), CURLINFO_REDIRECT_URL, &redirect);
    if (redirect != nullptr) response_.redirect = redirect;
    return response_;
  }

 private:
  struct Close {
    void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
  };
  struct FreeList {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };

  template <class T>
  void set(CURLoption option, T value) {
    const CURLcode code = curl_easy_setopt(curl_.get(), option, value);
    MARGAY_CHECK(code == CURLE_OK, fmt::format("libcurl refuses option {}", static_cast<int>(option)));
  }

  void set_request(const Request& request) {
    set(CURLOPT_URL, request.url.text.c_str());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_USERAGENT, "margay");
    if (request.from == 0) return;
    range_ = fmt::format("{}-", request.from);
    set(CURLOPT_RANGE, range_.c_str());
    if (request.if_range.empty()) return;
    headers_.reset(curl_slist_append(nullptr, ("If-Range: " + request.if_range).c_str()));
    set(CURLOPT_HTTPHEADER, headers_.get());
  }

  void set_options(const TransferOptions& options) {
    set(CURLOPT_CONNECTTIMEOUT, static_cast<long>(options.connect_timeout.count()));
    set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(options.stall_timeout.count()));
    set(CURLOPT_LOW_SPEED_LIMIT, kStallBytesPerSecond);
    set(CURLOPT_BUFFERSIZE, kReceiveBytes);
    set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    if (!options.ca_file.empty()) set(CURLOPT_CAINFO, options.ca_file.c_str());
    set(CURLOPT_ERRORBUFFER, static_cast<char*>(words_));
    set(CURLOPT_HEADERFUNCTION, &Exchange::on_header);
    set(CURLOPT_HEADERDATA, this);
    set(CURLOPT_WRITEFUNCTION, &Exchange::on_bytes);
    set(CURLOPT_WRITEDATA, this);
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFOFUNCTION, &Exchange::on_progress);
    set(CURLOPT_XFERINFODATA, this);
  }

  static std::string proxy_for(const Url& url, const Proxies& proxies) {
    const std::string& own = url.scheme == "https" ? proxies.https : proxies.http;
    return own.empty() ? proxies.all : own;
  }

  bool has_file() const { return response_.status == 200 || response_.status == 206; }

  void begin() {
    if (has_begun_ || !has_file()) return;
    has_begun_ = true;
    receiver_->begins(response_);
  }

  /// Nothing may be thrown through curl, which is C.
  template <class Work>
  bool guarded(Work&& work) noexcept {
    try {
      work();
      return true;
    } catch (...) {
      thrown_ = std::current_exception();
      return false;
    }
  }

  static std::size_t on_header(const char* text, std::size_t size, std::size_t count, void* data) {
    Exchange& self = *static_cast<Exchange*>(data);
    const std::string_view line(text, size * count);
    const bool is_read = self.guarded([&] {
      if (line.starts_with("HTTP/")) {
        self.response_ = {};
        curl_easy_getinfo(self.curl_.get(), CURLINFO_RESPONSE_CODE, &self.response_.status);
      } else {
        read_header(line, self.response_);
      }
    });
    return is_read ? line.size() : 0;
  }

  static std::size_t on_bytes(const char* bytes, std::size_t size, std::size_t count, void* data) {
    Exchange& self = *static_cast<Exchange*>(data);
    const std::size_t length = size * count;
    const bool is_taken = self.guarded([&] {
      if (!self.has_file()) return;
      self.begin();
      self.receiver_->receives({reinterpret_cast<const std::uint8_t*>(bytes), length});
    });
    return is_taken ? length : CURL_WRITEFUNC_ERROR;
  }

  static int on_progress(void* data, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    Exchange& self = *static_cast<Exchange*>(data);
    bool is_stopped = false;
    const bool is_asked = self.guarded([&] { is_stopped = self.receiver_->is_stop_wanted(); });
    return is_stopped || !is_asked ? 1 : 0;
  }

  TransferError error_of(CURLcode code) const {
    using enum TransferError::Kind;
    const std::string words = words_[0] != '\0' ? static_cast<const char*>(words_) : curl_easy_strerror(code);
    constexpr long kRefused = 400;
    long proxy_status = 0;
    curl_easy_getinfo(curl_.get(), CURLINFO_HTTP_CONNECTCODE, &proxy_status);
    if (proxy_status >= kRefused) return {kUnreachable, fmt::format("the proxy answers {}", proxy_status)};
    switch (code) {
      case CURLE_ABORTED_BY_CALLBACK:
        return {kStopped, words};
      case CURLE_COULDNT_RESOLVE_HOST:
      case CURLE_COULDNT_RESOLVE_PROXY:
      case CURLE_COULDNT_CONNECT:
        return {kUnreachable, words};
      case CURLE_PEER_FAILED_VERIFICATION:
      case CURLE_SSL_CACERT_BADFILE:
      case CURLE_SSL_ISSUER_ERROR:
        return {kCertificate, words};
      default:
        return {kBroken, words};
    }
  }

  Receiver* receiver_;
  std::unique_ptr<CURL, Close> curl_;
  std::unique_ptr<curl_slist, FreeList> headers_;
  std::string range_;
  char words_[CURL_ERROR_SIZE] = {};  // NOLINT(modernize-avoid-c-arrays): curl's
  Response response_;
  bool has_begun_ = false;
  std::exception_ptr thrown_;
};

}  // namespace

Response transfer(const Request& request, const TransferOptions& options, Receiver& receiver) {
  start_curl();
  return Exchange(request, options, receiver).run();
}

}  // namespace margay::fetch
