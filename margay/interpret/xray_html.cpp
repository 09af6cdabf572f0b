#include "margay/interpret/xray_html.h"

#include <cmath>

#include <fmt/format.h>

#include "margay/core/html_escape.h"
#include "margay/interpret/nll_curve.h"
#include "margay/interpret/number_text.h"
#include "margay/interpret/page_style.h"
#include "margay/interpret/xray_tables.h"
#include "margay/interpret/xray_words.h"

namespace margay::interpret {
namespace {

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
  return row.target ? "The loss is the height of −log p at the picked probability; green is where the step takes it."
                    : "What each class would cost as the target; rest the mouse on a point for its name.";
}

const char* caption_of(const SigmoidRow& row) {
  return row.target ? "Each class at the probability it gave to what is true; the one that costs most is marked."
                    : "What each class would cost if it is there.";
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

template <class Row>
std::string card(const Row& row, std::size_t index, double step, Extent extent) {
  const std::vector<std::size_t> shown = shown_classes(row, extent);
  const Badge badge = badge_of(outcome(row));
  const std::string loss = row.target ? fmt::format("loss {}", number_text(row.target->loss)) : "";
  return fmt::format(
      R"(<article class="card" id="row-{}">
<div class="head"><h2>{}</h2><span class="badge {}">{}</span><span class="loss">{}</span></div>
<p class="words">{} <span class="soft">{}</span></p>
<div class="body"><figure>{}<figcaption>{}</figcaption></figure>
<div class="scroll">{}{}</div></div>
</article>
)",
      index + 1, core::html_escaped(row.name), badge.style, badge.text, loss, core::html_escaped(verdict(row)),
      step_words(row, step), nll_curve_svg(points_of(row, shown)), caption_of(row), html_table(row, shown),
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
                 Extent extent) {
  std::string cards;
  for (std::size_t i = 0; i < xray.rows.size(); ++i) cards += card(xray.rows[i], i, xray.step, extent);
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
      core::html_escaped(title), kPageStyle, loss, counted(xray.rows.size(), "row"), counted(classes, "class"),
      xray.summary ? core::html_escaped(summary_words(*xray.summary)) : "", legend(columns), overview(xray), cards);
}

}  // namespace

std::string xray_html(const SoftmaxXray& xray, const std::string& title, Extent extent) {
  return page(xray, title, "softmax cross-entropy", softmax_legend(), extent);
}

std::string xray_html(const SigmoidXray& xray, const std::string& title, Extent extent) {
  return page(xray, title, "sigmoid, binary cross-entropy", sigmoid_legend(), extent);
}

}  // namespace margay::interpret
