#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/cli/command.h"
#include "apps/cli/process.h"
#include "apps/cli/program_words.h"
#include "apps/cli/progress_line.h"
#include "apps/cli/terminal.h"
#include "margay/core/file.h"
#include "margay/data/check/check_data.h"
#include "margay/data/check/report.h"
#include "margay/run/data_options.h"

namespace margay::cli {
namespace {

namespace fs = std::filesystem;

struct CheckCommandOptions {
  fs::path folder;
  run::DataOptions data;
  data::CheckOptions check;
  bool json = false;
  bool all = false;
  fs::path contact_sheet;
  fs::path list;

  static const core::OptionTable& fields() {
    static const core::OptionTable table(
        "check_command",
        {core::field<&CheckCommandOptions::data>("data", "labels and split"),
         core::field<&CheckCommandOptions::check>("check", "where lines are drawn"),
         core::field<&CheckCommandOptions::json>("json", "one JSON document with every finding"),
         core::field<&CheckCommandOptions::all>("all", "show every finding, file and class"),
         core::field<&CheckCommandOptions::contact_sheet>("contact_sheet", "draw the worst images into this PNG"),
         core::field<&CheckCommandOptions::list>("list",
                                                 "write the files that harm training to this file, one per line")});
    return table;
  }
};

data::DataReport report_with_progress(const CheckCommandOptions& options) {
  const data::DataBlock block = run::make_block(options.folder, options.data, data::Gaps::kKeep);
  ProgressLine line;
  line.begin("check");
  return data::check_data(block, options.folder, options.check, [&](std::size_t done, std::size_t total) {
    line.show(static_cast<std::int64_t>(done), static_cast<std::int64_t>(total), "images");
  });
}

/// Every file once, in the order of the findings.
std::string harmful_files(const data::DataReport& report) {
  std::set<fs::path> listed;
  std::string lines;
  for (const data::Finding& finding : report.findings) {
    if (finding.severity() != data::Severity::kHarm) continue;
    for (const fs::path& path : finding.paths) {
      if (listed.insert(path).second) lines += path.string() + "\n";
    }
  }
  return lines;
}

core::ExitCode check_images(const CheckCommandOptions& options) {
  const data::DataReport report = report_with_progress(options);
  const auto extent = options.all ? data::ReportExtent::kAll : data::ReportExtent::kShort;
  fmt::print("{}", program_words(options.json ? data::report_json(report) + "\n" : data::report_text(report, extent)));
  if (!options.contact_sheet.empty()) {
    const data::ContactSheetOptions sheet{.max_pixels = options.check.max_pixels, .deep_bits = options.check.deep_bits};
    save_drawing(data::contact_sheet_drawing(report, sheet), options.contact_sheet);
  }
  if (!options.list.empty()) core::write_file_atomically(options.list, harmful_files(report));
  return report.count(data::Severity::kHarm) > 0 ? core::ExitCode::kBadData : core::ExitCode::kDone;
}

}  // namespace

void add_check(CommandLine& line) {
  Command& command = line.add("check", "Find bad data before it trains");
  const auto options = std::make_shared<CheckCommandOptions>();
  command.argument("folder", options->folder, "the images", Presence::kRequired);
  command.flags(*options, {{"check.threads", ""}});  // --threads of all commands
  command.footer("Exit codes: 0 if nothing harms training, 3 if something does.");
  takes_threads(command);
  command.does([options] { return check_images(*options); });
}

}  // namespace margay::cli
