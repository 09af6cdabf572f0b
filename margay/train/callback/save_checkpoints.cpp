#include "margay/train/callback/save_checkpoints.h"

#include "margay/train/checkpoint/checkpoint.h"

namespace margay::train {

void SaveCheckpoints::after_epoch(Learner& learner, const Progress& at, const EpochRecord& record) {
  try {
    save_checkpoint(path_, learner, {{"stage", at.stage}, {"epochs_done", record.epoch + 1}, {"epochs", at.epochs}});
  } catch (const core::IoError& error) {
    on_failure_(error);
  }
}

}  // namespace margay::train
