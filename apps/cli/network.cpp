#include "apps/cli/network.h"

#include <cstdlib>
#include <initializer_list>

#include "margay/core/text.h"

namespace margay::cli {
namespace {

/// The first of the variables that is set; "" if none is.
std::string first_set(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing sets it meanwhile
    if (value != nullptr && *value != '\0') return value;
  }
  return "";
}

/// As huggingface_hub reads switches: 1, ON, YES, TRUE in any case.
bool says_on(const std::string& value) {
  const std::string text = core::lower_case(value);
  return text == "1" || text == "on" || text == "yes" || text == "true";
}

}  // namespace

fetch::KnownPlaces user_places() {
  return fetch::known_places({.home = first_set({"HOME"}),
                              .xdg_cache_home = first_set({"XDG_CACHE_HOME"}),
                              .torch_home = first_set({"TORCH_HOME"}),
                              .hf_home = first_set({"HF_HOME"}),
                              .hf_hub_cache = first_set({"HF_HUB_CACHE"}),
                              .hugging_face_hub_cache = first_set({"HUGGINGFACE_HUB_CACHE"})});
}

void read_network_variables(fetch::DownloadOptions& options) {
  // HTTP_PROXY is left out, as curl does: a CGI server sets it to what a client sends.
  options.proxies = {.https = first_set({"https_proxy", "HTTPS_PROXY"}),
                     .http = first_set({"http_proxy"}),
                     .all = first_set({"all_proxy", "ALL_PROXY"}),
                     .no_proxy = first_set({"no_proxy", "NO_PROXY"})};
  options.ca_file = first_set({"CURL_CA_BUNDLE", "SSL_CERT_FILE"});
  options.offline = options.offline || says_on(first_set({"HF_HUB_OFFLINE"}));
}

}  // namespace margay::cli
