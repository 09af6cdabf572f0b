#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <ATen/Version.h>
#include <fmt/format.h>
#include <torch/version.h>
#include <nlohmann/json.hpp>

#include "apps/cli/command.h"
#include "apps/cli/output.h"
#include "apps/cli/process.h"
#include "apps/cli/process_check.h"
#include "apps/cli/processes.h"
#include "margay/core/checksum.h"
#include "margay/core/machine.h"
#include "margay/core/threads.h"
#include "margay/data/source/image_files.h"

namespace margay::cli {
namespace {

namespace fs = std::filesystem;

struct DistributedOptions {
  std::string action;
  fs::path folder;
  bool contents = false;
  double seconds = 0.5;
  double largest = 64;
  bool json = false;

  static const core::OptionTable& fields() {
    static const core::OptionTable table(
        "distributed_command",
        {core::field<&DistributedOptions::contents>(
             "contents", "compare the images' contents, too, not only their names and sizes"),
         core::field<&DistributedOptions::seconds>("seconds", "how long each size of message is measured",
                                                   {0.001, 600}),
         core::field<&DistributedOptions::largest>("largest", "the largest message, MiB", {0.001, 4096}),
         core::field<&DistributedOptions::json>("json", "one JSON document")});
    return table;
  }
};

constexpr std::size_t kShownDigits = 12;

void add_text(core::Sha256& sum, const std::string& text) {
  sum.update({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  constexpr std::array<std::uint8_t, 1> kEnd = {0};
  sum.update(kEnd);
}

/// What images there are: the names below the folder, their sizes, and where it is wanted their contents.
std::string digest_of_images(const fs::path& folder, bool with_contents) {
  const data::PathList images = data::image_files(folder);
  core::Sha256 sum;
  for (std::size_t i = 0; i < images.size(); ++i) {
    const fs::path path = images[i];
    add_text(sum, path.lexically_relative(folder).generic_string());
    add_text(sum, with_contents ? core::sha256_of_file(path) : std::to_string(fs::file_size(path)));
  }
  return fmt::format("{} images, {} {}", images.size(), with_contents ? "contents" : "names and sizes",
                     sum.finish().substr(0, kShownDigits));
}

/// "AVX512" or "AVX2": on another kind of processor sums have other bits.
std::string processor_text() {
  const std::string config = at::show_config();
  constexpr std::string_view kMark = "CPU capability usage: ";
  const std::size_t at = config.find(kMark);
  if (at == std::string::npos) return "unknown";
  const std::size_t begin = at + kMark.size();
  return config.substr(begin, config.find('\n', begin) - begin);
}

/// An error of one process is told as its value, so that the table says which one it is.
std::string data_text(const DistributedOptions& options) {
  try {
    return digest_of_images(options.folder, options.contents);
  } catch (const std::exception& error) {
    return std::string("no data: ") + error.what();
  }
}

std::vector<std::int64_t> sizes_up_to(double largest_mib) {
  const auto largest = std::max<std::int64_t>(4, static_cast<std::int64_t>(largest_mib * 1024 * 1024));
  std::vector<std::int64_t> sizes;
  for (std::int64_t bytes = 4; bytes < largest; bytes *= 16) sizes.push_back(bytes);
  sizes.push_back(largest);
  return sizes;
}

ProcessCheck examine(const DistributedOptions& options, collective::Group& group) {
  constexpr int kClockRounds = 20;
  constexpr int kLinkRepeats = 11;
  constexpr int kMostLinks = 64;  // one after the other
  ProcessCheck check;
  check.hosts = group.gather(core::host_name());
  for (const std::string& threads : group.gather(std::to_string(core::default_threads()))) {
    check.threads.push_back(std::stoi(threads));
  }
  check.things = {{"program", group.gather(program_text())},
                  {"LibTorch", group.gather(TORCH_VERSION)},
                  {"processor", group.gather(processor_text())}};
  if (!options.folder.empty()) check.things.push_back({"data", group.gather(data_text(options))});
  check.clocks = collective::measure_clocks(group, kClockRounds);
  const std::vector<std::int64_t> sizes = sizes_up_to(options.largest);
  if (group.size() <= kMostLinks) check.links = collective::measure_links(group, sizes.back(), kLinkRepeats);
  check.sums = collective::measure_sums(group, sizes, options.seconds);
  return check;
}

core::ExitCode check_processes(const DistributedOptions& options, collective::Group& group) {
  const ProcessCheck check = examine(options, group);
  if (options.json) {
    print_json(process_check_json(check));
  } else {
    print_text(process_check_text(check));
  }
  return check.is_bad() ? core::ExitCode::kFailed : core::ExitCode::kDone;
}

}  // namespace

void add_distributed(CommandLine& line) {
  Command& command = line.add("distributed", "Check the processes and the network of a distributed training");
  const auto options = std::make_shared<DistributedOptions>();
  command.argument("action", options->action, "check", Presence::kRequired);
  command.argument("folder", options->folder, "images that all processes should have alike");
  command.choices("action", {"check"});
  command.flags(*options);
  const auto processes = takes_processes(command);
  takes_compute_threads(command, processes);
  command.footer(
      "Says whether all processes have the same program, processor and images, how their clocks differ, and how\n"
      "fast they reach and sum up with each other. Exit code 1: something differs, and the ranks are named.\n"
      "  torchrun --nproc-per-node 2 --no-python margay distributed check images\n"
      "  mpirun -n 2 margay distributed check --json");
  command.check([options] {
    if (options->action != "check") {
      throw UsageError(fmt::format("'{}': the action is check", options->action));
    }
  });
  command.does([=] {
    core::validate(*options);
    return work_together(
        read_launch(*processes, launch_variables()),
        [&](const Launch& launch, const std::shared_ptr<collective::Group>& group) {
          if (launch.is_one()) {
            throw UsageError(
                "there is one process, and nothing between processes to check; start several, such as "
                "torchrun --nproc-per-node 2 --no-python margay distributed check");
          }
          return check_processes(*options, *group);
        },
        Programs::kMayDiffer);
  });
}

}  // namespace margay::cli
