#include "margay/train/schedule/hyper_schedule.h"

#include <stdexcept>

#include <fmt/format.h>

#include "margay/train/schedule/schedule.h"

namespace margay::train {

HyperSchedule constant(std::vector<double> lrs, double momentum) {
  return [hyper = Hyper{std::move(lrs), momentum}](double /*progress*/) { return hyper; };
}

HyperSchedule one_cycle(std::vector<double> peak_lrs, const OneCycleShape& shape) {
  if (!(shape.pct_start > 0 && shape.pct_start < 1) || !(shape.div > 0) || !(shape.div_final > 0)) {
    throw std::invalid_argument(
        fmt::format("[one_cycle] pct_start must lie in (0,1) and divisors be positive, got {}, {}, {}", shape.pct_start,
                    shape.div, shape.div_final));
  }
  // The shape is the same for every group, so it is computed once for a peak of 1.
  const Schedule lr = combined_cos(shape.pct_start, 1 / shape.div, 1, 1 / shape.div_final);
  const Schedule momentum = combined_cos(shape.pct_start, shape.moms[0], shape.moms[1], shape.moms[2]);
  return [peaks = std::move(peak_lrs), lr, momentum](double progress) {
    Hyper hyper{peaks, momentum(progress)};
    for (double& rate : hyper.lrs) rate *= lr(progress);
    return hyper;
  };
}

}  // namespace margay::train
