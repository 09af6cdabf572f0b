#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "apps/studio/access.h"
#include "apps/studio/studio_options.h"
#include "margay/http/listener.h"

namespace margay::studio {

/// What the arguments of `margay studio` say, read by the table of options alone. Nothing where they hold more than
/// folders and plain values, or something wrong, or a device or the browser: only the whole program knows what to do.
std::optional<StudioOptions> plain_options(const std::vector<std::string>& arguments);

/// Two processes that begin one studio. The first loads no LibTorch: it listens, prints the address, and answers
/// requests for the page itself, with the same StudioPage, Access and http::Server as the second. That one, the
/// program, has everything else; requests for it wait and are handed over with their connections (http/hand_over.h),
/// and when it is there, the first one ends.
struct StudioStart {
  std::string token;     ///< that the address was printed with
  int page_process = 0;  ///< the first one's, a child of the second one's
  int end = -1;          ///< ServerOptions::predecessor; the listening sockets are sd_listen_fds(3)'s
};

/// The first process: serves the page until the second is there, or has ended.
void serve_page(const StudioOptions& options, Access& access, const std::vector<http::Listener>& listeners, int end);

/// Leaves the sockets and the rest where take_start() and sd_listen_fds(3) find them after the next exec.
/// ends: of hand_over_pair().
void leave_start(const StudioStart& start, const std::vector<http::Listener>& listeners,
                 const std::array<int, 2>& ends);
/// What was left for this process, once.
std::optional<StudioStart> take_start();

}  // namespace margay::studio
