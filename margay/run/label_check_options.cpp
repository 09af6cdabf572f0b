#include "margay/run/label_check_options.h"

#include <stdexcept>

#include "margay/train/recipe/recipe_text.h"

namespace margay::run {

void check_label_options(const LabelCheckOptions& options) {
  core::validate(options);
  core::check_rules(options);
  if (!options.recipe.empty()) train::parse_recipe(options.recipe);
}

const core::OptionTable& LabelJudgeOptions::fields() {
  using O = LabelJudgeOptions;
  static const core::OptionTable table(
      "label_judge",
      {core::field<&O::filter>("filter",
                               "which labels count as wrong: prune_by_noise_rate, prune_by_class, both, "
                               "confident_learning, predicted_neq_given, low_normalized_margin, low_self_confidence"),
       core::field<&O::rank_by>(
           "rank_by",
           "their order: self_confidence, normalized_margin or confidence_weighted_entropy, the lowest first"),
       core::field<&O::label_fraction>("label_fraction",
                                       "of the wrong labels that are estimated, the share that the filters prune_by_… "
                                       "and both take",
                                       {0, 1}),
       core::field<&O::least_of_class>("least_of_class", "images of each class that these filters keep in any case",
                                       {0, 1e9}),
       core::field<&O::copies>("copies", "also look for images that are cut out of others, perhaps mirrored"),
       core::field<&O::outliers>("outliers", "also look for images that are far from every class"),
       core::field<&O::class_groups>("class_groups",
                                     "also look for classes of two kinds of images, and for two classes that are one"),
       core::field<&O::grouping>(
           "grouping", "which images are left out together: given groups, near_copies, none; auto: given if there are"),
       core::field<&O::seed>("seed", "of folds and of draws")});
  return table;
}

const core::OptionTable& LabelCheckOptions::fields() {
  using O = LabelCheckOptions;
  const std::vector<std::string> kSources = {"probabilities", "folds"};
  static const core::OptionTable table(
      "label_check",
      {core::field<&O::model>("model", "judge by this model, for the images that it was not trained on",
                              {core::excludes(kSources, "the probabilities")}),
       core::field<&O::probabilities>(
           "probabilities",
           "judge by probabilities of another program: CSV with a column for each class, .npy or .safetensors",
           {core::excludes({"folds"}, "the probabilities")}),
       core::field<&O::folds>("folds", "judge by so many trainings, each predicting a part that it did not have",
                              {2, 1000}),
       core::field<&O::arch>("arch", "network: a name of `architectures`"),
       core::field<&O::network>("network", "whose features are probed, or that is trained"),
       core::field<&O::size>("size", "side of the network's input, pixels", {8, 4096}),
       core::field<&O::batch_size>("batch_size", "images of a batch", {1, 65536}),
       core::field<&O::keep_features>("keep_features",
                                      "keep the features in the cache folder: the next check takes seconds"),
       core::field<&O::epochs>("epochs", "of each training, after one with only its head", {1, 1e6},
                               {core::needs({"folds"}), core::excludes({"recipe"}, "the length of a training")}),
       core::field<&O::recipe>("recipe", "stages of each training", {core::needs({"folds"})}),
       core::field<&O::judge>("judge", "how labels are judged")});
  return table;
}

}  // namespace margay::run
