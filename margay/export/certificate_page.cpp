#include <cmath>

#include <fmt/format.h>

#include "margay/core/html_escape.h"
#include "margay/core/text.h"
#include "margay/export/certificate.h"

namespace margay::exporting {
namespace {

constexpr const char* kCertificateStyle = R"(
:root { color-scheme: light dark; --line: #8884; --good: #18794e; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --good: #5bd197; --bad: #ff8a80; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.good { color: var(--good); } .bad { color: var(--bad); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .8rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
code { overflow-wrap: anywhere; }
)";

std::string page_text(const std::string& text) {
  return core::html_escaped(core::spelled_out(core::valid_utf8(text), core::Layout::kKept));
}

std::string page_row(const std::string& title, const std::string& html) {
  return fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", title, html);
}

std::string page_number(double value) { return std::isinf(value) ? "not finite" : fmt::format("{:.3g}", value); }

std::string page_percent(double share) { return fmt::format("{:.2f} %", 100 * share); }

std::string page_file(const CertifiedFile& file) {
  return fmt::format("{}<br>{} bytes, SHA-256 <code>{}</code>", page_text(file.path.filename().string()), file.bytes,
                     file.sha256);
}

std::string page_speed(const CertifiedSpeed& speed) {
  return fmt::format("{:.1f} images/s; {:.2f} ms an image (median), {:.2f} ms (95th percentile)", speed.images_per_s,
                     speed.median_ms, speed.p95_ms);
}

std::string page_largest(const LargestDifference& largest) {
  if (largest.image.empty()) return "0";
  const std::string of_class = largest.name.empty() ? "" : ", class " + page_text(largest.name);
  return fmt::format("{} ({}{})", page_number(largest.value), page_text(largest.image), of_class);
}

std::string page_examples(const RuntimeVerdict& runtime) {
  if (runtime.examples.empty()) return "";
  std::string rows;
  for (const Disagreement& each : runtime.examples) {
    rows += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n", page_text(each.image),
                        page_text(each.margay), page_text(each.runtime), page_number(each.margin));
  }
  return fmt::format(
      "<div "
      "class=\"wide\"><table>\n<tr><th>image</th><th>Margay</th><th>{}</th><th>margin</th></tr>\n{}</table></div>\n",
      page_text(runtime.name), rows);
}

std::string page_accuracy(const PairedAccuracy& accuracy) {
  const auto images = static_cast<double>(accuracy.images);
  const metric::Interval& interval = accuracy.difference.interval;
  return fmt::format("{} (Margay {}); difference {} [{}, {}] on {} labelled images",
                     page_percent(static_cast<double>(accuracy.runtime_right) / images),
                     page_percent(static_cast<double>(accuracy.margay_right) / images),
                     page_percent(accuracy.difference.value), page_percent(interval.low), page_percent(interval.high),
                     accuracy.images);
}

std::string page_runtime(const RuntimeVerdict& runtime) {
  std::string html = fmt::format("<h2>{} {}</h2>\n", page_text(runtime.name), page_text(runtime.version));
  if (!runtime.has_run()) {
    html += fmt::format("<p class=\"{}\">{}</p>\n", runtime.was_asked_for ? "bad" : "", page_text(runtime.problem));
  }
  if (runtime.images == 0) return html;
  html += "<div class=\"wide\"><table>\n";
  html += page_row("images", std::to_string(runtime.images));
  html += page_row(
      "largest difference of a logit",
      fmt::format("{}; Margay's logits span {}", page_largest(runtime.logits), page_number(runtime.logit_range)));
  html += page_row("largest difference of a probability", page_largest(runtime.probabilities));
  if (runtime.p_known)
    html += page_row("largest difference of what tells unknown images", page_largest(*runtime.p_known));
  html += page_row("different decisions",
                   fmt::format("{}, {} of them beyond the margin", runtime.disagreements, runtime.beyond_margin));
  if (runtime.accuracy) html += page_row("accuracy", page_accuracy(*runtime.accuracy));
  html += page_row("speed, one image at a time", page_speed(runtime.speed));
  return html + "</table></div>\n" + page_examples(runtime);
}

std::string page_verdict(const Certificate& certificate) {
  if (certificate.passes()) {
    return "<p class=\"good\"><strong>Passes.</strong> The ONNX file says what the model says.</p>\n";
  }
  std::string html = "<p class=\"bad\"><strong>Fails.</strong></p>\n<ul>\n";
  for (const std::string& reason : certificate.reasons()) html += fmt::format("<li>{}</li>\n", page_text(reason));
  return html + "</ul>\n";
}

std::string page_scaled_decoding(const RuntimeVerdict& scaled) {
  return fmt::format(
      "{} of the images, which Margay decodes at a part of their size unless it is told to decode them whole. Against "
      "the whole ones, compared here, a probability differs by at most {}; different decisions: {}",
      scaled.images, page_largest(scaled.probabilities), scaled.disagreements);
}

std::string page_files(const Certificate& certificate) {
  std::string html = "<h2>What was compared</h2>\n<div class=\"wide\"><table>\n";
  html += page_row("ONNX file", page_file(certificate.onnx));
  for (const CertifiedFile& file : certificate.onnx_data) html += page_row("its weights", page_file(file));
  html += page_row("model", page_file(certificate.model));
  html += page_row("input", fmt::format("{}, opset {}{}", core::to_text(certificate.input), certificate.opset,
                                        certificate.is_quantised ? ", quantised to int8" : ""));
  html += page_row("images", fmt::format("{} of {} in {}<br>SHA-256 of their list <code>{}</code>", certificate.images,
                                         certificate.images_there, page_text(certificate.folder.string()),
                                         certificate.images_sha256));
  for (const std::string& problem : certificate.skipped) html += page_row("left out", page_text(problem));
  if (certificate.hashes_ignored) html += page_row("hashes", "were ignored, as was asked for");
  html += page_row("Margay", fmt::format("{}, {}<br>{}", page_text(certificate.margay_version),
                                         page_text(certificate.computed_with), page_speed(certificate.margay_speed)));
  if (certificate.scaled_decoding) {
    html += page_row("large JPEGs", page_scaled_decoding(*certificate.scaled_decoding));
  }
  return html + "</table></div>\n";
}

std::string page_bounds(const Certificate& certificate) {
  const CertificateBounds& bounds = certificate.bounds;
  if (certificate.is_quantised) {
    return fmt::format(
        "<p>Bounds of a quantised file: decisions agree on {} of the images at least; where images have labels, at "
        "most "
        "{} of accuracy is lost.</p>\n",
        page_percent(bounds.min_agreement), page_percent(bounds.max_accuracy_loss));
  }
  return fmt::format(
      "<p>Bounds: a logit may differ by {:.3g} of the logits' range, a probability by {:.3g}; decisions may differ "
      "where the competing probabilities differ by {:.3g} or less.</p>\n",
      bounds.max_logit_difference, bounds.max_probability_difference, bounds.max_margin);
}

}  // namespace

std::string Certificate::html() const {
  const std::string name = page_text(onnx.path.filename().string());
  std::string html = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\">\n<title>Certificate of "
      "{0}</title>\n<style>{1}</style>\n</head>\n"
      "<body>\n<main>\n<h1>Certificate of {0}</h1>\n",
      name, kCertificateStyle);
  html += page_verdict(*this) + page_bounds(*this) + page_files(*this);
  for (const RuntimeVerdict& runtime : runtimes) html += page_runtime(runtime);
  return html + fmt::format("<p>{}</p>\n</main>\n</body>\n</html>\n", page_text(time));
}

}  // namespace margay::exporting
