#pragma once

#include <cstdint>
#include <tuple>

#include "margay/core/options.h"
#include "margay/train/optim/optimizer.h"

namespace margay::train {

struct AdamOptions {
  double sqr_mom = 0.99;
  double eps = 1e-5;
  double wd = 0.01;

  static constexpr const char* kName = "adam";
  static constexpr auto fields() {
    return std::tuple{core::field("sqr_mom", &AdamOptions::sqr_mom, "decay of the squared gradients", {0, 1}),
                      core::field("eps", &AdamOptions::eps, "added to the root of the squared gradients", {0, 1}),
                      core::field("wd", &AdamOptions::wd, "weight decay; none on batch norms and biases", {0, 1})};
  }
};

/// Adam (Kingma, Ba 2014) with decoupled weight decay (Loshchilov, Hutter 2017) and fastai's defaults and order of
/// operations; the momentum comes with each step. Each tensor is changed in one pass over its memory.
/// Parameters are float32 on the CPU, or anywhere through LibTorch's operators.
class Adam : public Optimizer {
 public:
  explicit Adam(const std::vector<model::ParameterGroup>& groups, const AdamOptions& options = {});

  void step(const Hyper& hyper) override;
  void zero_grad() override;
  std::size_t num_groups() const override { return groups_.size(); }
  model::TensorMap state() const override;
  void load_state(const model::TensorMap& state, const std::filesystem::path& source) override;

 private:
  struct Slot {
    std::string name;
    torch::Tensor parameter;
    bool decays = true;
    torch::Tensor avg;      ///< like the parameter; undefined before the first step
    torch::Tensor sqr_avg;  ///< like the parameter
    std::int64_t steps = 0;
  };

  void step_slot(Slot& slot, double lr, double momentum) const;

  AdamOptions options_;
  std::vector<std::vector<Slot>> groups_;
};

}  // namespace margay::train
