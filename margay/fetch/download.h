#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "margay/core/options.h"
#include "margay/fetch/file_check.h"
#include "margay/fetch/transfer.h"

namespace margay::fetch {

/// How a file is fetched.
struct DownloadOptions {
  int tries = 5;              ///< in a row that bring nothing; those that bring some of the file are free
  int max_redirects = 10;     ///< of one request
  double stall_seconds = 30;  ///< a transfer that stands still for so long is tried again
  double wait_seconds = 1;    ///< before the second try; twice as long before each further one
  bool offline = false;       ///< refuse to open a connection
  Proxies proxies = {};
  std::filesystem::path ca_file = {};  ///< certificates to trust, PEM; "": the system's

  static const core::OptionTable& fields();
};

/// Hears how a download goes. All calls come from the calling thread.
class DownloadObserver {
 public:
  virtual ~DownloadObserver() = default;
  /// So many bytes are there from an earlier fetch.
  virtual void continues(std::uint64_t /*bytes*/) {}
  /// total: 0 if the server does not say.
  virtual void progressed(std::uint64_t /*done*/, std::uint64_t /*total*/) {}
  /// A transfer broke off, and another one begins.
  virtual void tries_again(const std::string& /*why*/) {}
  virtual bool is_stop_wanted() const { return false; }
};

/// A file that has arrived.
struct Downloaded {
  std::uint64_t bytes = 0;
  std::uint64_t received_bytes = 0;  ///< over the network, now
  std::string sha256;
  /// What it was compared with: the stored facts, or the SHA-256 that the publisher's own server told
  /// (X-Linked-Etag). False: with nothing, since nobody says what it should be.
  bool is_checked = false;
};

/// Fetches a file from the web. It appears under its name when all of it is there and is what facts say, or not at all.
/// What has arrived lies in FILE.part, also after kill -9, and the next call asks for the rest (Range, If-Range; RFC
/// 9110, section 14), or begins anew if the file on the server is another by then. A file that is there is replaced.
///
/// https only; http where facts hold a whole SHA-256 or the host is this machine. Redirects are followed to https, and
/// to http only from http under the same condition, never to other schemes. Certificates are checked. Server errors and
/// broken transfers are tried again; an unreachable host, a wrong certificate and a refusal end it at once.
///
/// Throws core::Error, naming the address, for all of these; core::DataError for a file that is not what facts say, of
/// which nothing is kept; core::IoError for a full disk and the like; core::Interrupted where the observer wants a
/// stop; std::invalid_argument for what is no address.
Downloaded download(const std::string& url, const std::filesystem::path& file, const FileFacts& facts,
                    const DownloadOptions& options, DownloadObserver& observer);

}  // namespace margay::fetch
