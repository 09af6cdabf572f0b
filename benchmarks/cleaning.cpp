// How well wrong labels are found, and what it is worth to remove them.
//
//   cleaning score SHARED OUT [SETS [SEEDS]]   labels are made wrong, and every image is judged by a probe without it
//   cleaning folds SHARED OUT [SETS [SEEDS]]   the same judged by five trainings, at one noise a set, with both times
//   cleaning probe SHARED OUT [SETS [SEEDS]]   errors on clean validation images after a probe has learnt from wrong
//                                              labels, from what is left without the flagged images ("cleaned"), from
//                                              the true labels of these and the given ones of the others ("reviewed":
//                                              what somebody who looks at them gets), and from the true labels
//   cleaning train SHARED OUT [SETS [SEEDS]]   the same after trainings, without "reviewed"; not for pets
//   cleaning speed                             10,000 images scored, once their features are there
//   cleaning tables OUT                        the results so far as tables; exit code 1 where a goal is missed
//
// Goals: the AUPRC of the probe at most .02 below that of five trainings, in at most a fifth of their time; where the
// wrong labels cost more than two paired standard errors of the error, cleaning gives back half of it.
//
// SHARED: a folder with data/pets (images/, labels.csv), data/mnist_3_7 and weights/resnet18-imagenet.safetensors; OUT:
// a folder that keeps the drawn sample, the features and one line for each trial, so that a trial is made once, and an
// interrupted run goes on where it stopped. SETS, separated by commas: sample, mnist, pets (all). SEEDS: 3, the
// first ones.
//
// Wrong are exactly 5, 10 and 20 % of the training labels (pets: 20 %), drawn at random: either each gets any other
// class ("symmetric"), or that of the nearest mean of features ("similar"). With two classes both are the same. The
// images have 32, 64 (sample) or 224 pixels (pets) both for the probe, on ResNet-18's ImageNet features, and for the
// training, fine_tune(3) of the same network.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "benchmarks/noisy_set.h"
#include "benchmarks/timing.h"
#include "margay/interpret/label_issues.h"
#include "margay/interpret/wrong_label_share.h"
#include "margay/margay.h"
#include "margay/metric/average_precision.h"
#include "margay/metric/folds.h"
#include "margay/predict/features.h"
#include "margay/predict/image_groups.h"
#include "margay/train/probe/probe.h"

namespace {

using benchmarks::seconds_of;
using benchmarks::split_at_commas;

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using margay::interpret::LabelQuality;
using margay::predict::Features;
using noisy_set::name_of;
using noisy_set::Noise;
using noisy_set::Places;
using noisy_set::Set;
using torch::Tensor;

/// What the features of the training images cost where none are kept.
double seconds_of_features(const std::string& name, const Set& set, const Places& places) {
  margay::DataBlock block = noisy_set::block_of(name, places);
  noisy_set::add_transforms(block, set);
  const margay::Loaders loaders = block.loaders({.batch_size = 64});
  const auto network = noisy_set::feature_network(places);
  return seconds_of([&] {
    const Features features = margay::predict::collect_features(*network, loaders.train, {.with_changed_views = true});
    margay::predict::group_images(features, loaders.train.dataset());
  });
}

// ---- classifiers ----

margay::train::ProbeResult fit_probe(const Set& set, const Tensor& kept, const Tensor& labels) {
  Features train;
  train.rows = set.train.features.rows.index_select(0, kept);
  train.targets = labels.index_select(0, kept);
  train.ids.resize(static_cast<std::size_t>(kept.size(0)));
  for (std::size_t i = 0; i < train.ids.size(); ++i) train.ids[i] = i;
  return margay::train::fit_probe(train, nullptr, {.train = set.train.groups.index_select(0, kept), .valid = {}},
                                  set.num_classes(), margay::data::Task::kSingleLabel, {.learning_curve = false});
}

Tensor all_rows(const Set& set) { return torch::arange(set.train.size()); }

/// Trains on some of the training images with these labels, and predicts others: float [M,K].
Tensor trained_predictions(const Set& set, const Tensor& kept, const Tensor& labels,
                           const std::vector<fs::path>& predicted, const Places& places, std::uint64_t seed) {
  std::vector<fs::path> paths;
  std::map<std::string, std::string> names;
  for (std::int64_t i = 0; i < kept.size(0); ++i) {
    const auto row = kept[i].item<std::int64_t>();
    paths.push_back(set.train.paths[static_cast<std::size_t>(row)]);
    names[paths.back().string()] = set.class_names[static_cast<std::size_t>(labels[row].item<std::int64_t>())];
  }
  const std::size_t trained = paths.size();
  for (const fs::path& path : predicted) names.emplace(path.string(), set.class_names[0]);  // not looked at
  paths.insert(paths.end(), predicted.begin(), predicted.end());
  margay::DataBlock block;
  block.items(margay::data::PathList(paths))
      .label({.description = "the trial",
              .label = [names](std::string_view path) -> std::optional<margay::data::Labels> {
                return margay::data::Labels{names.at(std::string(path))};
              }})
      .split([trained](const margay::data::Items& items) {
        margay::data::Split split;
        for (std::size_t i = 0; i < items.size(); ++i) (i < trained ? split.train : split.valid).push_back(i);
        return split;
      })
      .vocabulary(margay::data::Vocabulary(set.class_names));
  noisy_set::add_transforms(block, set);
  margay::Learner learner =
      margay::vision_learner(block.loaders({.seed = seed}), "resnet18", {.weights = places.weights(), .seed = seed});
  learner.fine_tune(3);
  const auto predictions = learner.get_preds();
  if (predictions.size() != static_cast<std::int64_t>(predicted.size()))
    throw std::runtime_error("an image is missing");
  return predictions.probabilities;
}

/// Every training image by a training without it, its near copies and a fifth of the others.
Tensor fold_predictions(const Set& set, const Tensor& labels, const Places& places, std::uint64_t seed) {
  constexpr std::int64_t kFolds = 5;
  const auto groups = set.train.groups.max().item<std::int64_t>() + 1;
  const Tensor folds = margay::metric::deal_folds(set.train.groups, groups, kFolds, seed);
  Tensor probabilities = torch::zeros({set.train.size(), set.num_classes()});
  for (std::int64_t fold = 0; fold < kFolds; ++fold) {
    const Tensor own = (folds == fold).nonzero().squeeze(1);
    std::vector<fs::path> paths;
    for (std::int64_t i = 0; i < own.size(0); ++i) {
      paths.push_back(set.train.paths[static_cast<std::size_t>(own[i].item<std::int64_t>())]);
    }
    const Tensor others = (folds != fold).nonzero().squeeze(1);
    probabilities.index_copy_(0, own, trained_predictions(set, others, labels, paths, places, seed));
  }
  return probabilities;
}

// ---- trials ----

struct Trial {
  std::string part;
  std::string set;
  std::string noise;
  double share = 0;
  std::uint64_t seed = 1;

  std::string key() const { return fmt::format("{} {} {} {:g} {}", part, set, noise, share, seed); }
};

/// One JSON object a line, by the trial's key.
class Results {
 public:
  explicit Results(const fs::path& out) : path_(out / "trials.jsonl") {
    std::ifstream file(path_);
    for (std::string line; std::getline(file, line);) {
      const Json json = Json::parse(line, nullptr, false);
      if (!json.is_discarded()) trials_[json.at("key").get<std::string>()] = json;
    }
  }

  bool has(const Trial& trial) const { return trials_.contains(trial.key()); }
  const Json& at(const Trial& trial) const { return trials_.at(trial.key()); }
  void add(const Trial& trial, Json numbers) {
    Json json = {{"key", trial.key()},   {"part", trial.part},   {"set", trial.set},
                 {"noise", trial.noise}, {"share", trial.share}, {"seed", trial.seed}};
    json.update(numbers);
    std::ofstream(path_, std::ios::app) << json.dump() << "\n";
    trials_[trial.key()] = json;
    numbers.erase("wrong");
    fmt::print("{}: {}\n", trial.key(), numbers.dump());
    std::fflush(stdout);
  }
  /// Of the same part, set, noise and share, by seed.
  std::vector<Json> of_seeds(Trial trial) const {
    std::vector<Json> found;
    for (const auto& [key, json] : trials_) {
      trial.seed = json.at("seed").get<std::uint64_t>();
      if (trial.key() == key) found.push_back(json);
    }
    return found;
  }

 private:
  fs::path path_;
  std::map<std::string, Json> trials_;
};

/// The estimated share of wrong labels with its interval of 95 %, beside the true one.
Json share_of(const Set& set, const Tensor& labels, const Tensor& probabilities) {
  const Tensor groups = set.train.groups;
  const std::vector<std::int64_t> group_of(groups.data_ptr<std::int64_t>(),
                                           groups.data_ptr<std::int64_t>() + groups.numel());
  const auto share = margay::interpret::wrong_label_shares(labels, probabilities, group_of).all;
  const double truth = (labels != set.train.classes).to(torch::kDouble).mean().item<double>();
  return {{"truth", truth}, {"value", share.value}, {"low", share.interval.low}, {"high", share.interval.high}};
}

/// How well these probabilities tell wrong labels: of the n images of worst quality, n the number of wrong labels, the
/// share that is wrong; the average precision of the quality; and the images that are flagged.
Json detection_of(const Set& set, const Tensor& labels, const Tensor& probabilities) {
  const Tensor is_wrong = labels != set.train.classes;
  const auto wrong = is_wrong.sum().item<std::int64_t>();
  const auto issues = margay::interpret::find_label_issues(labels, probabilities);
  const auto auprc_of = [&](LabelQuality score) {
    return margay::metric::average_precision(-margay::interpret::label_quality(labels, probabilities, score), is_wrong);
  };
  const Tensor worst = std::get<1>(issues.quality.sort(c10::optional<bool>(true), 0, false)).slice(0, 0, wrong);
  const Tensor flagged = torch::tensor(issues.ranked, torch::kLong);
  const double found = is_wrong.index_select(0, flagged).sum().item<double>();
  return {{"wrong_labels", wrong},
          {"precision_at_n", is_wrong.index_select(0, worst).to(torch::kDouble).mean().item<double>()},
          {"auprc", margay::metric::average_precision(-issues.quality, is_wrong)},
          {"auprc_margin", auprc_of(LabelQuality::kNormalizedMargin)},
          {"auprc_entropy", auprc_of(LabelQuality::kConfidenceWeightedEntropy)},
          {"flagged", issues.ranked.size()},
          {"flagged_precision", found / static_cast<double>(std::max<std::size_t>(issues.ranked.size(), 1))},
          {"flagged_recall", found / static_cast<double>(wrong)},
          {"share", share_of(set, labels, probabilities)},
          {"accuracy", (probabilities.argmax(1) == set.train.classes).to(torch::kDouble).mean().item<double>()}};
}

std::vector<std::pair<Noise, double>> noises_of(const std::string& set) {
  if (set == "pets") return {{Noise::kSymmetric, 0.2}, {Noise::kSimilar, 0.2}};
  std::vector<std::pair<Noise, double>> noises;
  for (const double share : {0.05, 0.1, 0.2}) {
    noises.emplace_back(Noise::kSymmetric, share);
    if (set != "mnist") noises.emplace_back(Noise::kSimilar, share);  // of two classes the other one is the similar one
  }
  return noises;
}

struct Run {
  Places places;
  Results results;
  std::vector<std::string> sets;
  std::uint64_t seeds = 3;

  /// visit(set, trial, noise) for trials that are not there yet, most noise first; a set is made where it has one.
  void for_each_missing(const std::string& part, const std::vector<std::string>& of_sets,
                        const std::function<std::vector<std::pair<Noise, double>>(const std::string&)>& noises,
                        const std::function<void(const Set&, const Trial&, Noise)>& visit) {
    for (const std::string& name : of_sets) {
      std::unique_ptr<Set> set;
      auto of_set = noises(name);
      std::reverse(of_set.begin(), of_set.end());
      for (const auto& [noise, share] : of_set) {
        for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
          const Trial trial{.part = part, .set = name, .noise = name_of(noise), .share = share, .seed = seed};
          if (results.has(trial)) continue;
          if (set == nullptr) set = std::make_unique<Set>(noisy_set::make_set(name, places));
          visit(*set, trial, noise);
        }
      }
    }
  }
};

void score(Run& run) {
  run.for_each_missing("score", run.sets, noises_of, [&](const Set& set, const Trial& trial, Noise noise) {
    const Tensor labels = noisy_set::noisy_labels(set, noise, trial.share, trial.seed);
    run.results.add(trial, detection_of(set, labels, fit_probe(set, all_rows(set), labels).left_out.probabilities));
  });
}

void folds(Run& run) {
  const auto one = [](const std::string&) { return std::vector{std::pair{Noise::kSymmetric, 0.2}}; };
  run.for_each_missing("folds", run.sets, one, [&](const Set& set, const Trial& trial, Noise noise) {
    const Tensor labels = noisy_set::noisy_labels(set, noise, trial.share, trial.seed);
    const double features = seconds_of_features(set.name, set, run.places);
    Tensor left_out;
    const double probe = seconds_of([&] { left_out = fit_probe(set, all_rows(set), labels).left_out.probabilities; });
    Tensor trained;
    const double trainings = seconds_of([&] { trained = fold_predictions(set, labels, run.places, trial.seed); });
    run.results.add(trial, {{"left_out", detection_of(set, labels, left_out)},
                            {"folds", detection_of(set, labels, trained)},
                            {"left_out_seconds", features + probe},
                            {"folds_seconds", trainings}});
  });
}

// ---- what cleaning is worth ----

/// Which validation images are predicted wrongly, as their positions.
Json wrong_of(const Set& set, const Tensor& outputs) {
  const Tensor wrong = (outputs.argmax(1) != set.valid.classes).nonzero().squeeze(1);
  return std::vector<std::int64_t>(wrong.data_ptr<std::int64_t>(), wrong.data_ptr<std::int64_t>() + wrong.numel());
}

/// Of what learns from these labels: float [M,K] of the validation images.
using Learning = std::function<Tensor(const Set& set, const Tensor& kept, const Tensor& labels, std::uint64_t seed)>;

/// with_review: also from what somebody leaves who looks at the flagged images and mends their labels.
void learn(Run& run, const std::string& part, const std::vector<std::string>& sets, bool with_review,
           const Learning& learning) {
  run.for_each_missing(part, sets, noises_of, [&](const Set& set, const Trial& trial, Noise noise) {
    const auto wrong = [&](const Tensor& kept, const Tensor& labels) {
      return wrong_of(set, learning(set, kept, labels, trial.seed));
    };
    const Trial clean{.part = part, .set = set.name, .noise = "none", .share = 0, .seed = trial.seed};
    if (!run.results.has(clean)) {
      run.results.add(clean, {{"images", set.valid.size()}, {"wrong", wrong(all_rows(set), set.train.classes)}});
    }
    const Tensor labels = noisy_set::noisy_labels(set, noise, trial.share, trial.seed);
    const auto issues =
        margay::interpret::find_label_issues(labels, fit_probe(set, all_rows(set), labels).left_out.probabilities);
    const Tensor flagged = torch::tensor(issues.ranked, torch::kLong);
    const Tensor is_kept = torch::ones({set.train.size()}, torch::kBool).index_fill_(0, flagged, false);
    const Tensor reviewed = labels.index_copy(0, flagged, set.train.classes.index_select(0, flagged));
    Json errors = {{"noisy", wrong(all_rows(set), labels)}, {"cleaned", wrong(is_kept.nonzero().squeeze(1), labels)}};
    if (with_review) errors["reviewed"] = wrong(all_rows(set), reviewed);
    run.results.add(trial, {{"images", set.valid.size()}, {"removed", issues.ranked.size()}, {"wrong", errors}});
  });
}

void probe(Run& run) {
  constexpr bool kWithReview = true;
  learn(run, "probe", run.sets, kWithReview,
        [](const Set& set, const Tensor& kept, const Tensor& labels, std::uint64_t /*seed*/) {
          const auto fitted = fit_probe(set, kept, labels);
          return set.valid.features.rows.matmul(fitted.weight.t()) + fitted.bias;
        });
}

void train(Run& run) {
  std::vector<std::string> sets = run.sets;
  std::erase(sets, "pets");            // by the probe alone
  constexpr bool kWithReview = false;  // which would be a training more
  learn(run, "train", sets, kWithReview,
        [&](const Set& set, const Tensor& kept, const Tensor& labels, std::uint64_t seed) {
          return trained_predictions(set, kept, labels, set.valid.paths, run.places, seed);
        });
}

// ---- speed ----

/// Features of 10,000 images of 100 classes, one label in ten wrong.
void speed() {
  constexpr std::int64_t kImages = 10'000;
  constexpr std::int64_t kClasses = 100;
  constexpr std::int64_t kFeatures = 512;
  torch::manual_seed(1);
  const Tensor classes = torch::randint(kClasses, {kImages}, torch::kLong);
  Set set{.name = "made up", .class_names = std::vector<std::string>(kClasses), .train = {}, .valid = {}};
  set.train.paths.resize(kImages);
  set.train.classes = classes;
  set.train.features.rows =
      torch::randn({kImages, kFeatures}) + 2 * torch::randn({kClasses, kFeatures}).index_select(0, classes) / 4;
  set.train.groups = torch::arange(kImages);
  const Tensor labels = torch::where(torch::rand({kImages}) < 0.1, (classes + 1) % kClasses, classes);
  for (int round = 0; round < 3; ++round) {
    Tensor probabilities;
    const double judged =
        seconds_of([&] { probabilities = fit_probe(set, all_rows(set), labels).left_out.probabilities; });
    Json found;
    const double issues = seconds_of([&] { found = detection_of(set, labels, probabilities); });
    fmt::print("{} x {}, {} classes: left-out probabilities {:.2f} s, wrong labels {:.2f} s, AUPRC {:.3f}\n", kImages,
               kFeatures, kClasses, judged, issues, found["auprc"].get<double>());
  }
}

// ---- tables ----

double mean_of(const std::vector<Json>& trials, const std::function<double(const Json&)>& number) {
  double sum = 0;
  for (const Json& trial : trials) sum += number(trial);
  return sum / static_cast<double>(trials.size());
}

double range_of(const std::vector<Json>& trials, const std::function<double(const Json&)>& number) {
  std::vector<double> values;
  for (const Json& trial : trials) values.push_back(number(trial));
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return *high - *low;
}

std::string seeds_text(const std::vector<Json>& trials, const std::function<double(const Json&)>& number) {
  return fmt::format("{:.3f} ({:.3f})", mean_of(trials, number), range_of(trials, number));
}

/// A table's first two lines.
void print_head(const std::vector<std::string>& columns) {
  fmt::print("\n| {} |\n|", fmt::join(columns, " | "));
  for (std::size_t i = 0; i < columns.size(); ++i) fmt::print(" --- |");
  fmt::print("\n");
}

void print_scores(const Results& results) {
  print_head({"set", "noise", "wrong", "precision among the n worst", "AUPRC by self-confidence", "margin", "entropy",
              "flagged", "precision", "recall", "seeds"});
  for (const char* set : {"mnist", "sample", "pets"}) {
    for (const auto& [noise, share] : noises_of(set)) {
      const auto trials = results.of_seeds({.part = "score", .set = set, .noise = name_of(noise), .share = share});
      if (trials.empty()) continue;
      const auto number = [](const char* name) {
        return [name](const Json& json) { return json.at(name).get<double>(); };
      };
      const auto mean_text = [&](const char* name) { return fmt::format("{:.3f}", mean_of(trials, number(name))); };
      fmt::print("| {} | {} | {:.0f} % = {:.0f} | {} | {} | {} | {} | {:.0f} | {} | {} | {} |\n", set, name_of(noise),
                 100 * share, mean_of(trials, number("wrong_labels")), seeds_text(trials, number("precision_at_n")),
                 seeds_text(trials, number("auprc")), mean_text("auprc_margin"), mean_text("auprc_entropy"),
                 mean_of(trials, number("flagged")), mean_text("flagged_precision"), mean_text("flagged_recall"),
                 trials.size());
    }
  }
}

/// Estimated shares of wrong labels, and how many of their intervals hold the true one.
void print_shares(const Results& results) {
  print_head({"set", "noise", "wrong", "estimated", "intervals", "hold it"});
  for (const char* set : {"mnist", "sample", "pets"}) {
    for (const auto& [noise, share] : noises_of(set)) {
      const auto trials = results.of_seeds({.part = "score", .set = set, .noise = name_of(noise), .share = share});
      if (trials.empty()) continue;
      std::vector<std::string> values;
      std::vector<std::string> intervals;
      std::size_t held = 0;
      for (const Json& trial : trials) {
        const Json& found = trial.at("share");
        const auto number = [&](const char* name) { return found.at(name).get<double>(); };
        values.push_back(fmt::format("{:.3f}", number("value")));
        intervals.push_back(fmt::format("{:.3f} – {:.3f}", number("low"), number("high")));
        held += number("low") <= number("truth") && number("truth") <= number("high") ? 1U : 0U;
      }
      fmt::print("| {} | {} | {:.0f} % | {} | {} | {} of {} |\n", set, name_of(noise), 100 * share,
                 fmt::join(values, ", "), fmt::join(intervals, ", "), held, trials.size());
    }
  }
}

/// Returns the number of goals missed, as print_errors.
int print_folds(const Results& results) {
  int missed = 0;
  print_head({"set", "AUPRC, left out", "AUPRC, 5 trainings", "difference", "seconds, left out", "seconds, 5 trainings",
              "seeds"});
  for (const char* set : {"mnist", "sample", "pets"}) {
    const auto trials = results.of_seeds({.part = "folds", .set = set, .noise = "symmetric", .share = 0.2});
    if (trials.empty()) continue;
    const auto auprc = [&](const char* way) {
      return mean_of(trials, [&](const Json& json) { return json.at(way).at("auprc").get<double>(); });
    };
    const auto seconds = [&](const char* way) {
      return mean_of(trials, [&](const Json& json) { return json.at(way).get<double>(); });
    };
    fmt::print("| {} | {:.3f} | {:.3f} | {:+.3f} | {:.1f} | {:.1f} ({:.0f} times) | {} |\n", set, auprc("left_out"),
               auprc("folds"), auprc("left_out") - auprc("folds"), seconds("left_out_seconds"),
               seconds("folds_seconds"), seconds("folds_seconds") / seconds("left_out_seconds"), trials.size());
    missed += auprc("left_out") < auprc("folds") - 0.02 ? 1 : 0;
    missed += seconds("left_out_seconds") > seconds("folds_seconds") / 5 ? 1 : 0;
  }
  return missed;
}

double mean_number(const Tensor& values) { return values.mean().item<double>(); }

/// float64 [N]: of each validation image the share of trials that get it wrong.
Tensor wrong_shares(const std::vector<Json>& trials, const std::function<const Json&(const Json&)>& wrong_of_trial) {
  Tensor shares = torch::zeros({trials.front().at("images").get<std::int64_t>()}, torch::kDouble);
  for (const Json& trial : trials) {
    const auto wrong = torch::tensor(wrong_of_trial(trial).get<std::vector<std::int64_t>>(), torch::kLong);
    shares.index_add_(0, wrong, torch::ones({wrong.size(0)}, torch::kDouble));
  }
  return shares / static_cast<double>(trials.size());
}

int print_errors(const Results& results) {
  int missed = 0;
  print_head({"set", "learner", "noise", "error, noisy", "cleaned", "reviewed", "true labels", "gap, standard error",
              "closed by cleaning", "seeds"});
  for (const auto& [part, set] : {std::pair{"probe", "mnist"}, std::pair{"probe", "sample"}, std::pair{"probe", "pets"},
                                  std::pair{"train", "mnist"}, std::pair{"train", "sample"}}) {
    for (const auto& [noise, share] : noises_of(set)) {
      const auto trials = results.of_seeds({.part = part, .set = set, .noise = name_of(noise), .share = share});
      if (trials.empty()) continue;
      std::vector<Json> clean;  // of the same seeds
      for (const Json& trial : trials) {
        const auto seed = trial.at("seed").get<std::uint64_t>();
        clean.push_back(results.at({.part = part, .set = set, .noise = "none", .share = 0, .seed = seed}));
      }
      const auto of = [&](const char* way) {
        return wrong_shares(trials, [&](const Json& json) -> const Json& { return json.at("wrong").at(way); });
      };
      const Tensor true_labels = wrong_shares(clean, [](const Json& json) -> const Json& { return json.at("wrong"); });
      const Tensor noisy = of("noisy");
      const Tensor cost = noisy - true_labels;
      const double gap = mean_number(cost);
      const double error = cost.std().item<double>() / std::sqrt(static_cast<double>(cost.size(0)));
      const double closed = mean_number(noisy - of("cleaned")) / gap;
      const bool with_review = trials.front().at("wrong").contains("reviewed");
      const std::string reviewed = with_review ? fmt::format("{:.4f}", mean_number(of("reviewed"))) : "";
      fmt::print("| {} | {} | {} {:.0f} % | {:.4f} | {:.4f} | {} | {:.4f} | {:.4f}, {:.4f} | {} | {} |\n", set, part,
                 name_of(noise), 100 * share, mean_number(noisy), mean_number(of("cleaned")), reviewed,
                 mean_number(true_labels), gap, error,
                 gap > 2 * error ? fmt::format("{:.0f} %", 100 * closed) : "within the error", trials.size());
      missed += gap > 2 * error && closed < 0.5 ? 1 : 0;
    }
  }
  return missed;
}

/// The exit code.
int print_tables(const fs::path& out) {
  const Results results(out);
  print_scores(results);
  print_shares(results);
  const int missed = print_folds(results) + print_errors(results);
  if (missed > 0) fmt::print("\n{} of these goals are missed\n", missed);
  return missed > 0 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const std::string part = arguments.empty() ? "" : arguments[0];
  const std::map<std::string, void (*)(Run&)> parts = {
      {"score", score}, {"folds", folds}, {"probe", probe}, {"train", train}};
  if (part == "tables" && arguments.size() == 2) {
    return print_tables(arguments[1]);
  }
  margay::use_cpu_threads(margay::available_cpus(), margay::ThreadPlacement::kPinned);
  margay::keep_cpu_memory();
  if (part == "speed") {
    speed();
    return 0;
  }
  if (!parts.contains(part) || arguments.size() < 3) {
    fmt::print(
        stderr,
        "usage: cleaning score|folds|probe|train SHARED OUT [SETS [SEEDS]]\n       cleaning speed\n       cleaning "
        "tables OUT\n");
    return 2;
  }
  const fs::path out = arguments[2];
  fs::create_directories(out);
  Run run{.places = {.shared = arguments[1], .out = out},
          .results = Results(out),
          .sets = split_at_commas(arguments.size() > 3 ? arguments[3] : "sample,mnist,pets"),
          .seeds = arguments.size() > 4 ? std::stoull(arguments[4]) : 3};
  parts.at(part)(run);
  return 0;
}
