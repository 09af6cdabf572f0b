#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "apps/studio/job.h"
#include "margay/core/options.h"
#include "margay/fetch/known_places.h"

namespace margay::run {
struct DataOptions;
}

namespace margay::studio {

/// A search for a learning rate that the page starts (train::lr_find), one at a time. It computes in this process, with
/// LibTorch, and changes nothing on disk.
class LrSearch {
 public:
  /// on_change: as Job's. places: where weights lie. device: where it computes unless its options say so.
  LrSearch(fetch::KnownPlaces places, std::optional<std::string> device, std::function<void()> on_change);
  ~LrSearch();

  /// The options of a search: architecture, weights ("auto": those on this machine; "none"), data, network, sweep.
  static const core::OptionTable& fields();
  /// All of them with their defaults, for a form.
  static nlohmann::ordered_json form();

  /// given: JSON of the options; its data's options and folder are those given here. Throws std::invalid_argument for
  /// options that are unknown, out of range or exclude each other, http::RequestError, 409, while a search runs.
  void start(const std::string& folder_id, const std::filesystem::path& folder, const run::DataOptions& data,
             const nlohmann::ordered_json& given);
  void stop() { job_.stop(); }
  void wait() { job_.wait(); }

  /// {"state", "folder", "done", "total", "problem", "says": [...]} of the search that runs or ran last; with its end
  /// also "lrs", "losses" and "suggestions": [{"name", "lr", "rule"}], and "options", what it was computed with.
  nlohmann::ordered_json json() const;

 private:
  struct Options;
  struct Result;
  class Listener;

  void search(const Options& given, const Job::Progress& progress);
  void say(const std::string& sentence);

  const fetch::KnownPlaces places_;
  const std::optional<std::string> device_;
  mutable std::mutex mutex_;  ///< of what follows
  std::string folder_;
  std::vector<std::string> says_;
  std::shared_ptr<const Result> result_;
  Job job_;  // last: it uses what stands above
};

}  // namespace margay::studio
