#include <fmt/format.h>

#include "apps/cli/command.h"
#include "apps/cli/output.h"
#include "apps/cli/process.h"
#include "apps/cli/program_words.h"
#include "apps/cli/train_flags.h"
#include "margay/run/train_options.h"

namespace margay::cli {
namespace {

core::ExitCode summarize(const run::BatchOptions& options) {
  const data::Summary summary = run::make_block(options).summary(run::loader_options(options, user_cache_folder()));
  print_out("{}\n{}\n", program_words(summary.text()), threads_text());
  return summary.failure ? core::ExitCode::kBadData : core::ExitCode::kDone;
}

}  // namespace

void add_summary(CommandLine& line) {
  Command& command = line.add("summary", "Show one image and one batch at every stage of loading");
  const auto options = std::make_shared<run::BatchOptions>();
  command.argument("folder", options->folder, "the images", Presence::kRequired);
  command.flags(*options, train_flag_names());
  takes_threads(command);
  command.everyday(everyday_flags({"--num-workers", "--cache"}));
  command.does([options] { return summarize(*options); });
}

}  // namespace margay::cli
