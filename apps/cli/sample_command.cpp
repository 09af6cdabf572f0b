#include <fmt/format.h>

#include "apps/cli/command.h"
#include "apps/cli/flags.h"
#include "margay/data/sample/sample.h"

namespace margay::cli {

void add_sample(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("sample", "Draw a labelled set of pictures to try things out on");
  const auto folder = std::make_shared<std::filesystem::path>();
  const auto options = std::make_shared<data::SampleOptions>();
  command->add_option("folder", *folder, "a new or empty folder")->required();
  add_flags(*command, *options);
  command->callback([folder, options, &action] {
    action = [folder, options] {
      const data::SampleSummary summary = data::draw_sample(*folder, *options);
      fmt::print("{}: {} classes, {} pictures train, {} validate\n", folder->string(), summary.classes, summary.train,
                 summary.valid);
      return core::ExitCode::kDone;
    };
  });
}

}  // namespace margay::cli
