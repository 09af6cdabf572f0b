#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include "apps/studio/folder_labelling.h"
#include "apps/studio/request_body.h"
#include "apps/studio/routes/views.h"
#include "apps/studio/studio.h"

namespace margay::studio {
namespace {

constexpr std::size_t kMostToLabel = 500;

/// Where a folder is asked for something.
class LabelRoutes {
 public:
  explicit LabelRoutes(StudioRoutes& routes)
      : routes_(routes), labellings_(std::make_shared<Labellings>(routes.studio())) {
    const std::weak_ptr<Labellings> weak = labellings_;
    routes.studio().changes().watch([weak] {
      if (const auto labellings = weak.lock()) labellings->follow();
    });
  }

  template <class Ask>
  void get(const std::string& what, Ask ask) {
    routes_.get("/api/label/{folder}" + what, function(ask));
  }

  template <class Ask>
  void post(const std::string& what, Ask ask) {
    routes_.write("POST", "/api/label/{folder}" + what, function(ask));
  }

 private:
  template <class Ask>
  StudioRoutes::Function function(Ask ask) {
    return [labellings = labellings_, ask](const http::Request& request) {
      return RouteResult(ask(labellings->of(request.parameter("folder")), request));
    };
  }

  StudioRoutes& routes_;
  std::shared_ptr<Labellings> labellings_;
};

}  // namespace

void add_label_routes(StudioRoutes& routes) {
  LabelRoutes label(routes);
  label.get("", [](FolderLabelling& labelling, const http::Request&) { return labelling.state(); });
  label.get("/next", [](FolderLabelling& labelling, const http::Request& request) {
    return labelling.next(count_in(request, "most", 50, kMostToLabel));
  });
  label.post("/class", [](FolderLabelling& labelling, const http::Request& request) {
    return labelling.add_class(request_object(request));
  });
  label.post("/image", [](FolderLabelling& labelling, const http::Request& request) {
    return labelling.add_image(request.body, text_in(request, "name"), text_in(request, "label"),
                               {.who = text_in(request, "who"), .id = text_in(request, "id")});
  });
  label.post("/label", [](FolderLabelling& labelling, const http::Request& request) {
    return labelling.label(request_object(request));
  });
  label.post("/undo", [](FolderLabelling& labelling, const http::Request& request) {
    return labelling.undo(request_object(request));
  });
  label.post("/source", [](FolderLabelling& labelling, const http::Request& request) {
    return labelling.choose_source(request_object(request));
  });
  label.post("/probe", [](FolderLabelling& labelling, const http::Request&) { return labelling.probe(); });
}

}  // namespace margay::studio
