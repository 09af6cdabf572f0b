#include "margay/interpret/page_style.h"

namespace margay::interpret {

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
.scroll { overflow-x: auto; }
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

}  // namespace margay::interpret
