#include "margay/interpret/xray_html.h"

#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/chart/render.h"
#include "margay/core/counted.h"
#include "margay/core/html_escape.h"
#include "margay/interpret/xray_figures.h"

namespace margay::interpret {
namespace {

/// The style sheet of the X-ray's page: light and dark as the reader's system is, one column on a narrow screen, no
/// font or image from elsewhere.
extern const char* const kPageStyle;

const char* const kPageStyle = R"css(
:root { color-scheme: light dark;
  --page: #f5f6f8; --card: #ffffff; --ink: #1c2330; --soft: #667084; --line: #e4e7ed; --hover: #f3f5f9;
  --bar: #4775d6; --good: #1c8a5a; --bad: #cb4630; --unsure: #b07a14; --chosen: #fdf3e4; }
@media (prefers-color-scheme: dark) { :root {
  --page: #12151b; --card: #1a1f28; --ink: #e6e9f0; --soft: #939cae; --line: #2b323f; --hover: #212733;
  --bar: #7da2f2; --good: #4fc48d; --bad: #f0806c; --unsure: #e0b050; --chosen: #2d2718; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 36px 20px 60px; }
h1 { margin: 0; font-size: 26px; letter-spacing: -.01em; }
h2 { margin: 0; font-size: 17px; overflow-wrap: anywhere; }
.soft { color: var(--soft); }
.lead { font-size: 17px; margin: 14px 0 18px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 20px 22px; margin: 18px 0;
  scroll-margin-top: 12px; }
.head { display: flex; gap: 12px; align-items: baseline; flex-wrap: wrap; }
.badge { font-size: 12px; font-weight: 600; padding: 1px 9px; border-radius: 99px; border: 1px solid; white-space: nowrap; }
.right { color: var(--good); } .wrong { color: var(--bad); } .unsure { color: var(--unsure); } .open { color: var(--soft); }
.head .loss { margin-left: auto; font-variant-numeric: tabular-nums; font-weight: 600; }
.words { margin: 8px 0 14px; }
.body { display: grid; grid-template-columns: minmax(260px, 336px) minmax(0, 1fr); gap: 26px; align-items: start; }
@media (max-width: 1160px) { .body { grid-template-columns: minmax(0, 1fr); } figure { max-width: 420px; } }
figure { margin: 0; } figcaption { color: var(--soft); font-size: 13px; margin-top: 4px; }
.scroll { overflow-x: auto; } .seen { margin: 0 0 16px; } .seen svg { display: block; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: 14px; }
th { text-align: right; font-weight: 500; color: var(--soft); padding: 4px 6px; white-space: nowrap; vertical-align: bottom;
  border-bottom: 1px solid var(--line); }
td { text-align: right; padding: 4px 6px; white-space: nowrap; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
td:first-child { max-width: 230px; overflow: hidden; text-overflow: ellipsis; }
tbody tr:hover td { background: var(--hover); }
tr.target td { background: var(--chosen); font-weight: 600; }
tr.sum td { color: var(--soft); border-bottom: 0; }
td.bars { width: 18%; min-width: 72px; } td.signed { width: 16%; min-width: 72px; }
.bar { display: block; height: 11px; border-radius: 3px; background: var(--line); overflow: hidden; }
.bar i { display: block; height: 100%; background: var(--bar); }
.half { display: grid; grid-template-columns: 1fr 1fr; height: 11px; }
.half span { display: flex; height: 100%; } .half span:first-child { justify-content: flex-end;
  border-right: 1px solid var(--soft); }
.half i { display: block; height: 100%; } .half .down { background: var(--good); border-radius: 3px 0 0 3px; }
.half .up { background: var(--bad); border-radius: 0 3px 3px 0; }
.overview { display: grid; grid-template-columns: minmax(60px, max-content) 1fr max-content; gap: 5px 14px; align-items: center; }
.overview a { color: inherit; text-decoration: none; overflow: hidden; text-overflow: ellipsis; white-space: nowrap;
  max-width: 320px; }
.overview a:hover { text-decoration: underline; } .overview b { font-weight: 500; text-align: right;
  font-variant-numeric: tabular-nums; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 16px; margin: 12px 0 0; }
dt { font-weight: 600; } dd { margin: 0; color: var(--soft); } summary { cursor: pointer; font-weight: 600; }
svg.nll { display: block; width: 100%; height: auto; font-size: 11.5px; fill: var(--soft); }
svg .grid { stroke: var(--line); } svg .axis { stroke: var(--soft); fill: none; }
svg polyline { fill: none; } svg .curve { stroke: var(--bar); stroke-width: 2; }
svg .moved { stroke: var(--good); stroke-width: 5; stroke-linecap: round; opacity: .55; }
svg .guide { stroke: var(--bad); fill: none; stroke-dasharray: 3 4; }
svg .picked { fill: var(--bad); stroke: var(--card); stroke-width: 1.5; }
svg .after { fill: var(--card); stroke: var(--good); stroke-width: 2.5; } svg .other { fill: var(--soft); }
svg .mid { text-anchor: middle; } svg .end { text-anchor: end; } svg .value { font-size: 14px; font-weight: 600; fill: var(--ink); }
@media print { body { background: none; } .card { break-inside: avoid; } }
)css";

using Kind = CurvePoint::Kind;

std::vector<CurvePoint> points_of(const SoftmaxRow& row, const std::vector<std::size_t>& shown) {
  std::vector<CurvePoint> points;
  if (!row.target) {
    for (const std::size_t k : shown)
      points.push_back({Kind::kOther, row.classes[k].negative_log, row.classes[k].name});
    return points;
  }
  points.push_back({Kind::kPicked, row.target->loss, row.classes[row.target->index].name});
  points.push_back({Kind::kAfter, row.target->loss_after_step, "after the step"});
  return points;
}

std::vector<CurvePoint> points_of(const SigmoidRow& row, const std::vector<std::size_t>& shown) {
  std::vector<CurvePoint> points;
  for (const std::size_t k : shown) {
    const SigmoidTerm& term = row.classes[k];
    const bool is_heaviest = row.target && row.target->heaviest == k;
    const double loss = row.target ? term.loss : term.loss_if_yes;
    points.push_back({is_heaviest ? Kind::kPicked : Kind::kOther, loss, term.name});
  }
  return points;
}

const char* caption_of(const SoftmaxRow& row) {
  return row.target ? "The loss is the height of −log p at the target's probability; the green point is after the step."
                    : "The loss of each class as the target; point at one for its name.";
}

const char* caption_of(const SigmoidRow& row) {
  return row.target ? "Each class at the probability it gave to the truth; the one with the largest loss is marked."
                    : "The loss of each class if it is present.";
}

struct Badge {
  const char* style;
  const char* text;
};

Badge badge_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kOpen:
      return {"open", "no target"};
    case Outcome::kWrong:
      return {"wrong", "wrong"};
    case Outcome::kUnsure:
      return {"unsure", "right, not sure"};
    case Outcome::kSure:
      return {"right", "right"};
  }
  return {"open", ""};
}

std::string left_out(const std::string& words) {
  return words.empty() ? "" : fmt::format(R"(<p class="soft">{}</p>)", words);
}

std::string image_of_row(const std::vector<chart::Drawing>& images, std::size_t index) {
  if (index >= images.size() || images[index].shapes.empty()) return "";
  return fmt::format(R"(<div class="scroll seen">{}</div>)", chart::drawing_svg(images[index]));
}

template <class Row>
std::string card(const Row& row, std::size_t index, double step, Extent extent, const std::string& image) {
  const std::vector<std::size_t> shown = shown_classes(row, extent);
  const Badge badge = badge_of(outcome(row));
  const std::string loss = row.target ? fmt::format("loss {}", number_text(row.target->loss)) : "";
  return fmt::format(
      R"(<article class="card" id="row-{}">
<div class="head"><h2>{}</h2><span class="badge {}">{}</span><span class="loss">{}</span></div>
<p class="words">{} <span class="soft">{}</span></p>{}
<div class="body"><figure>{}<figcaption>{}</figcaption></figure>
<div class="scroll">{}{}</div></div>
</article>
)",
      index + 1, core::html_escaped(row.name), badge.style, badge.text, loss, core::html_escaped(verdict(row)),
      step_words(row, step), image, nll_curve_svg(points_of(row, shown)), caption_of(row), html_table(row, shown),
      left_out(left_out_words(row, shown)));
}

/// Each row's loss as a bar of the largest, leading to the row.
template <class Xray>
std::string overview(const Xray& xray) {
  if (!xray.summary || xray.rows.size() < 2) return "";
  double largest = 0;
  for (const auto& row : xray.rows) largest = std::max(largest, row.target ? row.target->loss : 0);
  std::string lines;
  for (std::size_t i = 0; i < xray.rows.size(); ++i) {
    const auto& row = xray.rows[i];
    const double loss = row.target ? row.target->loss : 0;
    lines += fmt::format(R"(<a class="{}" href="#row-{}">{}</a>{}<b>{}</b>)", badge_of(outcome(row)).style, i + 1,
                         core::html_escaped(row.name), html_bar(share_of(loss, largest)),
                         row.target ? number_text(loss) : "–");
    lines += "\n";
  }
  return fmt::format(R"(<section class="card"><div class="overview">{}</div></section>)", lines);
}

std::string legend(const std::vector<LegendEntry>& entries) {
  std::string list;
  for (const LegendEntry& entry : entries) {
    list += fmt::format("<dt>{}</dt><dd>{}</dd>", core::html_escaped(entry.column), core::html_escaped(entry.meaning));
  }
  return fmt::format("<details><summary>What the columns mean</summary><dl>{}</dl></details>", list);
}

template <class Xray>
std::string page(const Xray& xray, const std::string& title, const char* loss, const std::vector<LegendEntry>& columns,
                 Extent extent, const std::vector<chart::Drawing>& images) {
  if (images.size() > xray.rows.size()) {
    throw std::invalid_argument(
        fmt::format("[xray_html] there are {} images for {} rows", images.size(), xray.rows.size()));
  }
  std::string cards;
  for (std::size_t i = 0; i < xray.rows.size(); ++i)
    cards += card(xray.rows[i], i, xray.step, extent, image_of_row(images, i));
  const std::size_t classes = xray.rows.empty() ? 0 : xray.rows.front().classes.size();
  return fmt::format(
      R"(<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Loss X-ray: {0}</title>
<style>{1}</style></head>
<body><main>
<h1>Loss X-ray</h1>
<div class="soft">{0} · {2} · {3} × {4}</div>
<p class="lead">{5}</p>
{6}
{7}
{8}</main></body>
</html>
)",
      core::html_escaped(title), kPageStyle, loss, core::counted(xray.rows.size(), "row"),
      core::counted(classes, "class", "classes"), xray.summary ? core::html_escaped(summary_words(*xray.summary)) : "",
      legend(columns), overview(xray), cards);
}

}  // namespace

std::string xray_html(const SoftmaxXray& xray, const std::string& title, Extent extent,
                      const std::vector<chart::Drawing>& images) {
  return page(xray, title, "softmax cross-entropy", softmax_legend(xray.temperature), extent, images);
}

std::string xray_html(const SigmoidXray& xray, const std::string& title, Extent extent,
                      const std::vector<chart::Drawing>& images) {
  return page(xray, title, "sigmoid, binary cross-entropy", sigmoid_legend(xray.temperature), extent, images);
}

}  // namespace margay::interpret
