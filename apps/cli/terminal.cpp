#include "apps/cli/terminal.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <unistd.h>

#include "apps/cli/epoch_table.h"
#include "apps/cli/output.h"
#include "apps/cli/process.h"
#include "apps/cli/processes.h"
#include "apps/cli/program_words.h"
#include "margay/core/counted.h"
#include "margay/core/quantity.h"
#include "margay/core/text.h"
#include "margay/run/choose_architecture.h"
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

std::string terminal_chart(std::vector<chart::LineChart> charts) {
  const bool has_colours = shows_colours(STDOUT_FILENO);
  for (chart::LineChart& chart : charts) {  // runs have the names that people gave them
    chart.title = core::spelled_out(chart.title);
    for (chart::ChartSeries& series : chart.series) series.name = core::spelled_out(series.name);
  }
  return chart::chart_text(charts, {.columns = chart_columns(),
                                    .rows = 16,
                                    .glyphs = has_colours ? chart::TextGlyphs::kBraille : chart::TextGlyphs::kAscii,
                                    .colour = has_colours ? chart::TextColour::kAnsi : chart::TextColour::kNone});
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

void TerminalObserver::chose_architecture(const std::string& text) { print_out("{}\n", text); }

void TerminalObserver::recognised_weights(const std::string& text) { complain("weights: " + program_words(text)); }

void TerminalObserver::found_batch_size(const train::BatchSizeAdvice& advice) {
  if (advice.needed_bytes == 0) return print_out("batch size {}, which fits\n", advice.batch_size * advice.processes);
  const std::string shares =
      advice.processes > 1 ? fmt::format(", {} for each process, which", advice.batch_size) : ":";
  print_out("batch size {}{} needs about {} of {}\n", advice.batch_size * advice.processes, shares,
            core::size_text(advice.needed_bytes), core::size_text(advice.limit_bytes));
}

void TerminalObserver::found_lr(double lr) { print_out("base_lr {:.2e}, the valley of lr-find\n", lr); }

void TerminalObserver::repeated(std::int64_t i, std::int64_t n, std::uint64_t seed) {
  print_out("\nRepeat {} of {}, seed {}\n", i, n, seed);
}

std::string way_to_weights(const run::FromScratch& what) {
  if (what.arch == run::kAutoArch) {
    return "fetch several, such as margay fetch resnet18 resnet50 convnext_tiny, and add --weights cached";
  }
  if (what.is_in_cache) return "add --weights cached";
  if (what.weights_url.empty()) {
    return fmt::format("nobody publishes weights of {}; take a network that has some, such as --arch resnet18",
                       what.arch);
  }
  return fmt::format("margay fetch {}", what.arch);
}

namespace {

std::string less_with_weights(const run::FromScratch& what) {
  if (what.weights_url.empty() && what.arch != run::kAutoArch && !what.is_in_cache) {
    return fmt::format(
        "Nobody publishes weights of {}; a network that has some needs far less of both, such as --arch resnet18",
        what.arch);
  }
  return fmt::format("Pretrained it needs far less of both: {}", way_to_weights(what));
}

}  // namespace

std::string from_scratch_text(const run::FromScratch& what) {
  return fmt::format(
      "Without --weights {} trains from scratch: expect poor results from fewer than some thousand images and "
      "dozens of epochs. {}",
      what.arch == run::kAutoArch ? "the network" : what.arch, less_with_weights(what));
}

void TerminalObserver::trains_from_scratch(const run::FromScratch& what) { print_out("{}\n", from_scratch_text(what)); }

void TerminalObserver::started(const run::Started& start) {
  print_out("{} train, {} validate, {}; {}, {}{}\n",
            core::counted(static_cast<std::size_t>(start.train_images), "image"), start.valid_images,
            core::counted(static_cast<std::size_t>(start.num_classes), "class", "classes"), start.arch, start.precision,
            start.is_pretrained ? ", pretrained" : ", from scratch");
  if (start.micro_batches > 1) {
    print_out("{} micro-batches: the weights belong to this number, whatever number of processes divides it\n",
              start.micro_batches);
  }
  print_out("{}\n", threads_text());
  listen_for_stop();
}

void TerminalObserver::resumed(const run::Resumed& where) {
  if (!where.checkpoint) {
    print_out("{} checkpoint in {}: training starts from the beginning.\n",
              where.had_torn_checkpoints ? "No whole" : "No", shown_path(where.checkpoints));
  } else if (where.stage.empty()) {
    print_out("Continuing from {}: before the first step.\n", shown_path(*where.checkpoint));
  } else {
    print_out("Continuing from {}: {}, {} done and {} of the next.\n", shown_path(*where.checkpoint), where.stage,
              core::counted(static_cast<std::size_t>(where.epochs_done), "epoch"),
              core::counted(static_cast<std::size_t>(where.batches_done), "batch", "batches"));
  }
}

void TerminalObserver::was_finished(const run::Finished& end) {
  print_out("This run is finished: {}{}. There is nothing to continue.\nThe model: {}\n",
            core::counted(static_cast<std::size_t>(end.epochs), "epoch"),
            end.result ? fmt::format(", {} {:.4f}", end.metric, *end.result) : "", shown_path(end.model));
  if (!end.has_data) print_out("Its images are no longer in {}; FOLDER is their new place.\n", shown_path(end.data));
  print_out("To train on from its weights, as a new run: margay train {} --config {} --weights {}\n",
            end.has_data ? core::shell_word(end.data.string()) : "FOLDER",
            core::shell_word((end.folder / "config.json").string()), core::shell_word(end.model.string()));
}

void TerminalObserver::found_bottleneck(const std::string& text) { print_out("{}\n", program_words(text)); }

void TerminalObserver::evaluated_saved_model(const train::EpochRecord& record, const metric::Metrics& metrics) {
  print_out("The saved model: valid_loss {:.6f}", record.valid_loss);
  for (std::size_t i = 0; i < record.metrics.size(); ++i) {
    print_out(", {} {:.6f}", metrics[i]->name(), record.metrics[i]);
  }
  print_out("\n");
}

void TerminalObserver::reported_cache(const std::string& text) { print_out("cache: {}\n", text); }

void TerminalObserver::ended(const run::Ended& end) {
  if (!end.interruption.empty()) {
    print_out("\n{}. The training so far is saved:\n  {}\nContinue: margay train --resume {}\n", end.interruption,
              shown_path(end.model), core::shell_word(end.folder.string()));
  } else {
    print_drawing("\n" + terminal_chart(end.charts));
    print_out("\nThe model: {}\nTry it:    margay predict {} IMAGE\n", shown_path(end.model),
              core::shell_word(end.model.string()));
    if (!end.judgement.empty()) print_out("{}\n", program_words(end.judgement));
  }
}

void TerminalObserver::repeats_ended(const std::string& metric, const run::RunResult& result) {
  const std::optional<double> error = result.standard_error();
  print_out("{} of {} repeats: {:.4f}{}\n", metric, result.values.size(), result.mean(),
            error ? fmt::format(" ± {:.4f} (standard error of the mean)", *error) : "");
}

std::unique_ptr<run::Observer> make_observer(int rank) {
  if (rank == 0) return std::make_unique<TerminalObserver>();
  return std::make_unique<FollowerObserver>();
}

}  // namespace margay::cli
