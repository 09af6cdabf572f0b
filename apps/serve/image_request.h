#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/serve/image_prediction.h"
#include "margay/http/request.h"
#include "margay/serve/prediction_request.h"
#include "margay/serve/served_model.h"

namespace margay::routes {

/// What a client may ask for beside its images.
struct ImageQuestion {
  std::optional<int> top;           ///< 1 … 1000
  std::optional<double> threshold;  ///< models of several labels
  std::optional<double> alpha;      ///< models that tell unknown images
  std::optional<double> timeout_ms;
};

/// Images to predict.
struct ImageRequest {
  std::vector<serve::ImageInput> images;  ///< at least one
  bool is_list = false;                   ///< they came as a list, and so do their predictions
  ImageQuestion question;
};

/// How POST /predictions/{model} takes images, by the type of the body:
///
/// - application/json: {"image": IMAGE} or {"images": [IMAGE, …]}, where an image is base64 (also as a data: URL) or
///   {"name": …, "base64": …}, beside them the fields of ImageQuestion;
/// - multipart/form-data: each file is an image, in order, and so are fields `image` and `images`; other fields are
///   those of ImageQuestion; one image is no list;
/// - any other: the body is the image. Its name is `name` of the query.
///
/// The query may have the fields of ImageQuestion, too. Throws http::RequestError for everything else.
ImageRequest read_image_request(const http::Request& request);

/// What is said of images by a model. Throws http::RequestError, 400, for what the model cannot do.
PredictionChoice choice_for(const ImageQuestion& question, const serve::ModelFacts& model);

/// When nobody waits for the predictions any more: the server's deadline, or the client's own.
serve::SteadyClock::time_point deadline_of(const http::Request& request, const std::optional<double>& timeout_ms);

/// Bytes as the queue takes them.
serve::ImageBytes image_bytes(std::string_view bytes);

}  // namespace margay::routes
