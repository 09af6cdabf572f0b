#include "margay/run/labelling_probe.h"

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <torch/types.h>

#include "margay/data/dataset.h"
#include "margay/data/image_pipeline.h"
#include "margay/predict/image_groups.h"
#include "margay/run/probe_network.h"
#include "margay/run/probe_run.h"
#include "margay/run/random_order.h"
#include "margay/train/probe/probe.h"

namespace margay::run {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLabellingSeed = 42;
constexpr std::size_t kShownShares = 9;
constexpr std::int64_t kLeastOfClass = 2;

/// Of the files' names alone, wherever they lie.
std::vector<std::size_t> random_positions(const std::vector<fs::path>& paths) {
  std::vector<std::string> names;
  for (const fs::path& path : paths) names.push_back(path.filename().native());
  return random_order(names, kLabellingSeed);
}

/// The classes by name.
std::vector<std::string> classes_of(const std::vector<KnownImage>& known) {
  std::vector<std::string> classes;
  for (const KnownImage& image : known) classes.push_back(image.label);
  std::sort(classes.begin(), classes.end());
  classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
  return classes;
}

/// "" if a probe can be fitted.
std::string why_no_probe(const std::vector<KnownImage>& known) {
  std::map<std::string, std::int64_t> counts;
  for (const KnownImage& image : known) ++counts[image.label];
  const auto enough =
      std::count_if(counts.begin(), counts.end(), [](const auto& c) { return c.second >= kLeastOfClass; });
  if (enough >= 2) return "";
  return fmt::format("a probe needs two images of two classes each; so far {}",
                     enough == 1 ? "one class has two" : "no class has two");
}

/// Labelled images first, then those to be labelled.
class LabellingProbe {
 public:
  LabellingProbe(const LabellingProbeOptions& options, const fs::path& cache_folder, Observer& observer)
      : options_(options), classes_(classes_of(options.known)) {
    looked_at_ = random_positions(options.unlabelled);
    if (looked_at_.size() > options.most_unlabelled) {
      advice_.warnings.push_back(fmt::format("of {} unlabelled images {} are looked at, drawn at random",
                                             looked_at_.size(), options.most_unlabelled));
      looked_at_.resize(options.most_unlabelled);
    }
    collect(cache_folder, observer);
  }

  LabellingAdvice run() {
    fit();
    order_images();
    return std::move(advice_);
  }

 private:
  void collect(const fs::path& cache_folder, Observer& observer) {
    data::PathList paths;
    for (const KnownImage& image : options_.known) paths.add(image.path.native());
    for (const std::size_t i : looked_at_) paths.add(options_.unlabelled[i].native());
    const auto images = std::make_shared<data::Dataset>(data::Dataset::unlabelled(paths));
    ProbeRunOptions probe{.arch = options_.arch, .network = options_.network};
    ProbeNetwork network =
        load_probe_network(probe, cache_folder, observer, [&](const BatchOptions& batch, const fs::path& /*cache*/) {
          const data::ImagePipeline pipeline(batch.transforms, batch.loader.max_pixels);
          return data::Loaders{.train = data::Loader(images, pipeline, data::Phase::kValid, batch.loader),
                               .valid = std::nullopt,
                               .vocabulary = data::Vocabulary(classes_),
                               .warnings = {}};
        });
    features_ = collect_probe_features(network, cache_folder, observer);
    for (std::size_t row = 0; row < features_.ids.size(); ++row) {
      const std::size_t id = features_.ids[row];
      (id < options_.known.size() ? known_rows_ : unlabelled_rows_).push_back(static_cast<std::int64_t>(row));
    }
  }

  const KnownImage& known(std::size_t i) const {
    return options_.known[features_.ids[static_cast<std::size_t>(known_rows_[i])]];
  }

  predict::Features known_features() const {
    predict::Features known_features;
    known_features.rows = features_.rows.index_select(0, torch::tensor(known_rows_, torch::kLong));
    known_features.targets = torch::empty({std::ssize(known_rows_)}, torch::kLong);
    for (std::size_t i = 0; i < known_rows_.size(); ++i) {
      const auto place = std::lower_bound(classes_.begin(), classes_.end(), known(i).label);
      known_features.targets.data_ptr<std::int64_t>()[i] = place - classes_.begin();
      known_features.ids.push_back(i);
    }
    return known_features;
  }

  void fit() {
    advice_.known = std::ssize(known_rows_);
    const predict::Features known_images = known_features();
    probe_ = train::fit_probe(known_images, nullptr, {}, std::ssize(classes_), data::Task::kSingleLabel,
                              {.learning_curve = false, .seed = kLabellingSeed});
    const torch::Tensor predicted = probe_.left_out.logits.argmax(1).contiguous();
    std::vector<double> wrong;
    std::vector<double> wrong_of_random;
    for (std::size_t i = 0; i < known_rows_.size(); ++i) {
      const bool is_wrong = predicted.data_ptr<std::int64_t>()[i] != known_images.targets.data_ptr<std::int64_t>()[i];
      wrong.push_back(is_wrong ? 1 : 0);
      if (known(i).is_random) wrong_of_random.push_back(wrong.back());
    }
    advice_.error = metric::share_estimate(wrong);
    advice_.random_images = std::ssize(wrong_of_random);
    if (!wrong_of_random.empty()) advice_.random_error = metric::share_estimate(wrong_of_random);
  }

  std::vector<ImageToLabel> judged() const {
    std::vector<ImageToLabel> images;
    if (unlabelled_rows_.empty()) return images;
    const torch::Tensor rows = features_.rows.index_select(0, torch::tensor(unlabelled_rows_, torch::kLong));
    const torch::Tensor logits = rows.matmul(probe_.weight.t()).add(probe_.bias);
    const std::int64_t kept = std::min<std::int64_t>(kShownShares, logits.size(1));
    const auto [shares, labels] = logits.softmax(1).topk(kept, 1);
    const torch::Tensor values = shares.contiguous().to(torch::kDouble);
    const torch::Tensor places = labels.contiguous();
    for (std::int64_t row = 0; row < values.size(0); ++row) {
      const std::size_t id = features_.ids[static_cast<std::size_t>(unlabelled_rows_[static_cast<std::size_t>(row)])];
      ImageToLabel image{.image = looked_at_[id - options_.known.size()]};
      const double* const p = values.data_ptr<double>() + row * kept;
      for (std::int64_t k = 0; k < kept; ++k) {
        const std::int64_t label = places.data_ptr<std::int64_t>()[row * kept + k];
        image.shares.emplace_back(classes_[static_cast<std::size_t>(label)], p[k]);
      }
      image.uncertainty = 1 - (p[0] - p[1]);
      images.push_back(std::move(image));
    }
    return images;
  }

  /// looked_at_ is in random order, and so are the rows.
  void order_images() {
    std::vector<ImageToLabel> by_chance = judged();
    std::vector<std::size_t> uncertain(by_chance.size());
    std::iota(uncertain.begin(), uncertain.end(), std::size_t{0});
    std::stable_sort(uncertain.begin(), uncertain.end(),
                     [&](std::size_t a, std::size_t b) { return by_chance[a].uncertainty > by_chance[b].uncertainty; });
    std::vector<bool> is_taken(by_chance.size());
    std::size_t next_by_chance = 0;
    std::size_t next_uncertain = 0;
    while (advice_.order.size() < by_chance.size()) {
      const bool is_random = (advice_.order.size() + 1) % static_cast<std::size_t>(options_.random_each) == 0;
      while (is_random && is_taken[next_by_chance]) ++next_by_chance;
      while (!is_random && is_taken[uncertain[next_uncertain]]) ++next_uncertain;
      const std::size_t taken = is_random ? next_by_chance : uncertain[next_uncertain];
      is_taken[taken] = true;
      advice_.order.push_back(std::move(by_chance[taken]));
      advice_.order.back().is_random = is_random;
    }
  }

  const LabellingProbeOptions& options_;
  std::vector<std::string> classes_;
  std::vector<std::size_t> looked_at_;
  predict::Features features_;
  std::vector<std::int64_t> known_rows_;
  std::vector<std::int64_t> unlabelled_rows_;
  train::ProbeResult probe_;
  LabellingAdvice advice_;
};

}  // namespace

std::vector<ImageToLabel> random_labelling_order(const std::vector<fs::path>& unlabelled) {
  std::vector<ImageToLabel> order;
  for (const std::size_t i : random_positions(unlabelled)) order.push_back({.image = i, .is_random = true});
  return order;
}

LabellingAdvice probe_for_labelling(const LabellingProbeOptions& options, const fs::path& cache_folder,
                                    Observer& observer) {
  if (options.random_each < 1) throw std::invalid_argument("[probe_for_labelling] random_each must be 1 or more");
  const std::string problem = why_no_probe(options.known);
  if (!problem.empty()) return {.order = random_labelling_order(options.unlabelled), .problem = problem};
  if (options.network.weights.empty()) throw NoWeightsError({.arch = options.arch});
  return LabellingProbe(options, cache_folder, observer).run();
}

}  // namespace margay::run
