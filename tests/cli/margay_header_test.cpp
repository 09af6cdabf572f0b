#include "margay/margay.h"

#include <algorithm>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>

// As a program of a user that takes everything from both. Within a namespace, because tests share translation units.
namespace a_users_program {

using namespace margay;  // NOLINT(google-build-using-namespace): that this compiles is what is tested
using namespace std;     // NOLINT(google-build-using-namespace)

TEST(MargayHeader, StandsBesideTheStandardLibrary) {
  const vector<string> names = metric_names(TargetKind::kOneClass);
  EXPECT_EQ(count(names.begin(), names.end(), "accuracy"), 1);
  EXPECT_EQ(metric_by_name("error_rate")->name(), "error_rate");
  const DataBlock block = DataBlock()
                              .label(regex_labels("(.+)_"))
                              .split(random_split({.valid_fraction = 0.2}))
                              .item_transform(resize({.size = 460}))
                              .batch_transform(augment({.size = 224}));
  EXPECT_TRUE(block.warnings().empty());
  const Stages stages = parse_recipe("freeze 1 epoch at 1e-3");
  EXPECT_EQ(stages.size(), 1U);
  EXPECT_EQ(to_text(Precision::kBf16), "bf16");
  EXPECT_EQ(to_json(AugmentOptions{})["size"], AugmentOptions{}.size);
  EXPECT_THROW(find_architecture("no_such_network"), invalid_argument);
  const auto loss = cross_entropy(torch::zeros({2, 4}), torch::zeros({2}, torch::kLong));
  EXPECT_NEAR(loss.item<double>(), log(4.0), 1e-6);
}

/// Names that a program says without a layer: none may be two things.
template <class... Types>
constexpr bool all_are_objects() {
  return (is_object_v<Types> && ...);
}
static_assert(all_are_objects<Image, Split, Batch, Dataset, Loader, Loaders, Labels, Normalization, Resize, Augment,
                              Vocabulary, Summary, Task, Bundle, Error, DataError, ExitCode, LineChart, Metric, Metrics,
                              Accuracy, Classifier, Predictor, Learner, Callback, EpochRecord, Stage, Schedule,
                              Progress, Predictions, Swa, Distillation>());
static_assert(is_function_v<decltype(softmax)> && is_function_v<decltype(sigmoid)>);
static_assert(is_same_v<decltype(&error_rate), double (*)(const torch::Tensor&, const torch::Tensor&)>);

}  // namespace a_users_program
