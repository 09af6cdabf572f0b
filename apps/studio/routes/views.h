#pragma once

#include "apps/studio/studio_routes.h"

namespace margay::studio {

// Each adds what one view of the page asks for, below /api/ and its name. A new view adds its declaration here, its
// function to the list in views.cpp, and its page to the table of apps/web/src/studio/app.tsx.
void add_page_routes(StudioRoutes& routes);  ///< the page itself, /api/studio, /api/events
void add_runs_routes(StudioRoutes& routes);
void add_train_routes(StudioRoutes& routes);
void add_data_routes(StudioRoutes& routes);      ///< /api/data: images, thumbnails, checks
void add_batch_routes(StudioRoutes& routes);     ///< /api/data: draws and batches; /api/lr-find
void add_mistakes_routes(StudioRoutes& routes);  ///< /api/models, /api/mistakes
void add_xray_routes(StudioRoutes& routes);
void add_try_routes(StudioRoutes& routes);  ///< /api/try, /api/empty-page
void add_clean_routes(StudioRoutes& routes);
void add_label_routes(StudioRoutes& routes);

/// All of them.
void add_views(StudioRoutes& routes);

}  // namespace margay::studio
