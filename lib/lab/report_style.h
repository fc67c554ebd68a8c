// The style sheet of a report: light and dark, screen and print, from 390 pixels on. No script, no
// font, no address.
#ifndef SLUICE_LAB_REPORT_STYLE_H_
#define SLUICE_LAB_REPORT_STYLE_H_

namespace sluice::lab {

inline constexpr char kReportStyle[] = R"(
:root { color-scheme: light dark; --ink: #1c2126; --soft: #5a646e; --paper: #fff; --grid: #d9dee3;
  --a: #0b6bcb; --b: #c2571a; --c: #7a3fc4; --d: #0a7d72; --e: #6b6f76;
  --good: #1a7f37; --bad: #c62828; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --soft: #9aa5b1; --paper: #14181c;
  --grid: #333b43; --a: #62b0ff; --b: #ff9d5c; --c: #c79bff; --d: #4fd1c2; --e: #a9b0b8;
  --good: #5fcf7e; --bad: #ff7b72; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 1160px; margin: 0 auto; padding: 16px; overflow-wrap: anywhere; }
h1 { font-size: 1.4em; margin: 0 0 .2em; } h2 { font-size: 1.15em; margin: 1.8em 0 .4em; }
h3 { font-size: 1em; margin: .6em 0 .2em; }
a { color: var(--a); }
.verdict { font-size: 1.1em; border-left: 4px solid var(--a); padding-left: 12px; }
.verdict .key { font-size: .8em; }
.grid2 { display: grid; gap: 12px 28px;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 440px), 1fr)); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .9em; }
th, td { text-align: right; padding: 3px 8px; border-bottom: 1px solid var(--grid);
  font-variant-numeric: tabular-nums; white-space: nowrap; }
th:first-child, td:first-child, td.text, th.text { text-align: left; }
td.text { white-space: normal; min-width: 12em; } tr.primary td { font-weight: 600; }
.better { color: var(--good); } .worse { color: var(--bad); }
.key { color: var(--soft); }
.swatch { display: inline-block; width: .8em; height: .8em; border-radius: 2px;
  margin-right: .35em; }
.swatch.a { background: var(--a); } .swatch.b { background: var(--b); }
.swatch.c { background: var(--c); } .swatch.d { background: var(--d); }
.swatch.e { background: var(--e); }
svg { width: 100%; height: auto; display: block; } svg text { font-size: 12px; fill: var(--soft); }
.grid { stroke: var(--grid); } .one { stroke: var(--ink); }
.line { fill: none; stroke-width: 1.4; stroke-linejoin: round; }
.line.a, .mean.a { stroke: var(--a); } .line.b, .mean.b { stroke: var(--b); }
.line.c, .mean.c { stroke: var(--c); } .line.d, .mean.d { stroke: var(--d); }
.line.e, .mean.e { stroke: var(--e); }
.thin { stroke-width: .8; stroke-opacity: .6; } .mean { stroke-width: 2.5; }
.dot { fill-opacity: .5; } .dot.a { fill: var(--a); } .dot.b { fill: var(--b); }
.dot.c { fill: var(--c); } .dot.d { fill: var(--d); } .dot.e { fill: var(--e); }
.seed { fill: var(--soft); fill-opacity: .45; }
.interval { stroke: var(--soft); stroke-width: 2.5; }
.interval.better { stroke: var(--good); } .interval.worse { stroke: var(--bad); }
.ratio { fill: var(--soft); } .ratio.better { fill: var(--good); }
.ratio.worse { fill: var(--bad); }
code, pre { font: 13px ui-monospace, monospace; } pre { overflow-x: auto; }
details pre { max-height: 24em; overflow: auto; }
figure { margin: 0; min-width: 0; } figcaption { color: var(--soft); font-size: .85em; }
@media print { body { max-width: none; padding: 0; font-size: 11px; } figure, table, .verdict {
  break-inside: avoid; } }
)";

}  // namespace sluice::lab

#endif  // SLUICE_LAB_REPORT_STYLE_H_
