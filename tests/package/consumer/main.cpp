#include <cmath>
#include <cstdio>

#include <margay/data/image/heif_decoder.h>
#include <margay/data/image/read_image.h>
#include <margay/loss/cross_entropy.h>
#include <margay/model/classifier.h>
#include <torch/torch.h>

int main(int argc, char** argv) {
  margay::data::use_heif_decoder({.program = HEIF_DECODER});
  for (int i = 1; i < argc; ++i) std::printf("%s: %d pixels wide\n", argv[i], margay::data::read_image(argv[i]).width);
  const auto classifier = margay::model::make_classifier({.architecture = "resnet20", .num_classes = 4});
  const torch::Tensor logits = classifier->forward(torch::randn({2, 3, 32, 32}));
  const auto loss = margay::loss::cross_entropy(logits, torch::tensor({0, 3}, torch::kLong)).item<double>();
  std::printf("loss %.3f\n", loss);
  return std::isfinite(loss) ? 0 : 1;
}
