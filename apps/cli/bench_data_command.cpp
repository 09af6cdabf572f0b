#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/cli/command.h"
#include "apps/cli/output.h"
#include "apps/cli/process.h"
#include "apps/cli/program_words.h"
#include "apps/cli/progress_line.h"
#include "apps/cli/train_flags.h"
#include "margay/core/counted.h"
#include "margay/core/text.h"
#include "margay/data/loader/stage_speed.h"
#include "margay/run/train_options.h"

namespace margay::cli {
namespace {

struct BenchDataOptions {
  run::BatchOptions batch;
  data::StageSpeedOptions measuring;
  bool json = false;

  static const core::OptionTable& fields() {
    static const core::OptionTable table(
        "bench_data",
        {core::field<&BenchDataOptions::batch>("batch", "the data"),
         core::field<&BenchDataOptions::measuring>("measuring", "how long"),
         core::field<&BenchDataOptions::json>("json", "one JSON document with all digits of every number")});
    return table;
  }
};

std::string stage_table(const data::StageSpeeds& speeds) {
  constexpr int kBarWidth = 30;
  using enum core::TextTable::Align;
  core::TextTable table({{"stage", kLeft}, {"images/s"}, {"ms"}, {"share"}, {"", kLeft}});
  for (std::size_t i = 0; i < speeds.stages.size(); ++i) {
    const auto& [stage, ms] = speeds.stages[i];
    table.add({stage, fmt::format("{:.0f}", 1e3 / ms), fmt::format("{:.2f}", ms),
               fmt::format("{:.0f} %", 100 * speeds.share(i)), core::text_bar(speeds.share(i), kBarWidth)});
  }
  return table.text("  ");
}

std::string report_stages(const data::StageSpeeds& speeds) {
  std::string text = fmt::format("{} of {} images, one thread{}\n", speeds.measured, speeds.images,
                                 speeds.unreadable > 0 ? fmt::format(", {} unreadable", speeds.unreadable) : "");
  text += stage_table(speeds);
  text += fmt::format("the loader with {}: {:.0f} images/s, from a cache in memory {:.0f}\n",
                      core::counted(speeds.workers, "thread"), speeds.cold_images_per_s, speeds.cached_images_per_s);
  return text + speeds.suggestion() + "\n";
}

core::ExitCode bench_data(const BenchDataOptions& options) {
  data::LoaderOptions loading = options.batch.loader;
  loading.cache = data::CacheKind::kOff;  // stages are measured as they are without; nothing is written
  const data::Loaders loaders = run::make_block(options.batch).loaders(loading);
  warn_of_each(loaders.warnings);
  const data::StageSpeeds speeds = data::measure_stages(loaders, options.measuring);
  options.json ? print_json(program_words(speeds.json().dump(2))) : print_text(program_words(report_stages(speeds)));
  return core::ExitCode::kDone;
}

}  // namespace

void add_bench_data(CommandLine& line) {
  Command& command = line.add("bench-data", "Measure each stage of loading and find the bottleneck");
  const auto options = std::make_shared<BenchDataOptions>();
  command.argument("folder", options->batch.folder, "the images", Presence::kRequired);
  command.flags(*options, train_flag_names());
  takes_compute_threads(command);
  command.everyday(everyday_flags({"--images", "--seconds", "--num-workers", "--cache", "--json"}));
  command.does([options] { return bench_data(*options); });
}

}  // namespace margay::cli
