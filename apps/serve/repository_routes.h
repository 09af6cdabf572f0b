#pragma once

#include <string>

#include "apps/serve/service.h"

namespace margay::routes {

/// The extension model_repository of the Open Inference Protocol: /v2/repository/index, and load and unload of the
/// models whose files were named at the start, which only a token may ask for. Bodies are not looked at: no file can be
/// named through them.
void add_repository_routes(Api& api, const ServiceParts& parts);

/// What is said after a load that failed: "pets is served as before: PROBLEM", or that it is not served.
std::string not_loaded(const serve::ModelStore& store, const std::string& name, const std::string& problem);

}  // namespace margay::routes
