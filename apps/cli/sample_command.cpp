#include <fmt/format.h>

#include "apps/cli/command.h"
#include "apps/cli/output.h"
#include "apps/cli/process.h"
#include "margay/data/sample/sample.h"

namespace margay::cli {

void add_sample(CommandLine& line) {
  Command& command = line.add("sample", "Draw a labelled set of images to try things out on");
  const auto folder = std::make_shared<std::filesystem::path>();
  const auto options = std::make_shared<data::SampleOptions>();
  command.argument("folder", *folder, "a new or empty folder", Presence::kRequired);
  command.flags(*options);
  takes_threads(command);
  command.does([folder, options] {
    const data::SampleSummary summary = data::draw_sample(*folder, *options);
    print_out("{}: {} classes, {} images train, {} validate\n", shown_path(*folder), summary.classes, summary.train,
              summary.valid);
    return core::ExitCode::kDone;
  });
}

}  // namespace margay::cli
