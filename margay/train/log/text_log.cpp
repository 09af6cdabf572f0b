#include "margay/train/log/text_log.h"

#include <algorithm>
#include <chrono>
#include <fstream>

#include <fmt/format.h>

#include "margay/core/file.h"
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

namespace {

constexpr const char* kStep = "step";
constexpr const char* kBytes = "bytes";

/// Seconds since 1970 (UTC), to a thousandth.
double time_now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<double>(std::chrono::duration_cast<std::chrono::milliseconds>(since).count()) / 1000;
}

/// The bytes up to the end of the last whole line within the first `limit`. It is less than `limit` only where the file
/// is not what the checkpoint knew: lines lost in a power cut, or another file of the name.
std::uint64_t whole_lines(const std::filesystem::path& path, std::uint64_t limit) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return 0;
  std::uint64_t end = std::min(limit, static_cast<std::uint64_t>(std::max<std::streamoff>(file.tellg(), 0)));
  for (; end > 0; --end) {
    file.seekg(static_cast<std::streamoff>(end - 1));
    if (file.get() == '\n' || !file) break;
  }
  return end;
}

}  // namespace

JsonLinesLog::JsonLinesLog(std::filesystem::path path, LogFailureListener on_failure, const LogOptions& options)
    : path_(std::move(path)), failure_(std::move(on_failure)), options_(options) {
  core::validate(options_);
}

void JsonLinesLog::after_batch(Learner& learner, const Progress& at) {
  if (!at.is_training || ++step_ % options_.log_every != 0) return;
  const StepRecord& step = learner.steps().back();  // at.loss would make a GPU be waited for once more
  write({{kStep, step_},
         {"stage", at.stage},
         {"epoch", at.epoch},
         {"loss", step.loss},
         {"smooth_loss", at.smooth_loss},
         {"lr", step.lr},
         {"momentum", step.momentum},
         {"images_per_s", at.images_per_s},
         {"time", time_now()}});
}

void JsonLinesLog::after_epoch(Learner& learner, const Progress& at, const EpochRecord& record) {
  nlohmann::ordered_json metrics = nlohmann::ordered_json::object();
  for (std::size_t i = 0; i < record.metrics.size(); ++i) metrics[learner.metrics()[i]->name()] = record.metrics[i];
  write({{kStep, step_},
         {"stage", at.stage},
         {"epoch", record.epoch},
         {"train_loss", record.train_loss},
         {"valid_loss", record.valid_loss},
         {"metrics", metrics},
         {"seconds", record.seconds},
         {"train_images_per_s", record.train_images_per_s},
         {"wait_share", record.wait_share},
         {"time", time_now()}});
}

void JsonLinesLog::write(const nlohmann::ordered_json& line) {
  // Names that are not UTF-8 must not stop the training either.
  const std::string text = line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  failure_.guard([&] { file().append(text); });
}

RecordFile& JsonLinesLog::file() {
  if (!file_) file_.emplace(path_, kept_bytes_);
  return *file_;
}

CallbackState JsonLinesLog::state() const {
  return {.values = {{kStep, step_}, {kBytes, file_ ? file_->size() : kept_bytes_}}};
}

void JsonLinesLog::load_state(const CallbackState& state, const std::filesystem::path& source) {
  const std::int64_t step = count_at(state.values, kStep, source);
  const auto bytes = static_cast<std::uint64_t>(count_at(state.values, kBytes, source));
  step_ = step;
  kept_bytes_ = whole_lines(path_, bytes);
  file_.reset();
  failure_.guard([&] { file(); });
}

const core::OptionTable& LogOptions::fields() {
  static const core::OptionTable table(
      "log", {core::field<&LogOptions::log_every>(
                 "log_every", "write every such training step to steps.jsonl and to TensorBoard", {1, 1e9})});
  return table;
}

}  // namespace margay::train
