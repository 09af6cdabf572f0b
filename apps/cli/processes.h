#pragma once

#include <functional>
#include <memory>
#include <string>

#include "apps/cli/launch.h"
#include "margay/collective/group.h"
#include "margay/collective/process_group.h"
#include "margay/core/error.h"
#include "margay/run/observer.h"

namespace margay::cli {

class Command;

/// --master, --rank, --world and --interface for a command that several processes can do together.
std::shared_ptr<LaunchOptions> takes_processes(Command& command);

/// Where the library finds the other processes of a launch.
collective::ProcessGroupOptions group_options(const Launch& launch);

/// What the processes do. launch: its id is never empty where torchrun's agent keeps the store.
using JointWork = std::function<core::ExitCode(const Launch& launch, const std::shared_ptr<collective::Group>& group)>;

/// This program: its version and a digest of its file.
std::string program_text();

/// Whether the processes may run different programs: only to find out what differs.
enum class Programs { kMustBeSame, kMayDiffer };

/// Does `work` with the processes of the launch, which it waits for: rank 0 alone writes to standard output, and what
/// the others complain of begins with their rank and host. Meanwhile each gives signs of life (collective::Heartbeat),
/// and where one is lost or fails, all end with an error that names it: those that are slow to do so without finishing
/// what they do. One process: does the work, and nothing else.
/// Throws what `work` throws, std::invalid_argument and core::Error as collective::join.
core::ExitCode work_together(const Launch& launch, const JointWork& work, Programs programs = Programs::kMustBeSame);

/// "2 processes: ranks 0-1 on node01" for the log. A collective.
std::string members_text(collective::Group& group);

/// The observer of ranks other than 0: they show nothing but warnings once training has begun, as those before it are
/// the same in all processes.
class FollowerObserver : public run::Observer {
 public:
  bool is_stop_wanted() const override;
  void warned(const std::string& text) override;
  void started(const run::Started& start) override;

 private:
  bool has_started_ = false;
};

}  // namespace margay::cli
