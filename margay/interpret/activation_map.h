#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include <torch/types.h>

#include "margay/model/classifier.h"
#include "margay/model/precision.h"

namespace margay::interpret {

/// How an activation map is computed.
enum class MapMethod {
  /// Class activation map (Zhou et al. 2016, arXiv:1512.04150, section 2), for heads that take the mean over all
  /// places and are affine from there: the head applied at each place, without its bias. The mean of the map plus the
  /// bias is the logit.
  kCam,
  /// The sum over channels of activation times gradient of the logit (HiResCAM, Draelos and Carin 2020,
  /// arXiv:2011.08891, equation 3), times the number of places.
  kHiResCam,
  /// Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391, equations 1 and 2, without the ReLU): the same with the mean of
  /// the gradient over all places.
  kGradCam,
};

constexpr auto names(MapMethod /*tag*/) {
  return std::array{std::pair{MapMethod::kCam, "cam"}, std::pair{MapMethod::kHiResCam, "hirescam"},
                    std::pair{MapMethod::kGradCam, "gradcam"}};
}

/// The method for a network, by its head and the place of its map: CAM where it is exact; Grad-CAM for class tokens, as
/// is usual for ViTs; HiResCAM otherwise.
MapMethod map_method(const model::Classifier& classifier);
/// The same of a backbone with a head.
MapMethod map_method(const model::Backbone& backbone, const torch::nn::Sequential& head);

/// What is computed of a batch, and how.
struct ActivationMapOptions {
  /// Integers [N] or [N,M], each in [0, K): the classes of each image whose maps are wanted. Undefined: the one with
  /// the largest logit, M = 1.
  torch::Tensor classes = {};
  /// In place of `classes`, and called with the predicted classes, int64 [N]: gives the classes of the maps.
  std::function<torch::Tensor(const torch::Tensor& predicted)> choose = {};
  /// As resolve_precision returns it, never kAuto; that of store_weights_in, if it was called.
  model::Precision precision = model::Precision::kFp32;
  /// Another method than map_method(). kCam: only where it is exact.
  std::optional<MapMethod> method = std::nullopt;
};

/// The maps of a batch: where the image speaks for a class (positive) and where against it (negative). Neither
/// rectified nor scaled: in units of logits, so that maps of several classes and images can be compared.
struct ActivationMaps {
  MapMethod method = MapMethod::kCam;
  torch::Tensor values;   ///< float [N,M,h,w], on the CPU
  torch::Tensor classes;  ///< int64 [N,M], on the CPU
  torch::Tensor logits;   ///< float [N,K], on the CPU
  /// kCam: float [N,M], the logits of a featureless image; values.mean({2, 3}) + bias are the logits of the classes.
  /// Undefined for other methods, which do not claim that.
  torch::Tensor bias;
  model::MapGrid rows, columns;  ///< where the h rows and w columns of cells lie in the image
};

/// The maps of images [N,C,H,W], normalised, on the network's device. One forward pass of the backbone for the batch;
/// CAM needs nothing more, the others one backward pass through the head (ViT: and the last block) for each of the M
/// classes. The network must be in eval mode and is not changed; no gradients of its parameters are computed or
/// accumulated, so several threads may use it. Works within a torch::NoGradGuard. Throws std::invalid_argument for
/// classes out of range, both `classes` and `choose`, shapes, a network in train mode, and kCam where it is not exact;
/// core::Error where logits or maps are not finite.
ActivationMaps activation_maps(model::Classifier& classifier, const torch::Tensor& images,
                               const ActivationMapOptions& options = {});

/// A map at each pixel of an image of height x width: bilinear between the centres of cells, constant beyond the
/// outermost. values: float [h,w]. Result: float [height,width].
torch::Tensor map_at_pixels(const torch::Tensor& values, const model::MapGrid& rows, const model::MapGrid& columns,
                            std::int64_t height, std::int64_t width);

/// A pixel of an image.
struct MapPeak {
  std::int64_t row = 0;
  std::int64_t column = 0;
  double value = 0;  ///< of the map
};

/// The pixel in which the centre of the map's largest cell lies (the first of equal ones), within the image.
MapPeak map_peak(const torch::Tensor& values, const model::MapGrid& rows, const model::MapGrid& columns,
                 std::int64_t height, std::int64_t width);

}  // namespace margay::interpret
