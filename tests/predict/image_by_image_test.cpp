#include "margay/predict/image_by_image.h"

#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/model/architecture/architectures.h"
#include "margay/model/cpu_threads.h"
#include "margay/model/fold_batch_norms.h"
#include "margay/model/packed_convolution.h"
#include "tests/support/test_scale.h"

namespace margay::predict {
namespace {

/// Two threads, as a server has at least, and those of before at the end.
class TwoThreads {
 public:
  TwoThreads() { model::use_cpu_threads(2); }
  ~TwoThreads() { model::use_cpu_threads(before_); }

 private:
  const int before_ = at::get_num_threads();
};

struct NetworkCase {
  std::string architecture;
  std::int64_t px;
};

/// A few in ./test; nightly all.
std::vector<NetworkCase> network_cases() {
  if (testing_support::scaled(0, 1) == 0) return {{"resnet20", 32}, {"squeezenet1_1", 48}, {"linear", 28}};
  std::vector<NetworkCase> all;
  for (const model::Architecture& each : model::architectures()) all.push_back({each.name, 64});
  return all;
}

/// Of the batches that are compared with the one of 16.
std::vector<std::int64_t> batch_sizes() {
  if (testing_support::scaled(0, 1) == 0) return {1, 5};
  std::vector<std::int64_t> all(15);
  std::iota(all.begin(), all.end(), std::int64_t{1});
  return all;
}

struct ServedNetwork {
  std::shared_ptr<model::Classifier> classifier;
  std::int64_t px = 0;
};

/// The network in eval mode as a predictor has it, of px pixels or of the next size that it takes: some have positions
/// for one size, which image_px makes another, some patches of 14 pixels, and some are of 28 pixels alone.
ServedNetwork served(const NetworkCase& network) {
  const torch::NoGradGuard no_grad;
  for (const std::int64_t px : {network.px, std::int64_t{56}, std::int64_t{28}}) {
    for (const std::optional<std::int64_t> image_px : {std::optional<std::int64_t>(), std::optional(px)}) {
      torch::manual_seed(1);
      try {
        const auto classifier =
            model::make_classifier({.architecture = network.architecture, .num_classes = 11, .image_px = image_px});
        classifier->eval();
        model::fold_batch_norms(*classifier);
        classifier->eval();
        model::pack_convolutions(*classifier, px);
        classifier->forward(torch::zeros({1, 3, px, px}));
        return {classifier, px};
      } catch (const std::exception&) {  // it wants another size
      }
    }
  }
  ADD_FAILURE() << network.architecture << " takes no size";
  return {};
}

TEST(ImageByImage, GivesAnImageTheSameBitsAmongAnyCompanions) {
  const TwoThreads threads;
  for (const NetworkCase& network : network_cases()) {
    const ServedNetwork taken = served(network);
    const auto classifier = taken.classifier;
    const std::int64_t px = taken.px;
    ASSERT_NE(classifier, nullptr);
    const torch::Tensor images = torch::randn({16, px, px, 3}).permute({0, 3, 1, 2});
    const torch::NoGradGuard no_grad;
    const ImageByImage each;
    const auto outputs_of = [&](std::int64_t first, std::int64_t count) {
      return each.outputs_of(*classifier, images.slice(0, first, first + count), NetworkOutput::kLogitsAndFeatures,
                             model::Precision::kFp32);
    };
    const LogitsAndFeatures all = outputs_of(0, 16);
    for (const std::int64_t count : batch_sizes()) {
      const std::int64_t first = count % 2 == 0 ? 0 : 16 - count;
      const LogitsAndFeatures some = outputs_of(first, count);
      EXPECT_TRUE(some.logits.equal(all.logits.slice(0, first, first + count)))
          << network.architecture << " of " << px << " pixels, " << count << " images";
      EXPECT_TRUE(some.features.equal(all.features.slice(0, first, first + count))) << network.architecture;
    }
    each.prove(*classifier, {1, 3, px, px}, model::Precision::kFp32);
    EXPECT_TRUE(outputs_of(3, 1).logits.equal(all.logits.slice(0, 3, 4))) << network.architecture << " after the proof";
  }
}

TEST(ImageByImage, ComputesWhatIsAskedForAndWhatTheNetworkDoes) {
  const auto classifier = served({"resnet20", 16}).classifier;
  const torch::Tensor images = torch::randn({5, 16, 16, 3}).permute({0, 3, 1, 2});
  const torch::NoGradGuard no_grad;
  const ImageByImage each;
  const auto outputs = [&](NetworkOutput output) {
    return each.outputs_of(*classifier, images, output, model::Precision::kFp32);
  };
  const LogitsAndFeatures logits = outputs(NetworkOutput::kLogits);
  const LogitsAndFeatures features = outputs(NetworkOutput::kFeatures);
  EXPECT_FALSE(logits.features.defined());
  EXPECT_FALSE(features.logits.defined());
  EXPECT_TRUE(logits.logits.allclose(classifier->forward(images), 1e-4, 1e-4));
  EXPECT_TRUE(features.features.allclose(features_of(*classifier, images, model::Precision::kFp32), 1e-4, 1e-4));
}

TEST(ImageByImage, PassesOnWhatOneImageThrows) {
  const auto classifier = served({"resnet20", 16}).classifier;
  const ImageByImage each;
  EXPECT_ANY_THROW(
      each.outputs_of(*classifier, torch::randn({4, 2, 16, 16}), NetworkOutput::kLogits, model::Precision::kFp32));
}

}  // namespace
}  // namespace margay::predict
