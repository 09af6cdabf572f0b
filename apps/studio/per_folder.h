#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "apps/studio/data_request.h"
#include "apps/studio/studio.h"
#include "margay/core/options.h"

namespace margay::studio {

/// What a view keeps of each folder, made when it is first asked for. View(Studio&, const ServedFolder&) has follow(),
/// which takes over what others have changed on the disk. A View that takes run::DataOptions, too, is made for each way
/// in which requests say that the folder is read (their query `options`).
template <class View>
class PerFolder {
 public:
  explicit PerFolder(Studio& studio) : studio_(studio) {}

  /// Of the folder that the request's path names. Throws http::RequestError, 404, for one that is not served, and as
  /// data_options_of.
  View& of(const http::Request& request) {
    const ServedFolder& served = studio_.folders().at(request.parameter("folder"));
    if constexpr (std::is_constructible_v<View, Studio&, const ServedFolder&, run::DataOptions>) {
      const run::DataOptions options = data_options_of(request, studio_.folders(), served);
      return kept(served.id + core::to_json(options).dump(),
                  [&] { return std::make_unique<View>(studio_, served, options); });
    } else {
      return kept(served.id, [&] { return std::make_unique<View>(studio_, served); });
    }
  }

  void follow() {
    const std::scoped_lock lock(mutex_);
    for (const auto& [id, view] : views_) view->follow();
  }

 private:
  template <class Make>
  View& kept(const std::string& key, Make make) {
    const std::scoped_lock lock(mutex_);
    const auto found = std::find_if(views_.begin(), views_.end(), [&](const auto& each) { return each.first == key; });
    if (found != views_.end()) return *found->second;
    return *views_.emplace_back(key, make()).second;
  }

  Studio& studio_;
  std::mutex mutex_;
  std::vector<std::pair<std::string, std::unique_ptr<View>>> views_;
};

/// Routes below "/api/NAME/{folder}" that ask such a view: ask(View&, const http::Request&) gives JSON. While a page is
/// open, all views follow the disk.
template <class View>
class FolderRoutes {
 public:
  FolderRoutes(StudioRoutes& routes, std::string_view name)
      : routes_(routes),
        begin_("/api/" + std::string(name) + "/{folder}"),
        views_(std::make_shared<PerFolder<View>>(routes.studio())) {
    const std::weak_ptr<PerFolder<View>> weak = views_;
    routes.studio().changes().watch([weak] {
      if (const auto views = weak.lock()) views->follow();
    });
  }

  template <class Ask>
  void get(const std::string& what, Ask ask) {
    routes_.get(begin_ + what, function(ask));
  }

  /// A question that is posted, and changes nothing on the disk.
  template <class Ask>
  void ask(const std::string& what, Ask ask) {
    routes_.ask(begin_ + what, function(ask));
  }

  template <class Ask>
  void post(const std::string& what, Ask ask) {
    routes_.write("POST", begin_ + what, function(ask));
  }

 private:
  template <class Ask>
  StudioRoutes::Function function(Ask ask) {
    return
        [views = views_, ask](const http::Request& request) { return RouteResult(ask(views->of(request), request)); };
  }

  StudioRoutes& routes_;
  std::string begin_;
  std::shared_ptr<PerFolder<View>> views_;
};

}  // namespace margay::studio
