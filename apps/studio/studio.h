#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "apps/studio/access.h"
#include "apps/studio/changes.h"
#include "apps/studio/loaded_models.h"
#include "apps/studio/served_folders.h"
#include "apps/studio/studio_options.h"
#include "apps/studio/studio_routes.h"
#include "apps/studio/thumbnails.h"
#include "apps/studio/train_form.h"
#include "apps/studio/workers.h"
#include "margay/fetch/known_places.h"
#include "margay/http/server.h"

namespace margay::studio {

/// What the program gives to the studio.
struct StudioProgram {
  std::string version;
  std::filesystem::path executable;    ///< that trains when the page asks for it; "": none
  std::filesystem::path cache_folder;  ///< of the user, for thumbnails and weights; may be ""
  fetch::KnownPlaces places;           ///< where pretrained weights may lie
  /// Shows `option_field` in a message as the program's flag; none: messages stay as they are.
  std::function<std::string(const std::string&)> words = {};
  TrainForm train = {};    ///< without `check` the page starts no trainings
  std::string token = {};  ///< that the address was printed with; "": that of the options
};

/// The page over runs and data, for one http::Server: it is its handler, and admit() its hook. Outlives the server.
///
/// The folders that it shows are those named at the start and none that a request names (ServedFolders); without any,
/// those below the working folder that its runs were trained on. Who may ask,
/// and who may change something, is Access's to say; what changes, Changes tells to every open page.
class Studio {
 public:
  /// Throws core::DataError for a folder that is not there, std::invalid_argument for options out of range, and for a
  /// device that this machine lacks.
  Studio(StudioOptions options, StudioProgram program);
  ~Studio();
  Studio(const Studio&) = delete;
  Studio& operator=(const Studio&) = delete;

  const StudioOptions& options() const { return options_; }
  const StudioProgram& program() const { return program_; }
  const ServedFolders& folders() const { return folders_; }
  Changes& changes() { return changes_; }
  /// Those that views predict with.
  LoadedModels& models() { return models_; }
  Thumbnails& thumbnails() { return thumbnails_; }
  Access& access() { return access_; }
  const Access& access() const { return access_; }
  bool is_read_only() const { return options_.read_only; }
  /// A message for people, with the program's flags.
  std::string words(const std::string& message) const;

  /// Opens the page without the token: good for once, within a minute. address: the server's.
  std::string entry_address(const std::string& address);

  /// Answers a request.
  void operator()(http::Request request, http::Reply reply) const;
  /// Refuses by the head alone what nobody may ask.
  std::optional<http::Response> admit(const http::Request& head) const;

 private:
  StudioOptions options_;
  StudioProgram program_;
  ServedFolders folders_;
  LoadedModels models_;
  Thumbnails thumbnails_;
  Access access_;
  Changes changes_;
  StudioRoutes routes_;
  Workers workers_;  ///< last: its threads use what stands above
};

}  // namespace margay::studio
