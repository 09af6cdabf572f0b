#include "margay/train/log/csv_log.h"

#include <fmt/format.h>

#include "margay/core/atomic_file.h"
#include "margay/data/source/csv.h"
#include "margay/train/learner.h"

namespace margay::train {

std::string history_csv(const Learner& learner) {
  std::string text = "stage,epoch,train_loss,valid_loss";
  for (const auto& metric : learner.metrics()) text += "," + data::csv_cell(metric->name());
  text += ",seconds,train_images_per_s,wait_share\n";
  for (const EpochRecord& record : learner.history()) {
    text +=
        fmt::format("{},{},{},{}", data::csv_cell(record.stage), record.epoch, record.train_loss, record.valid_loss);
    for (const double metric : record.metrics) text += fmt::format(",{}", metric);
    text += fmt::format(",{:.3f},{:.2f},{:.4f}\n", record.seconds, record.train_images_per_s, record.wait_share);
  }
  return text;
}

void CsvLog::after_epoch(Learner& learner, const Progress& /*at*/, const EpochRecord& /*record*/) {
  failure_.guard([&] { core::write_file_atomically(path_, history_csv(learner)); });
}

}  // namespace margay::train
