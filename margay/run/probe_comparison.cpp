#include "margay/run/probe_comparison.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <functional>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/model/architecture/architectures.h"
#include "margay/model/weights/pretrained.h"
#include "margay/run/probe_network.h"
#include "margay/run/same_options.h"

namespace margay::run {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> listed_networks(const std::string& list) {
  std::vector<std::string> names;
  std::set<std::string> known;
  for (std::size_t from = 0; from <= list.size();) {
    const std::size_t end = std::min(list.find(',', from), list.size());
    std::string name = list.substr(from, end - from);
    from = end + 1;
    name.erase(0, name.find_first_not_of(' '));
    name.erase(name.find_last_not_of(' ') + 1);
    const std::string& found = model::find_architecture(name).name;
    if (!known.insert(found).second) throw std::invalid_argument(fmt::format("[probe] `compare` has {} twice", name));
    names.push_back(found);
  }
  return names;
}

std::vector<std::string> found_networks(const fs::path& folder) {
  std::vector<std::string> names;
  for (const model::Architecture* each : model::networks_with_weights(folder)) names.push_back(each->name);
  return names;
}

/// What comparing needs of one network's probe.
struct ProbedErrors {
  ComparedNetwork network;
  std::vector<double> errors;  ///< of each image, 0 … 1
  std::vector<std::size_t> ids;
};

/// The share of wrong decisions for each image.
std::vector<double> errors_of(const predict::Predictions& left_out) {
  const torch::Tensor wrong = left_out.targets.dim() == 1
                                  ? left_out.logits.argmax(1).ne(left_out.targets).to(torch::kDouble)
                                  : (left_out.logits > 0).ne(left_out.targets > 0.5).to(torch::kDouble).mean(1);
  const torch::Tensor values = wrong.contiguous();
  return {values.data_ptr<double>(), values.data_ptr<double>() + values.size(0)};
}

std::vector<std::int64_t> keys_of(const predict::ImageGroups& groups) {
  if (groups.largest < 2) return {};
  const torch::Tensor keys = groups.of_image.contiguous();
  return {keys.data_ptr<std::int64_t>(), keys.data_ptr<std::int64_t>() + keys.size(0)};
}

using Groups = std::optional<predict::ImageGroups>;

/// The network with its data, without a validation set where that chooses nothing: only the ranking is wanted. What one
/// process alone cannot load, none of them probes.
ProbeNetwork load_in_all(ProbeRunOptions options, const fs::path& cache_folder, Observer& observer,
                         const std::shared_ptr<collective::Group>& processes) {
  std::optional<ProbeNetwork> network;
  std::exception_ptr problem;
  try {
    if (fs::is_directory(options.network.weights)) {
      options.network.weights = model::find_weights(options.network.weights, model::find_architecture(options.arch));
    }
    network.emplace(load_probe_network(options, cache_folder, observer));
  } catch (const std::exception&) {
    problem = std::current_exception();
  }
  const bool has_failed = collective::any_of(*processes, problem != nullptr);
  if (problem) std::rethrow_exception(problem);
  if (has_failed) throw core::Error(fmt::format("another process cannot load {}", options.arch));
  network->group = processes;
  if (options.probe.select == train::ProbeSelect::kLeftOut) network->loaders.valid.reset();
  return std::move(*network);
}

ProbedErrors fit_compared(ProbeNetwork& network, Groups& groups, const fs::path& cache_folder, Observer& observer) {
  const FittedProbe fitted = fit_probe_network(network, cache_folder, observer, groups ? &*groups : nullptr);
  const train::ProbeResult& result = fitted.probe.result;
  if (!groups) groups = fitted.probe.train_groups;
  return {.network = {.arch = network.options.arch,
                      .weights = network.options.network.weights,
                      .problem = "",
                      .score = result.score,
                      .images_per_s = fitted.images_per_s,
                      .to_best = {}},
          .errors = errors_of(result.left_out),
          .ids = result.left_out.ids};
}

/// What keeps one network from being probed, and others not; null where the step succeeds.
std::exception_ptr failure_of(const std::function<void()>& step) {
  try {
    step();
    return nullptr;
  } catch (const core::Interrupted&) {
    throw;
  } catch (const collective::ProcessLost&) {
    throw;
  } catch (const collective::GroupInterrupted&) {
    throw;
  } catch (const core::Error&) {
    return std::current_exception();
  } catch (const std::invalid_argument&) {
    return std::current_exception();
  }
}

std::string message_of(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    return error.what();
  }
}

/// One that cannot be probed becomes a network with its problem, and `failure` the error. Of several processes one
/// alone may fail while it probes, where the others wait for it: that is thrown.
ProbedErrors probe_or_say(const ProbeRunOptions& options, Groups& groups, const fs::path& cache_folder,
                          Observer& observer, std::exception_ptr& failure,
                          const std::shared_ptr<collective::Group>& processes) {
  ProbedErrors probed;
  std::optional<ProbeNetwork> network;
  const auto load = [&] { network.emplace(load_in_all(options, cache_folder, observer, processes)); };
  const auto fit = [&] { probed = fit_compared(*network, groups, cache_folder, observer); };
  std::exception_ptr problem = failure_of(load);
  if (!problem && processes->size() > 1) {
    fit();
  } else if (!problem) {
    problem = failure_of(fit);
  }
  if (!problem) return probed;
  failure = problem;
  probed.network = {.arch = options.arch,
                    .weights = options.network.weights,
                    .problem = message_of(problem),
                    .score = {},
                    .images_per_s = 0,
                    .to_best = {}};
  return probed;
}

bool is_ahead(const ProbedErrors& a, const ProbedErrors& b) {
  if (a.network.problem.empty() != b.network.problem.empty()) return a.network.problem.empty();
  return a.network.score.error.mean < b.network.score.error.mean;
}

/// b - a of the same images. With groups the groups are what is independent, so Student's t of their number.
metric::Difference paired_difference(const ProbedErrors& a, const ProbedErrors& b,
                                     const std::vector<std::int64_t>& groups, const fs::path& folder) {
  if (a.ids != b.ids) {
    throw core::DataError(folder, "other images could be read with one network than with another; compare again");
  }
  std::vector<double> differences(a.errors.size());
  std::transform(b.errors.begin(), b.errors.end(), a.errors.begin(), differences.begin(), std::minus<>());
  const metric::ClusteredMean mean = metric::clustered_mean(differences, groups);
  metric::Difference difference{
      .value = mean.mean, .standard_error = mean.standard_error, .freedom = static_cast<double>(mean.groups - 1)};
  if (!(mean.standard_error > 0) || mean.groups < 2) return difference;  // no image differs
  constexpr double kOneOfTwenty = 0.05;
  difference.noise = metric::student_quantile_two_sided(kOneOfTwenty, difference.freedom) * mean.standard_error;
  difference.p_value = metric::student_two_sided(mean.mean / mean.standard_error, difference.freedom);
  return difference;
}

ProbeRunOptions without_curve(ProbeRunOptions options) {
  options.probe.learning_curve = false;
  return options;
}

}  // namespace

std::vector<std::string> networks_to_compare(const std::string& list, const fs::path& folder) {
  return list == kCompareAll ? found_networks(folder) : listed_networks(list);
}

fs::path folder_of_weights(const fs::path& weights, const fs::path& cache_folder) {
  const bool is_cached = weights.empty() || weights == model::kCachedWeights;
  if (is_cached && cache_folder.empty()) {
    throw std::invalid_argument("[probe] there is no home folder for a cache; name the folder of `weights`");
  }
  const fs::path folder = is_cached ? cache_folder / "weights" : weights;
  std::error_code failure;
  if (fs::is_regular_file(folder, failure)) {
    throw std::invalid_argument(fmt::format(
        "[probe] `compare` takes a folder with weights of several networks, NAME.safetensors and so on, for "
        "`weights`, not the file {}",
        core::shown_path(folder)));
  }
  return folder;
}

ComparedNetwork probe_network(const ProbeRunOptions& options, const fs::path& cache_folder, Observer& observer,
                              const std::shared_ptr<collective::Group>& processes) {
  Groups groups;
  std::exception_ptr failure;
  return probe_or_say(without_curve(options), groups, cache_folder, observer, failure, processes).network;
}

ProbeComparison compare_probes(const ProbeRunOptions& given, const std::vector<std::string>& networks,
                               const fs::path& cache_folder, Observer& observer,
                               const std::shared_ptr<collective::Group>& processes) {
  check_probe_options(given);
  check_same_options(*processes, core::to_json(given));
  collective::check_same(*processes, {{"the networks to compare", core::joined(networks, ", ")}});
  ProbeRunOptions options = without_curve(given);
  const fs::path folder = folder_of_weights(given.network.weights, cache_folder);
  make_loaders(options.batch, cache_folder);  // what is wrong with the data stops all
  std::vector<ProbedErrors> probed;
  Groups groups;
  std::exception_ptr failure;
  for (const std::string& name : networks) {
    options.arch = name;
    options.network.weights = folder;
    probed.push_back(probe_or_say(options, groups, cache_folder, observer, failure, processes));
  }
  std::stable_sort(probed.begin(), probed.end(), is_ahead);
  if (!groups) std::rethrow_exception(failure);
  const std::vector<std::int64_t> keys = keys_of(*groups);
  ProbeComparison comparison{.networks = {},
                             .images = groups->of_image.size(0),
                             .groups = groups->count,
                             .grouping = grouping_text(*groups, options.batch.data)};
  for (ProbedErrors& each : probed) {
    const bool is_compared = each.network.problem.empty() && &each != &probed.front();
    if (is_compared) each.network.to_best = paired_difference(probed.front(), each, keys, options.batch.folder);
    comparison.networks.push_back(each.network);
  }
  observer.compared_probes(comparison);
  return comparison;
}

}  // namespace margay::run
