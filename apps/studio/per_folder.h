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
/// in which requests say that the folder is read (their query `options`); of these, those used last are kept, and those
/// that work (is_busy()).
template <class View>
class PerFolder {
 public:
  static constexpr bool kHasOptions = std::is_constructible_v<View, Studio&, const ServedFolder&, run::DataOptions>;
  static constexpr std::size_t kMostOptions = 8;

  explicit PerFolder(Studio& studio) : studio_(studio) {}

  /// Of the folder that the request's path names. Throws http::RequestError, 404, for one that is not served, and as
  /// data_options_of.
  std::shared_ptr<View> of(const http::Request& request) {
    const ServedFolder& served = studio_.folders().at(request.parameter("folder"));
    if constexpr (kHasOptions) {
      const run::DataOptions options = data_options_of(request, studio_.folders(), served);
      return kept(served.id + core::to_json(options).dump(),
                  [&] { return std::make_shared<View>(studio_, served, options); });
    } else {
      return kept(served.id, [&] { return std::make_shared<View>(studio_, served); });
    }
  }

  void follow() {
    for (const auto& [key, view] : views()) view->follow();
  }

 private:
  using Views = std::vector<std::pair<std::string, std::shared_ptr<View>>>;

  Views views() {
    const std::scoped_lock lock(mutex_);
    return views_;
  }

  template <class Make>
  std::shared_ptr<View> kept(const std::string& key, Make make) {
    std::shared_ptr<View> dropped;  // its end may take a while: without the lock
    const std::scoped_lock lock(mutex_);
    const auto found = std::find_if(views_.begin(), views_.end(), [&](const auto& each) { return each.first == key; });
    if (found != views_.end()) {
      std::rotate(found, found + 1, views_.end());
    } else {
      views_.emplace_back(key, make());
      dropped = drop_oldest();
    }
    return views_.back().second;
  }

  /// Called with the lock held.
  std::shared_ptr<View> drop_oldest() {
    if constexpr (kHasOptions) {
      const auto last = views_.end() - 1;
      const auto oldest = std::find_if(views_.begin(), last, [](const auto& each) { return !each.second->is_busy(); });
      if (views_.size() > kMostOptions && oldest != last) {
        std::shared_ptr<View> dropped = std::move(oldest->second);
        views_.erase(oldest);
        return dropped;
      }
    }
    return nullptr;
  }

  Studio& studio_;
  std::mutex mutex_;
  Views views_;  ///< the one used last at the end
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
    return [views = views_, ask](const http::Request& request) {
      const std::shared_ptr<View> view = views->of(request);
      return RouteResult(ask(*view, request));
    };
  }

  StudioRoutes& routes_;
  std::string begin_;
  std::shared_ptr<PerFolder<View>> views_;
};

}  // namespace margay::studio
