"""How our reports look: light or dark as the reader's device is, one column on a phone."""

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #5b6673; --paper: #f6f7f9; --sheet: #fff;
  --line: #dde1e6; --warn: #fff6e0; --warn-line: #e0a100;
  --s0: #1f6fd6; --s1: #d9591a; --s2: #178a5c; --s3: #8a4fc7; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --dim: #9aa5b1; --paper: #14171b;
  --sheet: #1d2126; --line: #343a42; --warn: #2e2714; --warn-line: #d9a520;
  --s0: #6aa9ff; --s1: #ff9a5c; --s2: #52c796; --s3: #c39bf0; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 1.2rem 1rem 3rem; }
h1 { margin: 0; font-size: 1.7rem; overflow-wrap: anywhere; }
h2 { margin: 0 0 .8rem; font-size: 1.1rem; }
h3 { margin: 1rem 0 .4rem; font-size: .95rem; font-weight: 500; overflow-wrap: anywhere; }
.state { margin: .1rem 0 1rem; color: var(--dim); }
section { background: var(--sheet); border: 1px solid var(--line); border-radius: 10px;
  padding: 1rem; margin: 0 0 1rem; }
.advice { background: var(--warn); border-color: var(--warn-line); }
.advice ul { margin: 0; padding-left: 1.2rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); gap: .7rem;
  margin: 0 0 1rem; }
.tiles div { background: var(--sheet); border: 1px solid var(--line); border-radius: 10px;
  padding: .6rem .8rem; }
.tiles dt { color: var(--dim); font-size: .8rem; }
.tiles dd { margin: 0; font-size: 1.3rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr));
  gap: 1rem; }
figure { margin: 0; min-width: 0; }
figcaption { color: var(--dim); font-size: .9rem; }
img, svg { display: block; width: 100%; height: auto; }
img { border-radius: 6px; }
.chart text { fill: var(--dim); font-size: 13px; }
.chart .up { text-anchor: end; }
.chart .along { text-anchor: middle; }
path.rule { stroke: var(--line); stroke-width: 1; fill: none; }
polyline { fill: none; stroke-width: 2; stroke-linejoin: round; }
polyline.pale { opacity: .3; stroke-width: 1; }
polyline.s0 { stroke: var(--s0); } circle.s0 { fill: var(--s0); } i.s0 { background: var(--s0); }
rect.s0 { fill: var(--s0); }
polyline.s1 { stroke: var(--s1); } circle.s1 { fill: var(--s1); } i.s1 { background: var(--s1); }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1rem; font-size: .85rem; color: var(--dim); }
.legend b { color: var(--ink); font-variant-numeric: tabular-nums; }
.legend i { display: inline-block; width: .8em; height: .8em; border-radius: 2px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .9rem .3rem 0;
  border-top: 1px solid var(--line); overflow-wrap: anywhere; }
th { font-weight: 500; color: var(--dim); min-width: 8.5em; }
tr:first-child > * { border-top: 0; }
.metrics { font-variant-numeric: tabular-nums; }
.metrics th, .metrics td { overflow-wrap: normal; min-width: 0; white-space: nowrap; }
pre { margin: 0; padding: .6rem .8rem; overflow-x: auto; background: var(--paper);
  border-radius: 6px; font-size: .85rem; }
summary { cursor: pointer; color: var(--dim); margin-top: .6rem; }
"""
