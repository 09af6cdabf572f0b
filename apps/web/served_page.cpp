#include "apps/web/served_page.h"

#include <utility>

#include <fmt/format.h>

namespace margay::web {
namespace {

std::string html_of(const ServedPageOptions& page) {
  return fmt::format(R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{0}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/{1}.css">
<script src="/{1}.js" defer></script>
</head>
<body>
{2}</body>
</html>
)",
                     page.title, page.name, page.body);
}

}  // namespace

ServedPage::ServedPage(ServedPageOptions options)
    : policy_(fmt::format("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; {}"
                          "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
                          options.policy)),
      html_(html_of(options)),
      script_path_(fmt::format("/{}.js", options.name)),
      style_path_(fmt::format("/{}.css", options.name)),
      files_({{{"/", "text/html; charset=utf-8", html_},
               {script_path_, "text/javascript; charset=utf-8", options.files.script},
               {style_path_, "text/css; charset=utf-8", options.files.style}}}),
      answers_(files_) {}

http::Response ServedPage::answer(const http::Request& request, std::string_view path) const {
  http::Response response = answers_.answer(request, path);
  protect(response);
  return response;
}

void ServedPage::protect(http::Response& response) const {
  response.headers.set("Content-Security-Policy", policy_);
  response.headers.set("X-Content-Type-Options", "nosniff");
  response.headers.set("Referrer-Policy", "no-referrer");
}

}  // namespace margay::web
