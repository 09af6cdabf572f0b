#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "apps/studio/folder_review.h"
#include "apps/studio/image_id.h"
#include "apps/studio/request_body.h"
#include "apps/studio/routes/views.h"
#include "apps/studio/studio.h"
#include "apps/web/thumbnail.h"
#include "margay/data/image/read_image.h"
#include "margay/data/image/write_image.h"

namespace margay::studio {
namespace {

constexpr std::size_t kMostShown = 1000;

/// "1,2,-3".
std::vector<std::int64_t> ids_in(const http::Request& request) {
  std::vector<std::int64_t> ids;
  const std::string text = text_in(request, "ids");
  for (std::size_t at = 0; at < text.size() && ids.size() < kMostShown;) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    ids.push_back(whole_number(std::string_view(text).substr(at, end - at)));
    at = end + 1;
  }
  return ids;
}

int side_in(const http::Request& request) {
  constexpr std::int64_t kUsual = 1024;
  constexpr std::int64_t kMost = 4096;
  const std::string text = text_in(request, "side");
  const std::int64_t side = text.empty() ? kUsual : whole_number(text);
  if (side < 1 || side > kMost) throw std::invalid_argument("side must be from 1 to 4096 pixels");
  return static_cast<int>(side);
}

/// An image of the folder as JPEG, also one that is in no class, such as those to be labelled.
http::Response picture(const Studio& studio, const http::Request& request) {
  constexpr int kQuality = 90;
  const int side = side_in(request);
  const ServedFolder& folder = studio.folders().at(request.parameter("folder"));
  const auto file = studio.folders().inside(folder, path_of_image_id(request.parameter("image")).native());
  const data::HeldImage held = data::hold_image(file, {.min_side = side});
  const std::vector<std::uint8_t> bytes = data::encode_jpeg(web::shrunk(held.image, side), kQuality);
  return {.content_type = "image/jpeg", .body = {bytes.begin(), bytes.end()}};
}

/// Where a folder is asked for something.
class CleanRoutes {
 public:
  explicit CleanRoutes(StudioRoutes& routes) : routes_(routes), reviews_(std::make_shared<Reviews>(routes.studio())) {
    const std::weak_ptr<Reviews> weak = reviews_;
    routes.studio().changes().watch([weak] {
      if (const auto reviews = weak.lock()) reviews->follow();
    });
  }

  template <class Ask>
  void get(const std::string& what, Ask ask) {
    routes_.get("/api/clean/{folder}" + what, [reviews = reviews_, ask](const http::Request& request) {
      return RouteResult(ask(reviews->of(request.parameter("folder")), request));
    });
  }

  template <class Ask>
  void post(const std::string& what, Ask ask) {
    routes_.write("POST", "/api/clean/{folder}" + what, [reviews = reviews_, ask](const http::Request& request) {
      return RouteResult(ask(reviews->of(request.parameter("folder")), request_object(request)));
    });
  }

 private:
  StudioRoutes& routes_;
  std::shared_ptr<Reviews> reviews_;
};

}  // namespace

void add_clean_routes(StudioRoutes& routes) {
  Studio& studio = routes.studio();
  routes.get("/api/clean/{folder}/picture/{image*}",
             [&studio](const http::Request& request) { return RouteResult(picture(studio, request)); });
  using Body = nlohmann::ordered_json;
  CleanRoutes clean(routes);
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
  clean.post("/decide", [](FolderReview& review, const Body& body) { return review.decide(body); });
  clean.post("/undo", [](FolderReview& review, const Body& body) { return review.undo(body); });
  clean.post("/apply", [](FolderReview& review, const Body& body) { return review.apply(body); });
  clean.post("/finish-apply", [](FolderReview& review, const Body&) { return review.finish_apply(); });
  clean.post("/undo-apply", [](FolderReview& review, const Body&) { return review.undo_apply(); });
  clean.post("/search", [](FolderReview& review, const Body& body) { return review.start_search(body); });
  clean.post("/stop-search", [](FolderReview& review, const Body&) { return review.stop_search(); });
  clean.post("/reload", [](FolderReview& review, const Body&) { return review.reload(); });
}

}  // namespace margay::studio
