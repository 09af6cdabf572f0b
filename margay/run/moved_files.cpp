#include "margay/run/moved_files.h"

#include <array>
#include <fstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "margay/core/json_values.h"
#include "margay/data/source/image_files.h"

namespace margay::run {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

bool leads_somewhere(const fs::path& path) {
  std::error_code failure;
  return fs::exists(path, failure);
}

Json json_in(const fs::path& path) {
  std::ifstream file(path);
  return file ? core::parsed_json(file) : Json();
}

/// A text of a JSON document, by a JSON pointer; "" where there is none.
std::string text_at(const Json& json, const char* pointer) {
  const Json::json_pointer place(pointer);
  if (json.is_discarded() || !json.contains(place) || !json.at(place).is_string()) return "";
  return json.at(place).get<std::string>();
}

/// A path that a run reads.
struct RunFile {
  fs::path* path;
  fs::path moved;  ///< its new place, or ""
  const char* what;
  const char* option;  ///< names the new place
};

[[noreturn]] void say_where_to(const fs::path& path, const char* what, const char* option) {
  throw core::DataError(path, fmt::format("{} is not there any more{}; `{}` names its new place", what,
                                          data::how_far_it_exists(path), option));
}

/// Whether the path has changed.
bool find_moved_file(const RunFile& file, const fs::path& run) {
  if (!file.moved.empty()) {
    if (!leads_somewhere(file.moved)) say_where_to(file.moved, file.what, file.option);
    const bool has_moved = *file.path != file.moved;
    if (has_moved) *file.path = fs::absolute(file.moved).lexically_normal();  // wherever the next resumption begins
    return has_moved;
  }
  if (file.path->empty()) return false;
  const fs::path today = path_of_run(*file.path, run);
  if (!leads_somewhere(today)) say_where_to(*file.path, file.what, file.option);
  const bool has_moved = today != *file.path;
  *file.path = today;
  return has_moved;
}

/// A new place for what the run never read would change it.
void refuse_new_place_of_nothing(const RunFile& file) {
  if (file.moved.empty() || !file.path->empty()) return;
  throw std::invalid_argument(fmt::format(
      "[resume] the run was begun without `{}`; beside `resume` it names the new place of what the run reads",
      file.option));
}

}  // namespace

std::optional<fs::path> working_folder_of_run(const fs::path& run) {
  const std::string text = text_at(json_in(run / "run.json"), "/working_folder");
  return text.empty() ? std::nullopt : std::optional<fs::path>(text);
}

fs::path path_of_run(const fs::path& path, const fs::path& run) {
  if (path.empty() || path.is_absolute()) return path;
  const std::optional<fs::path> began = working_folder_of_run(run);
  std::error_code failure;
  if (began && fs::equivalent(*began, fs::current_path(failure), failure)) return path;
  if (began && leads_somewhere(*began / path)) return (*began / path).lexically_normal();
  return path;
}

fs::path images_of_run(const fs::path& folder, const fs::path& moved, const fs::path& run) {
  if (moved.empty()) return path_of_run(folder, run);
  if (!leads_somewhere(moved)) say_where_to(moved, "the folder of images", "data");
  return moved;
}

std::optional<fs::path> data_folder_of_run(const fs::path& run) {
  const std::string text = text_at(json_in(run / "config.json"), "/batch/folder");
  return text.empty() ? std::nullopt : std::optional(path_of_run(text, run));
}

bool find_moved_files(TrainOptions& options, const MovedFiles& moved, const fs::path& run,
                      train::PretrainedWeights weights) {
  DataOptions& data = options.batch.data;
  std::vector<RunFile> files = {{&options.batch.folder, moved.data, "the folder of images", "data"},
                                {&data.labels_csv, moved.labels_csv, "the table of labels", "labels_csv"},
                                {&data.valid_csv, moved.valid_csv, "the table of the split", "valid_csv"},
                                {&data.valid_list, moved.valid_list, "the list of validation images", "valid_list"},
                                {&data.journal, "", "the journal of decisions", "journal"},
                                {&options.distillation.teacher, moved.teacher, "the teacher", "teacher"}};
  const RunFile weights_file = {&options.vision_learner.weights, moved.weights, "the file of weights", "weights"};
  const bool reads_weights = weights == train::PretrainedWeights::kRead;
  if (reads_weights || !moved.weights.empty()) files.push_back(weights_file);
  for (const RunFile& file : files) refuse_new_place_of_nothing(file);
  bool has_moved = false;
  for (const RunFile& file : files) has_moved = find_moved_file(file, run) || has_moved;
  if (!moved.cache_folder.empty()) options.batch.loader.cache_folder = moved.cache_folder;
  return has_moved || !moved.cache_folder.empty();
}

void find_moved_tables(DataOptions& options, const fs::path& model, const fs::path& images) {
  const std::array<RunFile, 3> tables = {
      RunFile{&options.labels_csv, "", "the table of labels of the model's training", "labels_csv"},
      RunFile{&options.valid_csv, "", "the table of the split of the model's training", "valid_csv"},
      RunFile{&options.valid_list, "", "the list of validation images of the model's training", "valid_list"}};
  for (const RunFile& table : tables) {
    if (table.path->empty()) continue;
    fs::path today = path_of_run(*table.path, model.parent_path());
    if (!leads_somewhere(today) && today.is_relative()) today = images / today;
    if (!leads_somewhere(today)) today = images / table.path->filename();
    if (!leads_somewhere(today)) say_where_to(*table.path, table.what, table.option);
    *table.path = today;
  }
}

}  // namespace margay::run
