#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "apps/studio/dataset.h"
#include "apps/studio/image_filter.h"
#include "apps/studio/job.h"

namespace margay::run {
struct DataOptions;
}
namespace margay::data {
struct CheckOptions;
}

namespace margay::studio {

/// One way to read a folder, and what is known of it: the dataset, which is read in the background, and what a check
/// found. May be used from any thread.
class ShelvedDataset {
 public:
  /// on_read: called from any thread when what state() says has changed. on_check: as a check goes on.
  ShelvedDataset(std::filesystem::path folder, const run::DataOptions& options, std::function<void()> on_read,
                 std::function<void(const Job::State&)> on_check);
  ~ShelvedDataset();

  struct State {
    Job::State reading;
    std::shared_ptr<const OpenedDataset> dataset;  ///< null before it was read for the first time
    std::uint64_t revision = 0;                    ///< counts how often it was read
  };
  State state() const;
  /// Reads the folder, unless it is being read, or has been since that revision.
  void read(std::uint64_t after = 0);
  /// Reads the folder again if it is other than when it was read, or could not be.
  void follow();
  /// Returns when nothing is being read.
  void wait() { reading_.wait(); }

  struct Checked {
    Job::State checking;
    std::shared_ptr<const ImageFindings> findings;  ///< null where nothing was checked
    std::uint64_t revision = 0;                     ///< counts the findings that came
    std::string origin;                             ///< "check", or the name of the file that was read
    std::uint64_t of_revision = 0;                  ///< State::revision when it began; older: perhaps out of date
  };
  Checked checked() const;
  /// Both at one moment: the findings' images are numbered as those of this dataset.
  std::pair<State, Checked> now() const;
  /// Checks every image in the background. Throws http::RequestError, 409, while a check runs or the data is not there.
  void check(const data::CheckOptions& options);
  void stop_check() { checking_.stop(); }
  void wait_for_check() { checking_.wait(); }
  /// Takes findings that come from elsewhere. Throws http::RequestError, 409, as check.
  void take_findings(std::vector<data::Finding> findings, const std::string& origin);

  /// The images that pass, as select(); the last ones are kept, as a page asks for a part after the other. Both: of
  /// one now().
  using Selection = std::shared_ptr<const std::vector<std::uint32_t>>;
  Selection selected(const State& state, const Checked& checked, const ImageFilter& filter) const;

  const std::filesystem::path& folder() const { return folder_; }
  const run::DataOptions& options() const { return *options_; }
  bool is_busy() const;

 private:
  struct Selected {
    std::uint64_t revision;
    std::uint64_t findings;
    ImageFilter filter;
    Selection images;
  };

  std::shared_ptr<const OpenedDataset> there() const;

  const std::filesystem::path folder_;
  const std::shared_ptr<const run::DataOptions> options_;
  mutable std::mutex mutex_;  ///< of what follows
  std::shared_ptr<const OpenedDataset> dataset_;
  std::uint64_t revision_ = 0;
  Checked checked_;
  mutable std::deque<Selected> selections_;
  Job reading_;  // last: they use what stands above
  Job checking_;
};

/// The datasets that the pages look at: each folder under each set of options that it is read with. Those that nobody
/// asked for lately go.
class DatasetShelf {
 public:
  using OnRead = std::function<void(const std::string& id)>;
  using OnCheck = std::function<void(const std::string& id, const Job::State& checking)>;

  /// Both are told the folder's id, as ShelvedDataset's.
  DatasetShelf(OnRead on_read, OnCheck on_check) : on_read_(std::move(on_read)), on_check_(std::move(on_check)) {}

  /// Begins to read what will probably be asked for, unless something was asked for already.
  void prepare(const std::string& id, const std::filesystem::path& folder, const run::DataOptions& options);
  /// The dataset, which begins to be read when it is asked for the first time; as the folder is then, if it was
  /// prepared.
  std::shared_ptr<ShelvedDataset> at(const std::string& id, const std::filesystem::path& folder,
                                     const run::DataOptions& options);
  /// All that are there, each with its folder's id.
  std::vector<std::pair<std::string, std::shared_ptr<ShelvedDataset>>> all() const;

 private:
  struct Shelved {
    std::string id;
    std::string options;  ///< as JSON
    std::shared_ptr<ShelvedDataset> dataset;
    bool is_prepared = false;  ///< and nobody has asked for it
  };
  static constexpr std::size_t kMost = 8;

  Shelved& shelved(const std::string& id, const std::filesystem::path& folder, const run::DataOptions& options,
                   std::vector<std::shared_ptr<ShelvedDataset>>& gone);
  void make_room(std::vector<std::shared_ptr<ShelvedDataset>>& gone);

  const OnRead on_read_;
  const OnCheck on_check_;
  mutable std::mutex mutex_;
  std::deque<Shelved> shelf_;  ///< the one asked for last comes first
};

}  // namespace margay::studio
