#include "margay/fetch/download.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/core/machine.h"
#include "margay/core/quantity.h"
#include "margay/core/text.h"
#include "margay/fetch/partial_file.h"

namespace margay::fetch {

const core::OptionTable& DownloadOptions::fields() {
  static const core::OptionTable table(
      "download", {core::field<&DownloadOptions::tries>(
                       "tries", "give up after so many tries in a row that bring nothing", {1, 1000}),
                   core::field<&DownloadOptions::max_redirects>("max_redirects", "of one request", {0, 100}),
                   core::field<&DownloadOptions::stall_seconds>(
                       "stall_seconds", "try again when less than 64 bytes a second arrive for so long", {1, 3600}),
                   core::field<&DownloadOptions::wait_seconds>(
                       "wait_seconds", "before the second try; doubled before each next one", {0, 600}),
                   core::field<&DownloadOptions::offline>("offline", "open no connection; say what would be fetched")});
  return table;
}

namespace {

constexpr std::size_t kWholeSha256 = 64;

/// A try that may be repeated.
class BrokenTry : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What has arrived is not the beginning of what the server now has.
class OtherFile : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

bool may_be_fetched(const Url& url, const FileFacts& facts) {
  if (url.scheme == "https") return true;
  return url.scheme == "http" && (url.is_loopback() || facts.sha256.size() == kWholeSha256);
}

/// Facts, completed by what the publisher's server says.
FileFacts with_server_facts(FileFacts facts, const Origin& origin) {
  if (!facts.has_hash()) facts.sha256 = origin.sha256;
  return facts;
}

class Download : public Receiver {
 public:
  Download(Url url, const std::filesystem::path& file, const FileFacts& facts, const DownloadOptions& options,
           DownloadObserver& observer)
      : url_(std::move(url)),
        file_(file),
        facts_(facts),
        options_(options),
        observer_(observer),
        part_(file),
        transfer_{.stall_timeout = std::chrono::seconds(std::llround(std::ceil(options.stall_seconds))),
                  .proxies = options.proxies,
                  .ca_file = options.ca_file} {}

  Downloaded run() {
    const bool continues = is_usable();
    if (continues) observer_.continues(part_.size());
    complete();
    std::string problem = part_difference();
    if (!problem.empty() && continues) {  // perhaps two versions of the file were put together
      forget();
      complete();
      problem = part_difference();
    }
    if (!problem.empty()) refuse(problem);
    part_.commit();
    return {.bytes = part_.size(), .received_bytes = received_, .sha256 = sum_, .is_checked = expected().has_hash()};
  }

  void begins(const Response& response) override {
    if (response.content_type == "text/html" && !file_.filename().string().ends_with(".html")) {
      throw core::Error(fmt::format(
          "{}: the answer is a web page, not the file; a proxy or a page to log in may stand between", asked_));
    }
    if (response.status == 206) return check_goes_on(response);
    const std::uint64_t total = response.length.value_or(0);
    if (total != 0 && facts_.bytes != 0 && total != facts_.bytes) {
      refuse(fmt::format("has {} bytes, not {}", total, facts_.bytes));
    }
    part_.begin({.url = url_.text,
                 .etag = response.etag,
                 .last_modified = response.last_modified,
                 .bytes = total,
                 .sha256 = linked_sha256_,
                 .boot = core::boot_id()});
    check_room(total);
  }

  void receives(std::span<const std::uint8_t> bytes) override {
    if (facts_.bytes != 0 && part_.size() + bytes.size() > facts_.bytes) {
      refuse(fmt::format("has more than {} bytes", facts_.bytes));
    }
    part_.append(bytes);
    received_ += bytes.size();
    observer_.progressed(part_.size(), total());
  }

  bool is_stop_wanted() const override { return observer_.is_stop_wanted(); }

 private:
  std::uint64_t total() const { return part_.origin() ? std::max(part_.origin()->bytes, facts_.bytes) : facts_.bytes; }
  FileFacts expected() const { return with_server_facts(facts_, part_.origin().value_or(Origin{})); }

  /// Whether the rest can be asked for. After a power cut only a hash tells whether what was written is there.
  bool is_usable() const {
    if (!part_.origin() || part_.size() == 0) return false;
    const Origin& origin = *part_.origin();
    const bool is_whole = origin.boot == core::boot_id() || with_server_facts(facts_, origin).has_hash();
    const bool fits = origin.bytes == 0 || part_.size() <= origin.bytes;
    return origin.url == url_.text && !origin.validator().empty() && is_whole && fits;
  }

  bool is_complete() const {
    return is_usable() && part_.origin()->bytes != 0 && part_.size() == part_.origin()->bytes;
  }

  /// What has arrived counts no longer.
  void forget() { part_.begin({.url = url_.text}); }

  std::string part_difference() {
    sum_ = part_.sha256();
    return difference(part_.path(), sum_, expected());
  }

  [[noreturn]] void refuse(const std::string& problem) {
    part_.discard();
    throw core::DataError(file_,
                          fmt::format("was not fetched: what {} gives {}. Nothing of it is kept", url_.text, problem));
  }

  void check_goes_on(const Response& response) const {
    const bool is_next = response.range && response.range->first == part_.size();
    const std::uint64_t all = part_.origin() ? part_.origin()->bytes : 0;
    const bool is_as_long = is_next && (!response.range->total || all == 0 || *response.range->total == all);
    const bool is_same = response.etag.empty() || !part_.origin() || part_.origin()->etag.empty() ||
                         response.etag == part_.origin()->etag;
    if (!is_next || !is_as_long || !is_same) throw OtherFile("the server sends another part than was asked for");
  }

  void check_room(std::uint64_t bytes) const {
    std::error_code unknown;
    const std::filesystem::space_info space = std::filesystem::space(part_.path().parent_path(), unknown);
    if (unknown || bytes <= space.available) return;
    throw core::IoError(
        file_, fmt::format("needs {}, and {} are free here", core::size_text(bytes), core::size_text(space.available)));
  }

  /// Tries until all is there.
  void complete() {
    int fruitless = 0;
    while (!is_complete()) {
      const std::uint64_t before = part_.size();
      std::string why;
      try {
        request_rest();
        return;
      } catch (const OtherFile& other) {
        why = other.what();
        forget();
      } catch (const BrokenTry& broken) {
        why = broken.what();
      }
      fruitless = part_.size() >= before + least_progress() ? 0 : fruitless + 1;
      if (fruitless >= options_.tries) {
        throw core::Error(
            fmt::format("{}: {}. {} tries in a row brought nothing; what has arrived is kept, and the "
                        "next fetch goes on there",
                        url_.text, why, fruitless));
      }
      observer_.tries_again(why);
      wait(fruitless);
    }
  }

  std::uint64_t least_progress() const {
    constexpr std::uint64_t kBlock = 65536;
    return std::clamp<std::uint64_t>(total() / 100, 1, kBlock);
  }

  void wait(int fruitless) const {
    if (fruitless == 0) return;
    const double seconds = options_.wait_seconds * std::pow(2.0, std::min(fruitless - 1, 6));
    const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    while (std::chrono::steady_clock::now() < until) {
      if (is_stop_wanted()) stop();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  [[noreturn]] void stop() const {
    throw core::Interrupted(
        fmt::format("The fetch of {} was stopped; what has arrived is kept, and the next fetch goes on there",
                    core::shown_path(file_)));
  }

  /// One request, with its redirects.
  void request_rest() {
    Request request{.url = url_};
    if (is_usable()) {
      request.from = part_.size();
      request.if_range = part_.origin()->validator();
    }
    for (int redirects = 0;; ++redirects) {
      const Response response = exchange(request);
      if (redirects == 0) note_linked(response);
      if (response.redirect.empty()) return settle(response);
      if (redirects == options_.max_redirects) {
        throw core::Error(fmt::format("{}: more than {} redirects", url_.text, options_.max_redirects));
      }
      request.url = redirected(request.url, response.redirect);
    }
  }

  /// The hub tells the hash of a large file in its redirect; only the publisher's own host is asked.
  void note_linked(const Response& response) {
    const std::string told = core::lower_case(response.linked_etag);
    const bool is_hash = told.size() == kWholeSha256 && hash_in_name("-" + told + ".") == told;
    linked_sha256_ = is_hash ? told : "";
  }

  Url redirected(const Url& from, const std::string& to) const {
    const Url next = parse_url(to);
    const bool is_allowed = may_be_fetched(next, facts_) && (next.scheme == "https" || from.scheme == "http");
    if (is_allowed) return next;
    throw core::Error(fmt::format("{}: leads to {}, and only https is followed", url_.text, core::one_line(to)));
  }

  Response exchange(const Request& request) {
    asked_ = request.url.text;
    try {
      return transfer(request, transfer_, *this);
    } catch (const TransferError& error) {
      switch (error.kind()) {
        case TransferError::Kind::kStopped:
          stop();
        case TransferError::Kind::kUnreachable:
          if (received_ > 0) throw BrokenTry(error.what());
          throw core::Error(
              fmt::format("{} cannot be reached: {} (for {})", request.url.host, error.what(), request.url.text));
        case TransferError::Kind::kCertificate:
          throw core::Error(fmt::format("{}: its certificate is wrong: {} (for {})", request.url.host, error.what(),
                                        request.url.text));
        case TransferError::Kind::kBroken:
          throw BrokenTry(error.what());
      }
      throw;
    }
  }

  /// What a response without redirect means.
  void settle(const Response& response) const {
    constexpr std::array<long, 3> kLater = {408, 425, 429};
    const long status = response.status;
    if (status == 200 || status == 206) return check_is_whole();
    if (status == 416) throw OtherFile("the server has fewer bytes than have arrived");
    if (status >= 500 || std::find(kLater.begin(), kLater.end(), status) != kLater.end()) {
      throw BrokenTry(fmt::format("the server answers with status {}", status));
    }
    if (response.error_code == "GatedRepo") {
      throw core::Error(
          fmt::format("{}: its publisher gives it to those who have agreed to its licence. Agree on the page of the "
                      "model, fetch the "
                      "file there, and name it with `weights`",
                      url_.text));
    }
    throw core::Error(fmt::format("{}: the server refuses with status {}{}", url_.text, status,
                                  status == 404 || status == 410 ? ", there is no such file" : ""));
  }

  void check_is_whole() const {
    const std::uint64_t all = part_.origin() ? part_.origin()->bytes : 0;
    if (all != 0 && part_.size() < all) throw BrokenTry(fmt::format("{} of {} bytes arrived", part_.size(), all));
  }

  Url url_;
  const std::filesystem::path& file_;
  const FileFacts& facts_;
  const DownloadOptions& options_;
  DownloadObserver& observer_;
  PartialFile part_;
  TransferOptions transfer_;
  std::string asked_;  ///< the address of the present request
  std::string linked_sha256_;
  std::string sum_;
  std::uint64_t received_ = 0;
};

}  // namespace

Downloaded download(const std::string& url, const std::filesystem::path& file, const FileFacts& facts,
                    const DownloadOptions& options, DownloadObserver& observer) {
  core::validate(options);
  const Url parsed = parse_url(url);
  if (!may_be_fetched(parsed, facts)) {
    throw core::Error(fmt::format("{}: is not fetched, since only https shows who sends it", url));
  }
  if (std::filesystem::is_directory(file)) throw core::IoError(file, "is a folder; a file was to be put there");
  if (options.offline) throw core::Error(fmt::format("{}: is not fetched, since `offline` forbids it", url));
  return Download(parsed, file, facts, options, observer).run();
}

}  // namespace margay::fetch
