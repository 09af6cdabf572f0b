#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "apps/cli/progress_line.h"
#include "margay/chart/drawing.h"
#include "margay/chart/line_chart.h"
#include "margay/run/observer.h"

namespace margay::cli {

/// The charts for this terminal, in its width, for print_drawing; without colours and braille if stdout is not a
/// terminal with colours.
std::string terminal_chart(std::vector<chart::LineChart> charts);

/// run::write_chart and run::write_drawing, with their warning on stderr.
void save_chart(const std::vector<chart::LineChart>& charts, const std::filesystem::path& path);
void save_drawing(const chart::Drawing& drawing, const std::filesystem::path& path);

/// What to expect of a training without pretrained weights, and the command that brings some, on one line.
std::string from_scratch_text(const run::FromScratch& what);

/// How a command gets pretrained weights, as a sentence without its end.
std::string way_to_weights(const run::FromScratch& what);

/// Shows the progress of a run: lines and a table on stdout, warnings and a progress line on stderr. Once training has
/// started, the first ctrl-C asks it to stop.
class TerminalObserver : public run::Observer {
 public:
  bool is_stop_wanted() const override;
  std::vector<std::shared_ptr<train::Callback>> callbacks() override;
  void warned(const std::string& text) override;
  void progressed(const std::string& task, std::int64_t done, std::int64_t total, const std::string& details) override;
  void progress_ended() override;
  void chose_architecture(const std::string& text) override;
  void recognised_weights(const std::string& text) override;
  void found_batch_size(const train::BatchSizeAdvice& advice) override;
  void found_lr(double lr) override;
  void repeated(std::int64_t i, std::int64_t n, std::uint64_t seed) override;
  void trains_from_scratch(const run::FromScratch& what) override;
  void started(const run::Started& start) override;
  void resumed(const run::Resumed& where) override;
  void was_finished(const run::Finished& end) override;
  void found_bottleneck(const std::string& text) override;
  void evaluated_saved_model(const train::EpochRecord& record, const metric::Metrics& metrics) override;
  void reported_cache(const std::string& text) override;
  void ended(const run::Ended& end) override;
  void repeats_ended(const std::string& metric, const run::RunResult& result) override;

 private:
  ProgressLine line_;
  std::string task_;  ///< that the line shows
};

/// Of one of several processes: that of rank 0 shows everything, the others their warnings.
std::unique_ptr<run::Observer> make_observer(int rank);

}  // namespace margay::cli
