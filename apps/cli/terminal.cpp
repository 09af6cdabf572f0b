#include "apps/cli/terminal.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <unistd.h>

#include "apps/cli/epoch_table.h"
#include "apps/cli/process.h"
#include "apps/cli/program_words.h"
#include "margay/run/training_charts.h"

namespace margay::cli {
namespace {

constexpr int kDefaultColumns = 80;

int chart_columns() {
  constexpr int kFewest = 20;
  constexpr int kMost = 140;
  return std::clamp(terminal_columns(STDOUT_FILENO).value_or(kDefaultColumns), kFewest, kMost);
}

}  // namespace

std::string terminal_chart(const std::vector<chart::LineChart>& charts) {
  const bool is_terminal = shows_colours(STDOUT_FILENO);
  return chart::chart_text(charts, {.columns = is_terminal ? chart_columns() : kDefaultColumns,
                                    .rows = 16,
                                    .glyphs = is_terminal ? chart::TextGlyphs::kBraille : chart::TextGlyphs::kAscii,
                                    .colour = is_terminal ? chart::TextColour::kAnsi : chart::TextColour::kNone});
}

void save_chart(const std::vector<chart::LineChart>& charts, const std::filesystem::path& path) {
  if (const std::string warning = run::write_chart(charts, path); !warning.empty()) warn(warning);
}

void save_drawing(const chart::Drawing& drawing, const std::filesystem::path& path) {
  if (const std::string warning = run::write_drawing(drawing, path); !warning.empty()) warn(warning);
}

bool TerminalObserver::is_stop_wanted() const { return cli::is_stop_wanted(); }

std::vector<std::shared_ptr<train::Callback>> TerminalObserver::callbacks() { return {std::make_shared<EpochTable>()}; }

void TerminalObserver::warned(const std::string& text) { warn(text); }

void TerminalObserver::progressed(const std::string& task, std::int64_t done, std::int64_t total,
                                  const std::string& details) {
  if (task != task_) line_.begin(task_ = task);
  line_.show(done, total, details);
}

void TerminalObserver::progress_ended() { line_.clear(); }

void TerminalObserver::chose_architecture(const std::string& text) { fmt::print("{}\n", text); }

void TerminalObserver::recognised_weights(const std::string& text) {
  fmt::print(stderr, "weights: {}\n", program_words(text));
}

void TerminalObserver::found_batch_size(const train::BatchSizeAdvice& advice) {
  fmt::print("batch size {}: needs about {:.0f} of {:.0f} MB\n", advice.batch_size,
             static_cast<double>(advice.needed_bytes) / 1e6, static_cast<double>(advice.limit_bytes) / 1e6);
}

void TerminalObserver::found_lr(double lr) { fmt::print("base_lr {:.2e}, the valley of lr-find\n", lr); }

void TerminalObserver::repeated(std::int64_t i, std::int64_t n, std::uint64_t seed) {
  fmt::print("\nRepeat {} of {}, seed {}\n", i, n, seed);
}

void TerminalObserver::started(const run::Started& start) {
  fmt::print("{} images train, {} validate, {} classes; {}, {}{}\n", start.train_images, start.valid_images,
             start.num_classes, start.arch, start.precision, start.is_pretrained ? ", pretrained" : ", from scratch");
  fmt::print("{}\n", threads_text());
  listen_for_stop();
}

void TerminalObserver::resumed(const run::Resumed& where) {
  if (!where.checkpoint) {
    fmt::print("{} checkpoint in {}: training starts from the beginning.\n",
               where.had_torn_checkpoints ? "No whole" : "No", where.checkpoints.string());
  } else if (where.stage.empty()) {
    fmt::print("Continuing from {}: before the first step.\n", where.checkpoint->string());
  } else {
    fmt::print("Continuing from {}: {}, {} epochs done and {} batches of the next.\n", where.checkpoint->string(),
               where.stage, where.epochs_done, where.batches_done);
  }
}

void TerminalObserver::found_bottleneck(const std::string& text) { fmt::print("{}\n", program_words(text)); }

void TerminalObserver::evaluated_saved_model(const train::EpochRecord& record, const metric::Metrics& metrics) {
  fmt::print("The saved model: valid_loss {:.6f}", record.valid_loss);
  for (std::size_t i = 0; i < record.metrics.size(); ++i) {
    fmt::print(", {} {:.6f}", metrics[i]->name(), record.metrics[i]);
  }
  fmt::print("\n");
}

void TerminalObserver::reported_cache(const std::string& text) { fmt::print("cache: {}\n", text); }

void TerminalObserver::ended(const run::Ended& end) {
  if (!end.interruption.empty()) {
    fmt::print("\n{}. The training so far is saved:\n  {}\nContinue: margay train --resume {}\n", end.interruption,
               end.model.string(), end.folder.string());
  } else {
    fmt::print("\n{}\nThe model: {}\nTry it:    margay predict {} IMAGE\n", terminal_chart(end.charts),
               end.model.string(), end.model.string());
  }
}

void TerminalObserver::repeats_ended(const std::string& metric, const run::RunResult& result) {
  const std::optional<double> error = result.standard_error();
  fmt::print("{} of {} repeats: {:.4f}{}\n", metric, result.values.size(), result.mean(),
             error ? fmt::format(" ± {:.4f} (standard error of the mean)", *error) : "");
}

}  // namespace margay::cli
