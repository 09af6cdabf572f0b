#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "margay/serve/prediction_queue.h"
#include "margay/serve/prediction_request.h"
#include "margay/serve/served_model.h"

namespace margay::serve {

/// A model's file and the name that it is served under.
struct ModelFile {
  std::string name;
  std::filesystem::path file;
};

enum class ModelState {
  kReady,     ///< it answers
  kLoading,   ///< for the first time, or again after unload
  kFailed,    ///< it has never been loaded, for the reason given
  kUnloaded,  ///< on request; a load that fails leaves it so
};

constexpr auto names(ModelState /*tag*/) {
  return std::array{std::pair{ModelState::kReady, "READY"}, std::pair{ModelState::kLoading, "LOADING"},
                    std::pair{ModelState::kFailed, "FAILED"}, std::pair{ModelState::kUnloaded, "UNAVAILABLE"}};
}

struct ModelStatus {
  std::string name;
  ModelState state = ModelState::kUnloaded;
  std::string version;  ///< of the model that answers; "" where none does
  std::string reason;   ///< why the last load changed nothing; "" where it did. A ready model may have one.
};

/// What a load did.
enum class LoadResult {
  kSwitched,   ///< requests from now on are predicted by the file's model
  kUnchanged,  ///< the file is the one that is loaded, byte for byte
};

/// The models that are served, each under its name with a queue of its own. Names and files are given once; what is in
/// a file may be exchanged while requests come. A file is read, checked and asked for its golden images before the
/// switch, and one that fails changes nothing. A request is answered by one model as a whole, whatever is loaded
/// meanwhile, and none fails because of it. All functions may be called from several threads; loads of one model wait
/// for each other.
class ModelStore {
 public:
  /// Nothing is loaded yet. Throws std::invalid_argument for no models, a name that comes twice, is empty, or has other
  /// characters than letters, digits, "-", "_" and ".".
  ModelStore(std::vector<ModelFile> models, const PredictorOptions& predictor, const QueueOptions& queue);
  ModelStore(const ModelStore&) = delete;
  ModelStore& operator=(const ModelStore&) = delete;
  ~ModelStore();

  /// In the order given.
  const std::vector<ModelFile>& models() const;
  bool has(const std::string& name) const;
  ModelStatus status(const std::string& name) const;
  std::vector<ModelStatus> index() const;
  bool is_ready() const;  ///< all of them, but for those unloaded on request

  /// Reads the model's file and switches to it, in the calling thread. Throws what ServedModel::load throws; what was
  /// served is served on.
  LoadResult load(const std::string& name);
  /// The same of a model that was not unloaded on request; one that was stays so: nothing.
  std::optional<LoadResult> load_again(const std::string& name);
  /// All models; the first error is thrown when all others were loaded.
  void load_all();
  /// From now on requests for it are refused (kNotLoaded); those accepted are answered. Files that change do not load
  /// it again.
  void unload(const std::string& name);

  /// Loads those whose file has changed (another inode, size or time of change) since the last look and then stood
  /// still for a look, so that a file that is being written is not read; names that lead to another file by a link or
  /// rename are changes, too. For a thread that calls it every second or so. Never throws for a file: it returns what
  /// happened, and status() keeps it.
  struct Change {
    std::string name;
    std::string version;  ///< that is served now
    std::string problem;  ///< "": it was loaded
  };
  std::vector<Change> look_for_changes();

  /// Its queue; throws std::invalid_argument for a name that is not served, as all functions above do.
  PredictionQueue& queue(const std::string& name);
  /// The model that answers at this moment; null if none.
  std::shared_ptr<const ServedModel> model(const std::string& name) const;

  /// As PredictionQueue::drain, for all.
  bool drain(SteadyClock::time_point until);

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace margay::serve
