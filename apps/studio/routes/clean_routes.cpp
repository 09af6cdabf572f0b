#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "apps/studio/folder_review.h"
#include "apps/studio/per_folder.h"
#include "apps/studio/request_values.h"
#include "apps/studio/routes/views.h"
#include "apps/studio/studio.h"

namespace margay::studio {
namespace {

constexpr std::size_t kMostShown = 1000;

/// "1,2,-3".
std::vector<std::int64_t> ids_in(const http::Request& request) {
  std::vector<std::int64_t> ids;
  const std::string text = text_in(request, "ids");
  for (std::size_t at = 0; at < text.size() && ids.size() < kMostShown;) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    ids.push_back(whole_number(std::string_view(text).substr(at, end - at), "ids"));
    at = end + 1;
  }
  return ids;
}

/// A question whose body is a JSON object.
template <class Ask>
auto with_body(Ask ask) {
  return [ask](FolderReview& review, const http::Request& request) { return ask(review, request_object(request)); };
}

}  // namespace

void add_clean_routes(StudioRoutes& routes) {
  using Body = nlohmann::ordered_json;
  FolderRoutes<FolderReview> clean(routes, "clean");
  clean.get("", [](FolderReview& review, const http::Request&) { return review.state(); });
  clean.get("/ids", [](FolderReview& review, const http::Request& request) {
    return review.ids(text_in(request, "kind"), text_in(request, "label"), text_in(request, "wanted"));
  });
  clean.get("/entries",
            [](FolderReview& review, const http::Request& request) { return review.entries(ids_in(request)); });
  clean.get("/sample", [](FolderReview& review, const http::Request&) { return review.sample(); });
  clean.get("/history", [](FolderReview& review, const http::Request& request) {
    return review.history(count_in(request, "most", 100, kMostShown));
  });
  clean.get("/plan", [](FolderReview& review, const http::Request& request) {
    return review.plan(text_in(request, "move_files") == "1");
  });
  clean.post("/decide", with_body([](FolderReview& review, const Body& body) { return review.decide(body); }));
  clean.post("/undo", with_body([](FolderReview& review, const Body& body) { return review.undo(body); }));
  clean.post("/apply", with_body([](FolderReview& review, const Body& body) { return review.apply(body); }));
  clean.post("/finish-apply", with_body([](FolderReview& review, const Body&) { return review.finish_apply(); }));
  clean.post("/undo-apply", with_body([](FolderReview& review, const Body&) { return review.undo_apply(); }));
  clean.post("/search", with_body([](FolderReview& review, const Body& body) { return review.start_search(body); }));
  clean.post("/stop-search", with_body([](FolderReview& review, const Body&) { return review.stop_search(); }));
  clean.ask("/reload", with_body([](FolderReview& review, const Body&) { return review.reload(); }));
}

}  // namespace margay::studio
