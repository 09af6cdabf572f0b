#pragma once

#include <string_view>

namespace margay::web {

/// The scripts and styles of dist/, which the build embeds (embed_files.cmake).
struct PageFiles {
  std::string_view script;
  std::string_view style;
};

/// Those of report.html.
PageFiles report_files();
/// Those of the server's page.
PageFiles serve_files();
/// Those of the studio.
PageFiles studio_files();
/// Those of an exported model's page.
PageFiles onnx_files();

}  // namespace margay::web
