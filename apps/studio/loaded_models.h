#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <future>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "apps/studio/served_folders.h"

namespace margay::serve {
class ServedModel;
}

namespace margay::studio {

/// A model's file among what is served.
struct ListedModel {
  std::string id;              ///< in requests: "runs:20240501-090000-pets/model.margay", "pets:old.margay"
  std::string name;            ///< for people: the folder of its run, or the file
  std::filesystem::path file;  ///< absolute
  std::filesystem::path run;   ///< the folder of its run; "": it lies in none
  std::int64_t modified = 0;   ///< seconds since 1970
  std::string stamp = "";      ///< of the file: another one or other contents have another
};

/// The models of the runs and of the served folders: those that runs left, and files NAME.margay that lie at the top of
/// a folder. Reads directories, no model; the newest first.
std::vector<ListedModel> listed_models(const ServedFolders& folders);

/// The one that an id means. Throws http::RequestError: 404 where there is none, 403 where it leads out of what is
/// served.
ListedModel listed_model(const ServedFolders& folders, const std::string& id);

/// The models that the page works with. Each is loaded when it is first needed, in the thread that needs it; others
/// that need it meanwhile wait for the same load. A file that has changed is loaded again. At most so many are kept,
/// those used last. May be used from any thread.
class LoadedModels {
 public:
  using Model = std::shared_ptr<const serve::ServedModel>;
  using Load = std::function<Model(const ListedModel&)>;

  static constexpr std::size_t kMost = 4;

  /// load: reads a model; unless given, load_on() of the CPU.
  explicit LoadedModels(std::size_t most = kMost, Load load = {});
  /// Loads as serve::ServedModel does, with features beside the logits. device: as model::find_device.
  static Load load_on(const std::string& device);

  /// Throws what loading throws; the next call tries again.
  Model get(const ListedModel& model);
  /// Whether get() would return at once.
  bool is_loaded(const ListedModel& model) const;

 private:
  struct Entry {
    std::string id;
    std::string stamp;  ///< of the file: a change of it is another model
    std::shared_future<Model> model;
  };

  const std::size_t most_;
  const Load load_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  ///< the one used last first
};

}  // namespace margay::studio
