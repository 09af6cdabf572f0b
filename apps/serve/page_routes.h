#pragma once

#include "apps/serve/service.h"

namespace margay::routes {

/// The page to drop an image on, at "/", with its script and its style, and POST /maps/{model}, which draws the
/// activation map of an image for it. Nothing is read from the disk.
void add_page_routes(Api& api, const ServiceParts& parts);

}  // namespace margay::routes
