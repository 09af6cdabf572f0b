#pragma once

#include <filesystem>
#include <string>
#include <utility>

#include "margay/train/callback/callback.h"
#include "margay/train/log/log_failure.h"

namespace margay::train {

/// The learner's history as a table, one line per epoch:
/// stage,epoch,train_loss,valid_loss,<metrics>,seconds,train_images_per_s,wait_share. What there is no number for is
/// "nan". Names are quoted as RFC 4180 says.
std::string history_csv(const Learner& learner);

/// Keeps history_csv in a file, which is replaced after every epoch: whoever reads it sees whole lines, and who kills
/// the program loses the epoch under way. A learner whose history was restored goes on with the table as it was. A file
/// that cannot be written does not stop the training; `on_failure` hears of it once.
class CsvLog : public Callback {
 public:
  CsvLog(std::filesystem::path path, LogFailureListener on_failure)
      : path_(std::move(path)), failure_(std::move(on_failure)) {}

  void after_epoch(Learner& learner, const Progress& at, const EpochRecord& record) override;

 private:
  std::filesystem::path path_;
  LogFailure failure_;
};

}  // namespace margay::train
