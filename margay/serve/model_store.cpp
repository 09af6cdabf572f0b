#include "margay/serve/model_store.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <exception>
#include <mutex>
#include <set>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>

#include "margay/core/checksum.h"
#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/serve/predictor.h"

namespace margay::serve {

/// What tells that a file is another one, or was written to.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t size = 0;
  std::int64_t changed_ns = 0;
  bool operator==(const FileIdentity&) const = default;
};

namespace {

/// Of the file that a link leads to; nothing where there is none.
std::optional<FileIdentity> identity_of(const std::filesystem::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return std::nullopt;
  return FileIdentity{.device = status.st_dev,
                      .inode = status.st_ino,
                      .size = status.st_size,
                      .changed_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec};
}

void check_names(const std::vector<ModelFile>& models) {
  if (models.empty()) throw std::invalid_argument("[model_store] there is no model to serve");
  std::set<std::string> seen;
  for (const auto& [name, file] : models) {
    const bool is_plain = !name.empty() && name[0] != '.' && std::all_of(name.begin(), name.end(), [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
    });
    if (!is_plain) {
      throw std::invalid_argument(
          fmt::format("[model_store] {}: a model's name has letters, digits, \"-\", \"_\" and \".\", which is not "
                      "first; give it such a name, got \"{}\"",
                      core::shown_path(file), name));
    }
    if (!seen.insert(name).second) {
      throw std::invalid_argument(fmt::format(
          "[model_store] {}: another model is called \"{}\", too; give it another name", core::shown_path(file), name));
    }
  }
}

}  // namespace

class ModelStore::State {
 public:
  State(std::vector<ModelFile> models, const PredictorOptions& predictor, const QueueOptions& queue)
      : models_(std::move(models)), options_(predictor) {
    check_names(models_);
    core::validate(options_);
    for (const ModelFile& model : models_) served_.push_back(std::make_unique<Served>(model, queue));
  }

  const std::vector<ModelFile>& models() const { return models_; }

  bool has(const std::string& name) const {
    return std::any_of(models_.begin(), models_.end(), [&](const ModelFile& model) { return model.name == name; });
  }

  ModelStatus status(const std::string& name) const {
    const Served& served = find(name);
    const std::lock_guard lock(served.mutex);
    return served.status;
  }

  std::vector<ModelStatus> index() const {
    std::vector<ModelStatus> all;
    for (const ModelFile& model : models_) all.push_back(status(model.name));
    return all;
  }

  LoadResult load(const std::string& name) {
    Served& served = find(name);
    const std::lock_guard loading(served.loading);
    return load(served);
  }

  std::optional<LoadResult> load_again(const std::string& name) {
    Served& served = find(name);
    const std::lock_guard loading(served.loading);
    if (is_unloaded(served)) return std::nullopt;
    return load(served);
  }

  void unload(const std::string& name) {
    Served& served = find(name);
    const std::lock_guard loading(served.loading);
    served.queue.set_model(nullptr);
    const std::lock_guard lock(served.mutex);
    served.status = {.name = name, .state = ModelState::kUnloaded};
  }

  std::optional<Change> look(const std::string& name) {
    Served& served = find(name);
    if (!has_settled(served)) return std::nullopt;
    Change change{.name = name};
    try {
      if (load_again(name) != LoadResult::kSwitched) return std::nullopt;  // or unloaded meanwhile
    } catch (const std::exception& error) {
      change.problem = error.what();
    }
    change.version = status(name).version;
    return change;
  }

  PredictionQueue& queue(const std::string& name) const { return find(name).queue; }

 private:
  struct Served {
    Served(const ModelFile& of, const QueueOptions& options)
        : model(of), queue(nullptr, options), status{.name = of.name, .state = ModelState::kLoading} {}

    const ModelFile model;
    PredictionQueue queue;
    std::mutex loading;        // held during a load
    mutable std::mutex mutex;  // of what follows
    ModelStatus status;
    std::optional<FileIdentity> tried;  ///< at the latest load, whether it succeeded or not
    std::optional<FileIdentity> seen;   ///< at the latest look
  };

  Served& find(const std::string& name) const {
    for (const auto& served : served_) {
      if (served->model.name == name) return *served;
    }
    throw std::invalid_argument(fmt::format("[model_store] no model is called \"{}\"", name));
  }

  /// The caller holds served.loading.
  LoadResult load(Served& served) {
    const ModelState without_model = begin_load(served);
    try {
      const LoadResult result = read(served);
      end_load(served, without_model, "");
      return result;
    } catch (const std::exception& error) {
      end_load(served, without_model, error.what());
      throw;
    }
  }

  static bool is_unloaded(const Served& served) {
    const std::lock_guard lock(served.mutex);
    return served.status.state == ModelState::kUnloaded;
  }

  /// Returns what the state will be if there is no model after it.
  static ModelState begin_load(Served& served) {
    const std::lock_guard lock(served.mutex);
    const bool is_unloaded = served.status.state == ModelState::kUnloaded;
    if (served.status.state != ModelState::kReady) served.status.state = ModelState::kLoading;
    served.tried = identity_of(served.model.file);
    return is_unloaded ? ModelState::kUnloaded : ModelState::kFailed;
  }

  static void end_load(Served& served, ModelState without_model, const std::string& problem) {
    const std::shared_ptr<const ServedModel> model = served.queue.model();
    const std::lock_guard lock(served.mutex);
    served.status.state = model == nullptr ? without_model : ModelState::kReady;
    served.status.version = model == nullptr ? "" : model->facts().version;
    served.status.reason = problem;
  }

  LoadResult read(Served& served) {
    const std::filesystem::path& file = served.model.file;
    const std::shared_ptr<const ServedModel> before = served.queue.model();
    if (before != nullptr && core::sha256_of_file(file) == before->facts().sha256) return LoadResult::kUnchanged;
    std::shared_ptr<const ServedModel> model = ServedModel::load(served.model.name, file, options_);
    if (identity_of(file) != served.tried)
      throw core::DataError(file, "it was written to while it was read; load it again when it is complete");
    served.queue.set_model(std::move(model));
    return LoadResult::kSwitched;
  }

  /// Whether the file differs from the one that was tried and has not changed since the last look.
  static bool has_settled(Served& served) {
    const std::optional<FileIdentity> now = identity_of(served.model.file);
    const std::lock_guard lock(served.mutex);
    const bool stood_still = std::exchange(served.seen, now) == now;
    return served.status.state != ModelState::kUnloaded && now != served.tried && stood_still;
  }

  const std::vector<ModelFile> models_;
  const PredictorOptions options_;
  std::vector<std::unique_ptr<Served>> served_;
};

ModelStore::ModelStore(std::vector<ModelFile> models, const PredictorOptions& predictor, const QueueOptions& queue)
    : state_(std::make_unique<State>(std::move(models), predictor, queue)) {}

ModelStore::~ModelStore() = default;

const std::vector<ModelFile>& ModelStore::models() const { return state_->models(); }
bool ModelStore::has(const std::string& name) const { return state_->has(name); }
ModelStatus ModelStore::status(const std::string& name) const { return state_->status(name); }
std::vector<ModelStatus> ModelStore::index() const { return state_->index(); }

bool ModelStore::is_ready() const {
  const std::vector<ModelStatus> all = index();
  return std::all_of(all.begin(), all.end(), [](const ModelStatus& model) {
    return model.state == ModelState::kReady || model.state == ModelState::kUnloaded;
  });
}

LoadResult ModelStore::load(const std::string& name) { return state_->load(name); }
std::optional<LoadResult> ModelStore::load_again(const std::string& name) { return state_->load_again(name); }

void ModelStore::load_all() {
  std::exception_ptr first;
  for (const ModelFile& model : models()) {
    try {
      load(model.name);
    } catch (...) {
      if (!first) first = std::current_exception();
    }
  }
  if (first) std::rethrow_exception(first);
}

void ModelStore::unload(const std::string& name) { state_->unload(name); }

std::vector<ModelStore::Change> ModelStore::look_for_changes() {
  std::vector<Change> changes;
  for (const ModelFile& model : models()) {
    std::optional<Change> change = state_->look(model.name);
    if (change) changes.push_back(std::move(*change));
  }
  return changes;
}

PredictionQueue& ModelStore::queue(const std::string& name) { return state_->queue(name); }
std::shared_ptr<const ServedModel> ModelStore::model(const std::string& name) const {
  return state_->queue(name).model();
}

bool ModelStore::drain(SteadyClock::time_point until) {
  for (const ModelFile& model : models()) queue(model.name).close();
  bool all = true;
  for (const ModelFile& model : models()) all = queue(model.name).drain(until) && all;
  return all;
}

}  // namespace margay::serve
