#pragma once

#include "apps/serve/service.h"

namespace margay::routes {

/// The routes of the Open Inference Protocol: /v2, /v2/models/{model}[/versions/{version}][/ready] and …/infer. A model
/// takes one input: `image`, BYTES [N], image files; or `pixels`, FP32 [N,3,S,S], what the network sees. It gives
/// `probabilities` and `logits`, FP32 [N,K], and `label`, BYTES [N], or with several labels `labels`, BOOL [N,K]; a
/// model that tells unknown images also `none_of_these`, BOOL [N], and `p_known`, FP64 [N]. A request is answered as a
/// whole: an image that cannot be read refuses it.
void add_v2_routes(Api& api, const ServiceParts& parts);

}  // namespace margay::routes
