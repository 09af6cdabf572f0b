#pragma once

#include <string>

#include "margay/fetch/download.h"
#include "margay/fetch/known_places.h"

namespace margay::cli {

/// Where the user's programs keep what they have fetched, as the environment says: XDG_CACHE_HOME, TORCH_HOME, HF_HOME,
/// HF_HUB_CACHE, HOME.
fetch::KnownPlaces user_places();

/// Adds what the environment says about the network, as curl reads it: https_proxy, http_proxy, all_proxy, no_proxy,
/// CURL_CA_BUNDLE, SSL_CERT_FILE; and HF_HUB_OFFLINE.
void read_network_variables(fetch::DownloadOptions& options);

}  // namespace margay::cli
