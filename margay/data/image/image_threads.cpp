#include "margay/data/image/image_threads.h"

#include <opencv2/core/utility.hpp>

namespace margay::data {

void use_image_threads(int n) { cv::setNumThreads(n); }

}  // namespace margay::data
