// Telling images of none of the classes: does the share of refused known images follow its law, which score finds
// unknown images, does the choice of the score find the best one, and what does it cost?
//
//   unknown simulate                 2,000 calibrations of made-up scores, against the beta-binomial
//   unknown refused SHARED CACHE     pets, 20 resplits: the share of known images refused at .05, overall and per class
//   unknown classes SHARED CACHE     pets, 10 draws of half of the classes: the score is chosen on them, and all scores
//                                    are judged by telling the other half
//   unknown foreign SHARED CACHE     pets against handwritten digits, and digits against pets
//   unknown sigmoids SHARED CACHE    the other way: one sigmoid a class, trained with rows of a quarter of the classes
//   as
//                                    "none of these"; judged on other images of these, and on classes it never saw
//   unknown cost    SHARED CACHE     time and bytes beside those of the network
//
// SHARED: a folder with data/pets (images/, labels.csv), data/mnist_3_7 and weights/resnet18-imagenet.safetensors;
// CACHE: a folder that keeps features, so that each image is computed once. The network is ResNet-18 with the weights
// as they are (ImageNet), the classifier a probe fitted to half of the known images; a quarter chooses and fits the
// score, a quarter sets the threshold or judges.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "margay/core/random.h"
#include "margay/interpret/fit_unknown.h"
#include "margay/margay.h"
#include "margay/metric/beta_binomial.h"
#include "margay/metric/detection.h"
#include "margay/model/fold_batch_norms.h"
#include "margay/model/weights/pretrained.h"
#include "margay/predict/features.h"
#include "margay/predict/inference.h"
#include "margay/train/probe/probe.h"

namespace {

namespace fs = std::filesystem;
using margay::interpret::LabelledOutputs;
using margay::interpret::ScoreTrial;
using margay::metric::Activation;
using margay::metric::Detection;
using margay::predict::Features;
using margay::predict::UnknownScore;

constexpr double kAlpha = 0.05;

// ---- images as features ----

struct Sets {
  std::shared_ptr<margay::Classifier> network;
  fs::path shared;
  fs::path cache;

  Features features(margay::DataBlock block) const {
    block.item_transform(margay::resize({.size = 256})).batch_transform(margay::augment({.size = 224}));
    const auto loaders = block.loaders({.batch_size = 64});
    return margay::predict::collect_features(*network, loaders.train,
                                             {.precision = margay::model::Precision::kFp32, .cache_folder = cache});
  }
  Features pets() const {
    const fs::path folder = shared / "data/pets";
    const auto table = margay::LabelTable::read(folder / "labels.csv", folder / "images");
    return features(margay::DataBlock().items(table.items()).label(table.labels()).split(margay::no_split()));
  }
  Features digits() const {
    const fs::path folder = shared / "data/mnist_3_7";
    return features(margay::DataBlock()
                        .items(margay::image_files(folder))
                        .label(margay::folder_labels())
                        .split(margay::no_split()));
  }
};

torch::Tensor positions(const std::vector<std::size_t>& some) {
  return torch::tensor(std::vector<std::int64_t>(some.begin(), some.end()), torch::kLong);
}

torch::Tensor drawn_order(std::int64_t n, std::uint64_t seed) {
  return positions(margay::core::permutation(static_cast<std::size_t>(n), {seed, 77}));
}

/// A classifier of some images, and its outputs for images that it never saw.
class ProbedSet {
 public:
  /// images: of N classes, numbered 0 … N-1 in `classes`.
  ProbedSet(const torch::Tensor& rows, const torch::Tensor& classes, std::uint64_t seed) : rows_(rows) {
    const std::int64_t n = rows.size(0);
    const torch::Tensor order = drawn_order(n, seed);
    Features train;
    const torch::Tensor trained = order.slice(0, 0, n / 2);
    train.rows = rows.index_select(0, trained);
    train.targets = classes.index_select(0, trained);
    for (std::int64_t i = 0; i < n / 2; ++i) train.ids.push_back(static_cast<std::size_t>(i));
    const std::int64_t num_classes = classes.max().item<std::int64_t>() + 1;
    const auto fitted = margay::train::fit_probe(train, nullptr, {}, num_classes, margay::data::Task::kSingleLabel,
                                                 {.learning_curve = false});
    weight_ = fitted.weight;
    bias_ = fitted.bias;
    fit = outputs(order.slice(0, n / 2, 3 * n / 4), classes);
    rest = outputs(order.slice(0, 3 * n / 4), classes);
  }

  torch::Tensor logits(const torch::Tensor& rows) const { return rows.matmul(weight_.t()) + bias_; }

  LabelledOutputs fit;
  LabelledOutputs rest;

 private:
  LabelledOutputs outputs(const torch::Tensor& some, const torch::Tensor& classes) const {
    const torch::Tensor rows = rows_.index_select(0, some);
    return {.logits = logits(rows), .features = rows, .targets = classes.index_select(0, some)};
  }

  torch::Tensor rows_;
  torch::Tensor weight_;
  torch::Tensor bias_;
};

// ---- simulate ----

/// 300 further images beside 199 calibration scores, 2,000 times.
void simulate() {
  constexpr std::int64_t kCalibration = 199;
  constexpr std::int64_t kOthers = 300;
  constexpr int kDraws = 2000;
  torch::manual_seed(1);
  const std::int64_t k = margay::predict::refused_rank(kCalibration, kAlpha);
  const margay::metric::BetaBinomial law{.trials = kOthers, .a = k, .b = kCalibration + 1 - k};
  std::vector<double> found(kOthers + 1, 0.0);
  for (int draw = 0; draw < kDraws; ++draw) {
    const margay::predict::KnownScores known(torch::randn({kCalibration}));
    const torch::Tensor p = known.p_values(torch::randn({kOthers}));
    ++found[static_cast<std::size_t>((p <= kAlpha).sum().item<std::int64_t>())];
  }
  double chi_square = 0;
  double expected = 0;
  double seen = 0;
  int bins = 0;
  for (std::int64_t x = 0; x <= kOthers; ++x) {
    expected += kDraws * law.probability(x);
    seen += found[static_cast<std::size_t>(x)];
    double left = 0;
    for (std::int64_t y = x + 1; y <= kOthers; ++y) left += kDraws * law.probability(y);
    if ((expected < 10 || left < 10) && x < kOthers) continue;
    chi_square += (seen - expected) * (seen - expected) / expected;
    ++bins;
    expected = seen = 0;
  }
  // Wilson and Hilferty's cube root makes a chi-square nearly normal.
  const double freedom = bins - 1;
  const double z = (std::cbrt(chi_square / freedom) - 1 + 2 / (9 * freedom)) / std::sqrt(2 / (9 * freedom));
  fmt::print(
      "{} draws of {} calibration scores and {} others at {}: chi-square {:.1f} of {} degrees of freedom, p {:.3f}\n",
      kDraws, kCalibration, kOthers, kAlpha, chi_square, freedom, std::erfc(z / std::sqrt(2.0)) / 2);
}

// ---- refused ----

struct Sums {
  std::vector<double> values;
  double mean() const {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  }
  double standard_error() const {
    double square = 0;
    for (const double value : values) square += (value - mean()) * (value - mean());
    const auto n = static_cast<double>(values.size());
    return std::sqrt(square / (n - 1) / n);
  }
};

/// The known images that fit and rest leave are judged: of the `rest` quarter half sets the threshold, half is new.
void refused(const Sets& sets) {
  const Features pets = sets.pets();
  fmt::print(
      "| score | refused at {} (mean of 20 resplits) | standard error | images of a threshold |\n| --- | --- | --- | "
      "--- |\n",
      kAlpha);
  std::map<std::string, Sums> shares;
  std::int64_t images = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const ProbedSet set(pets.rows, pets.targets, seed);
    const std::int64_t half = set.rest.size() / 2;
    const LabelledOutputs threshold = set.rest.rows(torch::arange(half));
    const LabelledOutputs fresh = set.rest.rows(torch::arange(half, set.rest.size()));
    images = half;
    for (const auto& [score, name] : margay::predict::names(UnknownScore{})) {
      const auto fit =
          margay::interpret::fit_unknown(set.fit, threshold, Activation::kSoftmax, {.alpha = kAlpha, .score = score});
      const torch::Tensor p = fit.detector.p_known(fresh.logits, fresh.features);
      shares[name].values.push_back((p <= kAlpha).to(torch::kDouble).mean().item<double>());
    }
    const auto chosen = margay::interpret::fit_unknown(set.fit, threshold, Activation::kSoftmax, {.alpha = kAlpha});
    const torch::Tensor p = chosen.detector.p_known(fresh.logits, fresh.features);
    shares["chosen"].values.push_back((p <= kAlpha).to(torch::kDouble).mean().item<double>());
  }
  for (const auto& [name, share] : shares) {
    fmt::print("| {} | {:.4f} | {:.4f} | {} |\n", name, share.mean(), share.standard_error(), images);
  }
}

// ---- classes, foreign ----

Detection judged(UnknownScore score, const ProbedSet& set, const torch::Tensor& unknown) {
  const auto scorer = margay::interpret::fit_unknown_scorer(score, set.fit, Activation::kSoftmax);
  return margay::metric::detection(scorer.scores(set.logits(unknown), unknown),
                                   scorer.scores(set.rest.logits, set.rest.features));
}

struct ScoreSums {
  Sums auroc;
  Sums aupr;
  Sums fpr;
  int chosen = 0;

  void add(const Detection& found) {
    auroc.values.push_back(found.auroc);
    aupr.values.push_back(found.aupr);
    fpr.values.push_back(found.fpr_at_95);
  }
};

void print_scores(const std::map<std::string, ScoreSums>& scores) {
  fmt::print("| score | AUROC | AUPR | FPR at 95 % TPR | chosen |\n| --- | --- | --- | --- | --- |\n");
  for (const auto& [name, sums] : scores) {
    fmt::print("| {} | {:.3f} ± {:.3f} | {:.3f} | {:.3f} | {} |\n", name, sums.auroc.mean(),
               sums.auroc.standard_error(), sums.aupr.mean(), sums.fpr.mean(), sums.chosen);
  }
}

void compare_on(const ProbedSet& set, const torch::Tensor& unknown, std::map<std::string, ScoreSums>& scores) {
  const std::vector<ScoreTrial> trials = margay::interpret::compare_unknown_scores(set.fit, Activation::kSoftmax);
  ++scores[margay::core::to_text(trials.front().score)].chosen;
  for (const auto& [score, name] : margay::predict::names(UnknownScore{})) {
    const Detection found = judged(score, set, unknown);
    scores[name].add(found);
    if (score == trials.front().score) scores["(chosen)"].add(found);
  }
}

/// The classes of a draw as 0 … n-1, others as -1.
torch::Tensor renumbered(const torch::Tensor& targets, const torch::Tensor& classes, std::int64_t num_classes) {
  torch::Tensor number = torch::full({num_classes}, -1, torch::kLong);
  number.index_copy_(0, classes, torch::arange(classes.size(0)));
  return number.index_select(0, targets);
}

void classes(const Sets& sets) {
  const Features pets = sets.pets();
  const std::int64_t count = pets.targets.max().item<std::int64_t>() + 1;
  std::map<std::string, ScoreSums> scores;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const torch::Tensor known_classes = drawn_order(count, 1000 + seed).slice(0, 0, (count + 1) / 2);
    const torch::Tensor targets = renumbered(pets.targets, known_classes, count);
    const torch::Tensor known = (targets >= 0).nonzero().squeeze(1);
    const ProbedSet set(pets.rows.index_select(0, known), targets.index_select(0, known), seed);
    compare_on(set, pets.rows.index_select(0, (targets < 0).nonzero().squeeze(1)), scores);
  }
  fmt::print("{} of {} classes known, the others unknown, 10 draws\n", (count + 1) / 2, count);
  print_scores(scores);
}

void foreign(const Sets& sets) {
  const Features pets = sets.pets();
  const Features digits = sets.digits();
  for (const auto& [known, unknown, name] : {std::tuple{&pets, &digits, "pets known, digits unknown"},
                                             std::tuple{&digits, &pets, "digits known, pets unknown"}}) {
    std::map<std::string, ScoreSums> scores;
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      compare_on(ProbedSet(known->rows, known->targets, seed), unknown->rows, scores);
    }
    fmt::print("{}, 5 resplits\n", name);
    print_scores(scores);
  }
}

// ---- sigmoids ----

struct LinearSigmoids {
  torch::Tensor weight;
  torch::Tensor bias;
  torch::Tensor scores(const torch::Tensor& rows) const {
    return margay::predict::max_logit_scores(rows.matmul(weight.t()) + bias);
  }
};

/// none: rows without a label.
LinearSigmoids fit_sigmoids(const torch::Tensor& rows, const torch::Tensor& classes, const torch::Tensor& none) {
  Features train;
  train.rows = torch::cat({rows, none});
  const torch::Tensor labels = torch::one_hot(classes).to(torch::kFloat);
  train.targets = torch::cat({labels, torch::zeros({none.size(0), labels.size(1)})});
  for (std::int64_t i = 0; i < train.rows.size(0); ++i) train.ids.push_back(static_cast<std::size_t>(i));
  const auto fitted = margay::train::fit_probe(train, nullptr, {}, labels.size(1), margay::data::Task::kMultiLabel,
                                               {.learning_curve = false});
  return {.weight = fitted.weight, .bias = fitted.bias};
}

/// The first half of the known images trains (both ways), the rest judges, as in ProbedSet; of the unknown classes half
/// are shown as "none of these", by half of their images.
void sigmoids(const Sets& sets) {
  const Features pets = sets.pets();
  const std::int64_t count = pets.targets.max().item<std::int64_t>() + 1;
  std::map<std::string, ScoreSums> scores;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const torch::Tensor order = drawn_order(count, 2000 + seed);
    const std::int64_t known_count = (count + 1) / 2;
    const std::int64_t shown_end = known_count + (count - known_count) / 2;
    const auto rows_of = [&](std::int64_t begin, std::int64_t end) {
      const torch::Tensor number = renumbered(pets.targets, order.slice(0, begin, end), count);
      return std::pair{(number >= 0).nonzero().squeeze(1), number};
    };
    const auto [known, number] = rows_of(0, known_count);
    const torch::Tensor rows = pets.rows.index_select(0, known);
    const torch::Tensor classes = number.index_select(0, known);
    const ProbedSet set(rows, classes, seed);
    const torch::Tensor trained = drawn_order(rows.size(0), seed).slice(0, 0, rows.size(0) / 2);
    const torch::Tensor shown = pets.rows.index_select(0, rows_of(known_count, shown_end).first);
    const torch::Tensor shown_order = drawn_order(shown.size(0), 3000 + seed);
    const torch::Tensor none = shown.index_select(0, shown_order.slice(0, 0, shown.size(0) / 2));
    const torch::Tensor same_kinds = shown.index_select(0, shown_order.slice(0, shown.size(0) / 2));
    const torch::Tensor new_kinds = pets.rows.index_select(0, rows_of(shown_end, count).first);
    const LinearSigmoids plain =
        fit_sigmoids(rows.index_select(0, trained), classes.index_select(0, trained), torch::empty({0, rows.size(1)}));
    const LinearSigmoids taught = fit_sigmoids(rows.index_select(0, trained), classes.index_select(0, trained), none);
    const auto chosen = margay::interpret::compare_unknown_scores(set.fit, Activation::kSoftmax).front().score;
    for (const auto& [unknown, kind] :
         {std::pair{same_kinds, "kinds shown"}, std::pair{new_kinds, "kinds never shown"}}) {
      const auto judge = [&](const LinearSigmoids& way) {
        return margay::metric::detection(way.scores(unknown), way.scores(set.rest.features));
      };
      scores[fmt::format("{}: detector", kind)].add(judged(chosen, set, unknown));
      scores[fmt::format("{}: sigmoids", kind)].add(judge(plain));
      scores[fmt::format("{}: sigmoids with none of these", kind)].add(judge(taught));
    }
  }
  fmt::print("{} of {} classes known, half of the others shown as none of these, 10 draws\n", (count + 1) / 2, count);
  print_scores(scores);
}

// ---- cost ----

double seconds_of(const std::function<void()>& work, int rounds) {
  work();
  std::vector<double> times;
  for (int round = 0; round < rounds; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    times.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return *std::min_element(times.begin(), times.end());
}

void cost(const Sets& sets) {
  const Features pets = sets.pets();
  const ProbedSet set(pets.rows, pets.targets, 0);
  margay::model::fold_batch_norms(*sets.network);
  sets.network->eval();
  std::int64_t bundle = 0;
  for (const auto& [name, tensor] : sets.network->state()) bundle += static_cast<std::int64_t>(tensor.nbytes());
  for (const std::int64_t batch : {std::int64_t{1}, std::int64_t{64}}) {
    const torch::Tensor images = torch::randn({batch, 3, 224, 224});
    const double network =
        seconds_of([&] { margay::predict::logits_of(*sets.network, images, margay::model::Precision::kFp32); }, 10);
    const double both = seconds_of(
        [&] { margay::predict::logits_and_features_of(*sets.network, images, margay::model::Precision::kFp32); }, 10);
    fmt::print("batch {}: network {:.3f} ms, with features {:.3f} ms\n", batch, network * 1e3, both * 1e3);
    const LabelledOutputs some = set.rest.rows(torch::arange(batch));
    for (const auto& [score, name] : margay::predict::names(UnknownScore{})) {
      for (const bool per_class : {false, true}) {
        const auto fit = margay::interpret::fit_unknown(
            set.fit, set.rest, Activation::kSoftmax,
            {.alpha = kAlpha, .per_class = per_class, .score = score, .most_bytes = bundle / 20});
        const double seconds = seconds_of([&] { fit.detector.p_known(some.logits, some.features); }, 50);
        fmt::print("  {}{}: {:.3f} ms, {:.2f} % of the network; {} bytes, {:.2f} % of {:.1f} MB\n", name,
                   per_class ? " per class" : "", seconds * 1e3, 100 * seconds / network, fit.detector.bytes(),
                   100.0 * static_cast<double>(fit.detector.bytes()) / static_cast<double>(bundle),
                   static_cast<double>(bundle) / 1e6);
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const std::string part = arguments.empty() ? "" : arguments[0];
  const std::map<std::string, void (*)(const Sets&)> parts = {
      {"refused", refused}, {"classes", classes}, {"foreign", foreign}, {"sigmoids", sigmoids}, {"cost", cost}};
  if (part != "simulate" && (!parts.contains(part) || arguments.size() < 3)) {
    fmt::print(stderr, "usage: unknown simulate\n       unknown refused|classes|foreign|sigmoids|cost SHARED CACHE\n");
    return 2;
  }
  margay::use_cpu_threads(margay::available_cpus(), margay::ThreadPlacement::kPinned);
  margay::keep_cpu_memory();
  const torch::NoGradGuard no_grad;
  if (part == "simulate") {
    simulate();
    return 0;
  }
  const fs::path shared = arguments[1];
  margay::ClassifierOptions network{.architecture = "resnet18", .num_classes = 37};
  network.head = {.kind = margay::HeadKind::kLinear, .dropout = {0}};
  Sets sets{.network = margay::model::make_classifier(network), .shared = shared, .cache = arguments[2]};
  margay::model::load_pretrained(*sets.network, shared / "weights/resnet18-imagenet.safetensors");
  sets.network->eval();
  parts.at(part)(sets);
  return 0;
}
