#pragma once

#include "apps/serve/service.h"

namespace margay::routes {

/// The extension model_repository of the Open Inference Protocol: /v2/repository/index, and load and unload of the
/// models whose files were named at the start, which only a token may ask for. Bodies are not looked at: no file can be
/// named through them.
void add_repository_routes(Api& api, const ServiceParts& parts);

}  // namespace margay::routes
