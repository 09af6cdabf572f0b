#include "apps/studio/routes/views.h"

namespace margay::studio {

void add_views(StudioRoutes& routes) {
  for (const auto add : {
           add_page_routes,
           add_runs_routes,
           add_train_routes,
           add_data_routes,
           add_batch_routes,
           add_mistakes_routes,
           add_xray_routes,
           add_try_routes,
           add_clean_routes,
           add_label_routes,
       }) {
    add(routes);
  }
}

}  // namespace margay::studio
