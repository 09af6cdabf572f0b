#include <cmath>
#include <cstdio>

#include <margay/loss/cross_entropy.h>
#include <margay/model/classifier.h>
#include <torch/torch.h>

int main() {
  const auto classifier = margay::model::make_classifier({.architecture = "resnet20", .num_classes = 4});
  const torch::Tensor logits = classifier->forward(torch::randn({2, 3, 32, 32}));
  const auto loss = margay::loss::cross_entropy(logits, torch::tensor({0, 3}, torch::kLong)).item<double>();
  std::printf("loss %.3f\n", loss);
  return std::isfinite(loss) ? 0 : 1;
}
