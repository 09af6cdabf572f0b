#include "apps/studio/loaded_models.h"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "margay/http/target.h"
#include "margay/run/run_folder.h"
#include "margay/serve/predictor.h"
#include "margay/serve/served_model.h"

namespace margay::studio {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRunsPrefix = "runs:";
constexpr const char* kModelOfRun = "model.margay";

/// With the time of the file, and its stamp: size, time and inode.
ListedModel with_times(ListedModel model) {
  struct stat facts {};
  if (::stat(model.file.c_str(), &facts) != 0) return model;
  model.modified = facts.st_mtim.tv_sec;
  model.stamp = fmt::format("{} {}.{:09} {}", facts.st_size, facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec, facts.st_ino);
  return model;
}

/// The files NAME.margay of a folder itself, not of those below it.
void add_files(const fs::path& folder, const std::string& prefix, std::vector<ListedModel>& models) {
  std::error_code failure;
  for (fs::directory_iterator each(folder, failure), end; !failure && each != end; each.increment(failure)) {
    const fs::path file = each->path();
    std::error_code none;
    if (file.extension() != ".margay" || !fs::is_regular_file(file, none)) continue;
    const std::string name = file.filename().string();
    models.push_back(with_times({.id = prefix + name, .name = name, .file = file, .run = {}}));
  }
}

void add_runs(const fs::path& runs, std::vector<ListedModel>& models) {
  std::error_code none;
  if (!fs::is_directory(runs, none)) return;
  for (const std::string& name : run::run_folders(runs)) {
    const fs::path file = runs / name / kModelOfRun;
    if (!fs::is_regular_file(file, none)) continue;
    models.push_back(with_times({.id = fmt::format("{}{}/{}", kRunsPrefix, name, kModelOfRun),
                                 .name = name,
                                 .file = file,
                                 .run = runs / name}));
  }
}

/// Links may lead out of what is served.
bool is_served(const ServedFolders& folders, const std::string& id) {
  try {
    listed_model(folders, id);
    return true;
  } catch (const http::RequestError&) {
    return false;
  }
}

}  // namespace

std::vector<ListedModel> listed_models(const ServedFolders& folders) {
  std::vector<ListedModel> models;
  add_runs(folders.runs(), models);
  add_files(folders.runs(), kRunsPrefix, models);
  for (const ServedFolder& folder : folders.all()) add_files(folder.path, folder.id + ":", models);
  std::erase_if(models, [&](const ListedModel& each) { return !is_served(folders, each.id); });
  std::stable_sort(models.begin(), models.end(), [](const ListedModel& a, const ListedModel& b) {
    return a.modified > b.modified || (a.modified == b.modified && a.name < b.name);
  });
  return models;
}

ListedModel listed_model(const ServedFolders& folders, const std::string& id) {
  const auto colon = id.find(':');
  if (colon == std::string::npos || !id.ends_with(".margay")) {
    throw http::RequestError(404, fmt::format("there is no model {}", id));
  }
  const std::string place = id.substr(colon + 1);
  const bool is_of_runs = id.starts_with(kRunsPrefix);
  ListedModel model{.id = id, .name = {}, .file = {}, .run = {}};
  model.file = is_of_runs ? folders.inside_runs(place) : folders.inside(folders.at(id.substr(0, colon)), place);
  const bool is_of_run = is_of_runs && model.file.filename() == kModelOfRun && place.find('/') != std::string::npos;
  if (is_of_run) model.run = model.file.parent_path();
  model.name = (is_of_run ? model.run : model.file).filename().string();
  return with_times(std::move(model));
}

LoadedModels::LoadedModels(std::size_t most, Load load)
    : most_(most), load_(load ? std::move(load) : load_on(serve::PredictorOptions().device)) {}

LoadedModels::Load LoadedModels::load_on(const std::string& device) {
  return [device](const ListedModel& model) {
    serve::PredictorOptions options;
    options.output = predict::NetworkOutput::kLogitsAndFeatures;
    options.device = device;
    auto loaded = serve::ServedModel::load(model.name, model.file, options);
    loaded->predictor().warm_up();
    return loaded;
  };
}

LoadedModels::Model LoadedModels::get(const ListedModel& model) {
  std::promise<Model> promise;
  std::shared_future<Model> future;
  bool is_mine = false;
  {
    const std::lock_guard lock(mutex_);
    const std::string stamp = with_times(model).stamp;
    auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& each) { return each.id == model.id; });
    if (found != entries_.end() && found->stamp != stamp) {
      entries_.erase(found);
      found = entries_.end();
    }
    is_mine = found == entries_.end();
    if (is_mine) {
      entries_.push_front({.id = model.id, .stamp = stamp, .model = promise.get_future().share()});
      if (entries_.size() > most_) entries_.pop_back();
    } else {
      entries_.splice(entries_.begin(), entries_, found);
    }
    future = entries_.front().model;
  }
  if (!is_mine) return future.get();
  try {
    promise.set_value(load_(model));
  } catch (...) {
    const std::lock_guard lock(mutex_);
    entries_.remove_if([&](const Entry& each) { return each.id == model.id; });
    promise.set_exception(std::current_exception());
  }
  return future.get();
}

bool LoadedModels::is_loaded(const ListedModel& model) const {
  const std::lock_guard lock(mutex_);
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& each) {
    return each.id == model.id && each.stamp == with_times(model).stamp &&
           each.model.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  });
}

}  // namespace margay::studio
