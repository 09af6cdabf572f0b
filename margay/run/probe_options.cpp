#include "margay/run/probe_options.h"

#include <algorithm>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "margay/run/run_folder.h"

namespace margay::run {

namespace {

constexpr int kUsualPx = 224;

}  // namespace

data::Transforms probe_transforms() { return {.resize = {.size = kUsualPx}, .augment = {.size = kUsualPx}}; }

void fit_presizing(data::Transforms& transforms) {
  if (transforms.resize.size != kUsualPx) return;
  transforms.resize.size = std::max(kUsualPx, transforms.augment.size);
}

void check_probe_options(const ProbeRunOptions& options) {
  core::validate(options);
  core::check_rules(options);
  check_run("probe", options.name, core::to_json(options));
  if (options.kind != RunKind::kProbe) throw std::invalid_argument("[probe] these are not the settings of a probe");
  const data::LoaderOptions& loader = options.batch.loader;
  if (loader.balance != data::Balance::kNone || loader.mix.method != data::MixMethod::kNone) {
    throw std::invalid_argument(
        "[probe] `mix` and the loader's `balance` are for trainings: a probe is fitted to every image once; its own "
        "`balance` weighs classes");
  }
}

const core::OptionTable& ProbedNetworkOptions::fields() {
  static const core::OptionTable table(
      "probed_network",
      {core::field<&ProbedNetworkOptions::weights>(
           "weights",
           "pretrained network: a file (safetensors, PyTorch, fastai, .margay) or a folder of "
           "one, for the program also 'cached': from the user's cache folder"),
       core::field<&ProbedNetworkOptions::weights_sha256>(
           "weights_sha256", "refuse weights whose file has another SHA-256", {core::needs({"weights"})}),
       core::field<&ProbedNetworkOptions::arithmetic>(
           "arithmetic",
           "how the publisher of the weights computes: usual, tensorflow (tf_…), timm, caffe, mean_pooled; by default "
           "as names and metadata of the weights tell"),
       core::field<&ProbedNetworkOptions::precision>(
           "precision", "auto, fp32, bf16 or fp16; auto is bf16 if the processor computes it"),
       core::field<&ProbedNetworkOptions::device>("device",
                                                  "auto, cpu, cuda or cuda:N; auto is cuda if there is one")});
  return table;
}

const core::OptionTable& ProbeRunOptions::fields() {
  static const core::OptionTable table(
      "probe_run", {core::field<&ProbeRunOptions::kind>("kind", "what the run is"),
                    core::field<&ProbeRunOptions::name>("name", "name of the run"),
                    core::field<&ProbeRunOptions::runs>("runs", "folder where runs are kept"),
                    core::field<&ProbeRunOptions::arch>("arch", "network: a name of `architectures`"),
                    core::field<&ProbeRunOptions::batch>("batch", "the data"),
                    core::field<&ProbeRunOptions::network>("network", "whose features are probed"),
                    core::field<&ProbeRunOptions::probe>("probe", "the linear classifier on the features"),
                    core::field<&ProbeRunOptions::keep_features>(
                        "keep_features", "keep the features in the cache folder: the next probe takes a second")});
  return table;
}

}  // namespace margay::run
