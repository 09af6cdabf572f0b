#include "margay/model/model_summary.h"

#include <functional>
#include <numeric>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <torch/nn/modules/batchnorm.h>
#include <torch/types.h>

#include "margay/model/graph/graph.h"

namespace margay::model {
namespace {

/// "torch::nn::Conv2dImpl" -> "Conv2d". A batch norm that can be synchronised is one all the same.
std::string kind_of(const torch::nn::Module& module) {
  if (dynamic_cast<const torch::nn::BatchNorm1dImpl*>(&module) != nullptr) return "BatchNorm1d";
  if (dynamic_cast<const torch::nn::BatchNorm2dImpl*>(&module) != nullptr) return "BatchNorm2d";
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

/// "backbone.conv1.weight" -> "backbone.conv1".
std::string owner_of(const std::string& parameter) { return parameter.substr(0, parameter.rfind('.')); }

/// Makes a row of every node that is more than another view, or a part of the node beside it.
class RowMaker {
 public:
  RowMaker(const Classifier& classifier, const Graph& graph, std::int64_t batch_size)
      : graph_(graph), batch_size_(batch_size), sources_(graph.values.size()) {
    for (const auto& each : classifier.named_modules("", /*include_self=*/false)) {
      kinds_[each.key()] = kind_of(*each.value());
    }
    for (const ParameterGroup& group : classifier.parameter_groups()) {
      if (group_.empty()) group_ = group.name;
      for (const NamedParameter& each : group.parameters) parameters_[each.name] = {group.name, each.tensor};
    }
    std::iota(sources_.begin(), sources_.end(), ValueId{0});
    for (const Node& node : graph.nodes) {
      if (node.storage == Storage::kView) sources_.at(node.output) = sources_.at(node.inputs.front());
    }
  }

  std::vector<SummaryRow> rows() {
    std::vector<SummaryRow> rows;
    for (const Node& node : graph_.nodes) {
      macs_ += batch_size_ * macs_of(graph_, node);
      if (node.storage != Storage::kView && node.storage != Storage::kFused) rows.push_back(row_of(node));
    }
    return rows;
  }

 private:
  SummaryRow row_of(const Node& node) {
    SummaryRow row{.output = with_batch(graph_.shape(node.output), batch_size_), .macs = std::exchange(macs_, 0)};
    if (node.storage == Storage::kNew) {
      row.activation_bytes = std::accumulate(row.output.begin(), row.output.end(), kBytes, std::multiplies<>());
    }
    count_parameters(node, row);
    row.kind = row.layer.empty() ? node.name : kinds_.at(row.layer);
    row.group = group_;
    return row;
  }

  void count_parameters(const Node& node, SummaryRow& row) {
    for (const ValueId input : node.inputs) {
      const std::string& name = graph_.values.at(sources_.at(input)).name;
      const auto found = parameters_.find(name);
      if (found == parameters_.end()) continue;
      const OwnParameter& own = found->second;
      if (row.layer.empty()) row.layer = owner_of(name);
      group_ = own.group;
      if (!counted_.insert(name).second) continue;
      row.parameters += own.tensor.numel();
      if (own.tensor.requires_grad()) row.trainable_parameters += own.tensor.numel();
    }
  }

  static constexpr std::int64_t kBytes = sizeof(float);

  const Graph& graph_;
  std::int64_t batch_size_;
  std::vector<ValueId> sources_;                        ///< for every value what it is a view of, or itself
  std::unordered_map<std::string, std::string> kinds_;  ///< of modules by their paths
  std::unordered_map<std::string, OwnParameter> parameters_;
  std::unordered_set<std::string> counted_;
  std::string group_;      ///< of the latest layer
  std::int64_t macs_ = 0;  ///< of nodes that have no row
};

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
  ModelSummary summary{.batch_size = options.batch_size};
  summary.image_px = options.image_px.value_or(classifier.image_px());
  for (const ParameterGroup& each : classifier.parameter_groups()) summary.groups.push_back(summarise_group(each));
  const Graph graph = describe(classifier, summary.image_px);
  summary.rows = RowMaker(classifier, graph, options.batch_size).rows();
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
