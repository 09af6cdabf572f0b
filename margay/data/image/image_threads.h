#pragma once

namespace margay::data {

/// How many threads OpenCV may use inside one operation on one image. Process-wide. 1 is right wherever several
/// images are worked on at once, as loaders do.
void use_image_threads(int n);

}  // namespace margay::data
