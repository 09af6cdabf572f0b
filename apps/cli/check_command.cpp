#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/cli/command.h"
#include "apps/cli/output.h"
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

/// A name with a line break would be read as two, and other files might be deleted by the list.
bool fits_on_a_line(const fs::path& path) {
  if (path.string().find('\n') == std::string::npos) return true;
  warn(fmt::format("{}: not in the list, because its name has a line break; rename it", shown_path(path)));
  return false;
}

/// Every file once, in the order of the findings.
std::string harmful_files(const data::DataReport& report) {
  std::set<fs::path> listed;
  std::string lines;
  for (const data::Finding& finding : report.findings) {
    if (finding.severity() != data::Severity::kHarm) continue;
    for (const fs::path& path : finding.paths) {
      if (listed.insert(path).second && fits_on_a_line(path)) lines += path.string() + "\n";
    }
  }
  return lines;
}

core::ExitCode check_images(const CheckCommandOptions& options) {
  for (const fs::path& file : {options.contact_sheet, options.list}) {
    if (!file.empty()) core::check_writable(file);  // before every image is read
  }
  const data::DataReport report = report_with_progress(options);
  const auto extent = options.all ? data::ReportExtent::kAll : data::ReportExtent::kShort;
  options.json ? print_json(program_words(data::report_json(report)))
               : print_text(program_words(data::report_text(report, extent)));
  FileOutputs files;
  if (!options.contact_sheet.empty()) {
    files.write([&] {
      const data::ContactSheetOptions sheet{.max_pixels = options.check.max_pixels,
                                            .deep_bits = options.check.deep_bits};
      save_drawing(data::contact_sheet_drawing(report, sheet), options.contact_sheet);
    });
  }
  if (!options.list.empty()) files.write([&] { core::write_file_atomically(options.list, harmful_files(report)); });
  return report.count(data::Severity::kHarm) > 0 ? core::ExitCode::kBadData : files.code();
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
