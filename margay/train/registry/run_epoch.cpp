#include "margay/train/registry/run_epoch.h"

namespace margay::train {

RunEpoch run_epoch(const EpochRecord& record, const metric::Metrics& metrics) {
  RunEpoch epoch{.stage = record.stage,
                 .epoch = record.epoch,
                 .train_loss = record.train_loss,
                 .valid_loss = record.valid_loss,
                 .metrics = {},
                 .seconds = record.seconds};
  for (std::size_t i = 0; i < record.metrics.size() && i < metrics.size(); ++i) {
    epoch.metrics.emplace_back(metrics[i]->name(), record.metrics[i]);
  }
  return epoch;
}

}  // namespace margay::train
