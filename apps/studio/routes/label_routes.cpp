#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include "apps/studio/folder_labelling.h"
#include "apps/studio/per_folder.h"
#include "apps/studio/request_values.h"
#include "apps/studio/routes/views.h"
#include "apps/studio/studio.h"

namespace margay::studio {
namespace {

constexpr std::size_t kMostToLabel = 500;

}  // namespace

void add_label_routes(StudioRoutes& routes) {
  FolderRoutes<FolderLabelling> label(routes, "label");
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
