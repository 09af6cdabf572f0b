#pragma once

#include "apps/serve/service.h"

namespace margay::routes {

/// POST /predictions/{model}: images in any form of read_image_request, predictions as to_json gives them: one object
/// for one image, a list for a list. An image of several that could not be read stands in the list with its `error`;
/// where none could be read, and for one image, the response is 422.
void add_prediction_routes(Api& api, const ServiceParts& parts);

}  // namespace margay::routes
