#include "margay/model/weights/naming.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include <re2/re2.h>

#include "margay/core/error.h"
#include "margay/model/network_state.h"

namespace margay::model {

TensorMap state_of(const torch::nn::Module& module) {
  TensorMap state;
  for (const auto& each : module.named_parameters()) state[each.key()] = each.value().detach();
  for (const auto& each : module.named_buffers()) state[each.key()] = each.value();
  return state;
}

std::set<std::string> published_head_names(const Backbone& backbone) {
  const RandomState before(at::kCPU);  // making the head draws random numbers
  std::set<std::string> names;
  for (const auto& each : state_of(*backbone.make_published_head(1))) names.insert(each.first);
  before.restore();
  return names;
}

namespace {

constexpr std::array<std::string_view, 10> kWrappers = {"module.",   "model.",   "net.",     "network.", "_orig_mod.",
                                                        "backbone.", "encoder.", "student.", "teacher.", "model_ema."};
constexpr int kMaxWrappers = 4;
constexpr std::string_view kOwnNaming = "the network's own";
constexpr std::string_view kNewHead = "head.";

/// One way to read the names.
struct Reading {
  TensorMap body;
  TensorMap head;
  std::string naming;
};

/// The tensors whose names begin so, without that beginning.
TensorMap below(const TensorMap& tensors, std::string_view prefix) {
  TensorMap inner;
  for (const auto& [name, tensor] : tensors) {
    if (name.starts_with(prefix)) inner[name.substr(prefix.size())] = tensor;
  }
  return inner;
}

bool all_begin(const TensorMap& tensors, std::string_view first, std::string_view second) {
  return std::all_of(tensors.begin(), tensors.end(),
                     [&](const auto& each) { return each.first.starts_with(first) || each.first.starts_with(second); });
}

/// Without the wrapper that at least half of the tensors bear; nothing if there is none.
std::optional<TensorMap> unwrapped(const TensorMap& tensors) {
  for (const std::string_view wrapper : kWrappers) {
    TensorMap inner = below(tensors, wrapper);
    if (2 * inner.size() >= tensors.size()) return inner;
  }
  return std::nullopt;
}

/// fastai's create_body keeps the children of torchvision's network, less the last ones, by their numbers.
const std::vector<Naming>& fastai_bodies() {
  static const std::vector<Naming> bodies = {{"fastai",
                                              {{R"(0\.0\.(.+))", R"(conv1.\1)"},
                                               {R"(0\.1\.(.+))", R"(bn1.\1)"},
                                               {R"(0\.4\.(.+))", R"(layer1.\1)"},
                                               {R"(0\.5\.(.+))", R"(layer2.\1)"},
                                               {R"(0\.6\.(.+))", R"(layer3.\1)"},
                                               {R"(0\.7\.(.+))", R"(layer4.\1)"}}},
                                             {"fastai", {{R"(0\.0\.(.+))", R"(features.\1)"}}}};
  return bodies;
}

class Reader {
 public:
  Reader(const OwnNames& own, const Architecture& architecture) : own_(own), architecture_(architecture) {
    for (const auto& each : own.backbone) perfect_ += is_counter(each.first) ? 0 : 2;
  }

  NamedWeights read(const TensorMap& found) {
    std::optional<TensorMap> level = found;
    for (int depth = 0; depth <= kMaxWrappers && level && best_score_ < perfect_; ++depth) {
      try_level(*level);
      level = unwrapped(*level);
    }
    return take_apart(std::move(best_));
  }

 private:
  void try_level(const TensorMap& tensors) {
    try_publishers({tensors, {}, ""});
    if (all_begin(tensors, "backbone.", "head.")) {
      consider({below(tensors, "backbone."), below(tensors, "head."), kBundleNaming});
    }
    if (all_begin(tensors, "0.", "1.")) try_fastai(tensors);
  }

  void try_publishers(const Reading& reading) {
    const std::string suffix = reading.naming.empty() ? "" : " in " + reading.naming;
    consider({reading.body, reading.head, std::string(kOwnNaming) + suffix});
    for (const Naming& naming : architecture_.namings) {
      if (best_score_ >= perfect_) return;
      consider({translated(reading.body, naming), reading.head, naming.publisher + suffix});
    }
  }

  void try_fastai(const TensorMap& tensors) {
    const TensorMap head = below(tensors, "1.");
    TensorMap body = tensors;
    std::erase_if(body, [](const auto& each) { return each.first.starts_with("1."); });
    for (const Naming& naming : fastai_bodies()) consider({translated(body, naming), head, naming.publisher});
    try_publishers({below(body, "0.model."), head, "fastai"});
  }

  /// 2 for each of our tensors that is there with as many elements, 1 for one of another size.
  std::size_t score(const TensorMap& body) const {
    std::size_t score = 0;
    for (const auto& [name, tensor] : own_.backbone) {
      const auto found = is_counter(name) ? body.end() : body.find(name);
      if (found != body.end()) score += found->second.numel() == tensor.numel() ? 2 : 1;
    }
    return score;
  }

  /// Of equals the first counts.
  void consider(Reading reading) {
    const std::size_t score = this->score(reading.body);
    if (!best_.naming.empty() && score <= best_score_) return;
    best_score_ = score;
    best_ = std::move(reading);
  }

  /// Of a new head's layers, which are numbered, beside a backbone under its own names: as `weights convert` writes
  /// them.
  static bool is_of_new_head(const std::string& name) {
    static const RE2 numbered(R"(head\.\d+\..+)");
    return RE2::FullMatch(name, numbered);
  }

  NamedWeights take_apart(Reading reading) const {
    NamedWeights weights{{}, std::move(reading.head), std::move(reading.naming)};
    for (const auto& [name, tensor] : reading.body) {
      const bool is_body = own_.backbone.contains(name);
      if (!is_body && own_.published_head.contains(name)) {
        weights.head[name] = tensor;
      } else if (!is_body && is_of_new_head(name)) {
        weights.head[name.substr(kNewHead.size())] = tensor;
      } else {
        weights.backbone[name] = tensor;
      }
    }
    weights.backbone.erase("n_averaged");  // a counter of torch.optim.swa_utils.AveragedModel
    return weights;
  }

  const OwnNames& own_;
  const Architecture& architecture_;
  std::size_t perfect_ = 0;
  std::size_t best_score_ = 0;
  Reading best_;
};

}  // namespace

TensorMap translated(const TensorMap& found, const Naming& naming) {
  std::vector<std::unique_ptr<RE2>> patterns;
  for (const NameRule& rule : naming.rules) {
    patterns.push_back(std::make_unique<RE2>("^(?:" + rule.pattern + ")$", RE2::Quiet));
    MARGAY_CHECK(patterns.back()->ok(), "a pattern of a naming is one of RE2: " + rule.pattern);
  }
  TensorMap result;
  for (const auto& [name, tensor] : found) {
    std::string renamed = name;
    for (std::size_t i = 0; i < patterns.size(); ++i) {
      if (RE2::Replace(&renamed, *patterns[i], naming.rules[i].replacement)) break;
    }
    if (renamed.empty()) continue;
    if (!result.emplace(renamed, tensor).second) result.emplace(name, tensor);
  }
  return result;
}

NamedWeights name_as_ours(const TensorMap& found, const OwnNames& own, const Architecture& architecture) {
  return Reader(own, architecture).read(found);
}

namespace {

constexpr std::size_t kMostTried = 12;  // networks of about the right size

/// Those that agree, of all that either has. Counters, which old files lack, have no say.
double agreement(const TensorMap& found, const TensorMap& expected) {
  std::size_t agree = 0;
  std::size_t all = 0;
  for (const auto& [name, tensor] : expected) {
    if (is_counter(name)) continue;
    const auto same = found.find(name);
    agree += same != found.end() && same->second.numel() == tensor.numel() ? 1 : 0;
    ++all;
  }
  for (const auto& each : found) all += is_counter(each.first) || expected.contains(each.first) ? 0 : 1;
  return all == 0 ? 0 : static_cast<double>(agree) / static_cast<double>(all);
}

TensorMap with_head(const NamedWeights& weights, const std::set<std::string>& published_head) {
  TensorMap tensors = weights.backbone;
  for (const auto& [name, tensor] : weights.head)
    tensors[published_head.contains(name) ? name : std::string(kNewHead) + name] = tensor;
  return tensors;
}

double values_of(const TensorMap& tensors) {
  double values = 0;
  for (const auto& each : tensors) values += static_cast<double>(each.second.numel());
  return values;
}

/// Networks that are neither much smaller nor much larger, the likeliest first. A file may lack the published classes,
/// which are half of a small network.
std::vector<const Architecture*> of_such_size(double values) {
  const auto distance = [&](const Architecture* each) {
    return std::abs(static_cast<double>(each->parameters) - values);
  };
  std::vector<const Architecture*> likely;
  for (const Architecture& each : architectures()) {
    const double share = values / static_cast<double>(each.parameters);
    if (share > 0.4 && share < 1.5) likely.push_back(&each);
  }
  std::stable_sort(likely.begin(), likely.end(),
                   [&](const Architecture* a, const Architecture* b) { return distance(a) < distance(b); });
  likely.resize(std::min(likely.size(), kMostTried));
  return likely;
}

}  // namespace

Recognised recognise(const TensorMap& tensors, const Architecture& architecture) {
  const RandomState before(at::kCPU);  // a network that is only looked at changes nothing that is drawn later
  const auto backbone = architecture.build({.image_px = architecture.input_px});
  before.restore();
  const std::set<std::string> head = published_head_names(*backbone);
  const TensorMap own = state_of(*backbone);
  NamedWeights weights = name_as_ours(tensors, {own, head}, architecture);
  backbone->adapt_published(weights.backbone);
  return {&architecture, with_head(weights, head), weights.naming, agreement(weights.backbone, own)};
}

std::optional<Recognised> recognise(const TensorMap& tensors) {
  std::optional<Recognised> best;
  for (const Architecture* each : of_such_size(values_of(tensors))) {
    Recognised found = recognise(tensors, *each);
    if (found.share >= kRecognisedShare && (!best || found.share > best->share)) best = std::move(found);
    if (best && best->share == 1) break;  // of relatives all but a few tensors are the same
  }
  return best;
}

}  // namespace margay::model
