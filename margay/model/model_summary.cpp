#include "margay/model/model_summary.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/error.h"
#include "margay/model/architecture/architectures.h"
#include "margay/model/operator_watch.h"

namespace margay::model {
namespace {

/// All modules in eval mode, as long as it lives.
class EvalMode {
 public:
  explicit EvalMode(torch::nn::Module& module) {
    for (const auto& each : module.modules()) modes_.emplace_back(each.get(), each->is_training());
    module.eval();
  }
  EvalMode(const EvalMode&) = delete;
  EvalMode& operator=(const EvalMode&) = delete;
  ~EvalMode() {
    for (const auto& [module, was_training] : modes_) module->train(was_training);  // parents come before children
  }

 private:
  std::vector<std::pair<torch::nn::Module*, bool>> modes_;
};

/// "torch::nn::Conv2dImpl" -> "Conv2d".
std::string kind_of(const torch::nn::Module& module) {
  constexpr std::string_view kImplementation = "Impl";
  std::string name = module.name();
  const std::size_t colon = name.rfind(':');
  if (colon != std::string::npos) name.erase(0, colon + 1);
  if (name.ends_with(kImplementation)) name.erase(name.size() - kImplementation.size());
  return name;
}

struct OwnParameter {
  std::string group;
  torch::Tensor tensor;
};

/// Makes a row of every operator that the network calls, as far as it is more than another view.
class RowMaker {
 public:
  explicit RowMaker(const Classifier& classifier) {
    for (const auto& each : classifier.named_modules("", /*include_self=*/false)) {
      kinds_[each.key()] = kind_of(*each.value());
    }
    for (const ParameterGroup& group : classifier.parameter_groups()) {
      for (const NamedParameter& each : group.parameters) {
        parameters_[memory_of(each.tensor)] = {group.name, each.tensor};
      }
    }
    group_ = classifier.parameter_groups().front().name;
  }

  void operator()(const WatchedOperator& op) {
    const std::int64_t macs = counter_.add(op);
    if (op.depth > 0 || is_view(op)) return;
    const torch::Tensor output = tensors_in(op.outputs).front();
    SummaryRow row{.layer = op.is_layer ? op.layer : "",
                   .kind = op.is_layer ? kinds_.at(op.layer) : step_name(op.name),
                   .output = output.sizes().vec(),
                   .macs = macs,
                   .activation_bytes = is_new(output, op) ? static_cast<std::int64_t>(output.nbytes()) : 0};
    count_parameters(op, row);
    row.group = group_;
    rows_.push_back(std::move(row));
  }

  std::vector<SummaryRow> rows() && { return std::move(rows_); }

 private:
  /// Whether it takes memory of its own. Our batch norm (fused/batch_norm.h) writes over its input where no gradient
  /// needs that; here it counts as it is in training.
  static bool is_new(const torch::Tensor& output, const WatchedOperator& op) {
    if (op.name == "batch_norm") return true;
    const std::vector<torch::Tensor> inputs = tensors_in(op.inputs);
    return std::none_of(inputs.begin(), inputs.end(),
                        [&](const torch::Tensor& input) { return memory_of(input) == memory_of(output); });
  }

  /// Dropout outside training is one, too, but is a layer to whoever reads the summary.
  static bool is_view(const WatchedOperator& op) {
    const std::vector<torch::Tensor> outputs = tensors_in(op.outputs);
    if (outputs.empty()) return true;
    return !op.name.ends_with('_') && op.name.find("dropout") == std::string::npos && !is_new(outputs.front(), op);
  }

  /// In place or not: "add_" -> "add".
  static std::string step_name(std::string name) {
    while (name.ends_with('_')) name.pop_back();
    return name;
  }

  void count_parameters(const WatchedOperator& op, SummaryRow& row) {
    for (const torch::Tensor& input : tensors_in(op.inputs)) {
      const auto found = parameters_.find(memory_of(input));
      if (found == parameters_.end()) continue;
      const OwnParameter& own = found->second;
      group_ = own.group;
      if (!counted_.insert(found->first).second) continue;
      row.parameters += own.tensor.numel();
      if (own.tensor.requires_grad()) row.trainable_parameters += own.tensor.numel();
    }
  }

  std::unordered_map<std::string, std::string> kinds_;        ///< of modules by their paths
  std::unordered_map<const void*, OwnParameter> parameters_;  ///< by their memory
  std::unordered_set<const void*> counted_;
  std::string group_;  ///< of the latest layer
  MacCounter counter_;
  std::vector<SummaryRow> rows_;
};

std::vector<SummaryRow> rows_for(Classifier& classifier, std::int64_t batch_size, std::int64_t image_px) {
  const torch::Tensor images =
      torch::zeros({batch_size, classifier.options().in_channels, image_px, image_px}, classifier.device())
          .contiguous(at::MemoryFormat::ChannelsLast);
  RowMaker maker(classifier);
  watch_operators(classifier, std::ref(maker), [&] { classifier.forward(images); });
  return std::move(maker).rows();
}

/// What grows with the batch grows evenly.
struct BatchLine {
  std::int64_t batch_size;
  std::int64_t operator()(std::int64_t of_one, std::int64_t of_two) const {
    return of_one + (batch_size - 1) * (of_two - of_one);
  }
};

SummaryRow extrapolated(SummaryRow row, const SummaryRow& two, const BatchLine& line) {
  MARGAY_CHECK(row.kind == two.kind && row.output.size() == two.output.size(), "a network is one whatever the batch");
  for (std::size_t i = 0; i < row.output.size(); ++i) row.output[i] = line(row.output[i], two.output[i]);
  row.macs = line(row.macs, two.macs);
  row.activation_bytes = line(row.activation_bytes, two.activation_bytes);
  return row;
}

SummaryGroup summarise_group(const ParameterGroup& group) {
  SummaryGroup summary{.name = group.name};
  for (const NamedParameter& each : group.parameters) {
    summary.parameters += each.tensor.numel();
    if (each.tensor.requires_grad()) summary.trainable_parameters += each.tensor.numel();
  }
  return summary;
}

template <class Each>
std::int64_t sum(const std::vector<Each>& all, std::int64_t Each::*number) {
  return std::accumulate(all.begin(), all.end(), std::int64_t{0},
                         [&](std::int64_t so_far, const Each& each) { return so_far + each.*number; });
}

}  // namespace

std::int64_t ModelSummary::parameters() const { return sum(groups, &SummaryGroup::parameters); }
std::int64_t ModelSummary::trainable_parameters() const { return sum(groups, &SummaryGroup::trainable_parameters); }
std::int64_t ModelSummary::macs_per_image() const { return sum(rows, &SummaryRow::macs) / batch_size; }
std::int64_t ModelSummary::activation_bytes() const { return sum(rows, &SummaryRow::activation_bytes); }

ModelSummary summarise(Classifier& classifier, const SummaryOptions& options) {
  core::validate(options);
  const torch::NoGradGuard no_grad;
  const EvalMode eval(classifier);
  const Architecture& architecture = find_architecture(classifier.options().architecture);
  ModelSummary summary{.batch_size = options.batch_size};
  summary.image_px = options.image_px.value_or(classifier.options().image_px.value_or(architecture.input_px));
  for (const ParameterGroup& each : classifier.parameter_groups()) summary.groups.push_back(summarise_group(each));
  const std::vector<SummaryRow> one = rows_for(classifier, 1, summary.image_px);
  const std::vector<SummaryRow> two = rows_for(classifier, 2, summary.image_px);
  MARGAY_CHECK(one.size() == two.size(), "a network takes the same steps for any batch");
  const BatchLine line{options.batch_size};
  for (std::size_t i = 0; i < one.size(); ++i) summary.rows.push_back(extrapolated(one[i], two[i], line));
  return summary;
}

const core::OptionTable& SummaryOptions::fields() {
  static const core::OptionTable table(
      "summary", {core::field<&SummaryOptions::batch_size>("batch_size", "images in the batch", {1, 1e6}),
                  core::field<&SummaryOptions::image_px>("image_px", "side of the images; by default the network's own",
                                                         {1, 8192})});
  return table;
}

}  // namespace margay::model
