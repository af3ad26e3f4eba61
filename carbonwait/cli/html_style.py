"""How the page looks: light, dark and on paper."""

# Colours that also those tell apart who see red and green alike.
STYLE = """
:root { color-scheme: light dark;
  --ink: #1b2a33; --quiet: #5a6b75; --paper: #ffffff; --line: #d5dde2; --card: #f3f6f8;
  --actual: #0072b2; --now: #8a97a0; --static: #c2cbd1; --saved: #56b4a0; --harm: #d55e00 }
@media (prefers-color-scheme: dark) { :root {
  --ink: #e6edf1; --quiet: #9fb0ba; --paper: #12191e; --line: #34434d; --card: #1c262d;
  --actual: #56a8dc; --now: #7d8b95; --static: #4a5963; --saved: #4fb59d; --harm: #f08a3c } }
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif }
main { max-width: 62rem; margin: 0 auto; padding: 1.5rem 1rem 3rem }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem }
header p, .words, .legend, .figures span { color: var(--quiet) }
header p { margin: .3rem 0 0 }
hr { border: 0; border-top: 1px solid var(--line); margin: 2.5rem 0 0 }
.figures { display: grid; gap: .75rem; margin-top: 1.25rem;
  grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr)) }
.figures div { background: var(--card); border-radius: .5rem; padding: .7rem .9rem }
.figures span { display: block; font-size: .85rem } .figures b { font-size: 1.5rem }
svg { display: block; width: 100%; height: auto; overflow: visible }
svg text { font-size: 12px; fill: var(--quiet) } svg .name { text-anchor: end; fill: var(--ink) }
svg .end { text-anchor: end } svg line { stroke: var(--line) }
rect.actual { fill: var(--actual) } rect.now { fill: var(--now) }
rect.static { fill: var(--static) }
rect.saved { fill: var(--saved) } rect.harm { fill: var(--harm) }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; font-size: .85rem;
  margin: .25rem 0 }
.legend i { display: inline-block; width: .8em; height: .8em; margin-right: .4em }
i.actual { background: var(--actual) } i.now { background: var(--now) }
i.static { background: var(--static) } i.saved { background: var(--saved) }
i.harm { background: var(--harm) }
.wide { overflow-x: auto; margin-top: 1rem }
table { border-collapse: collapse; width: 100%; font-size: .9rem;
  font-variant-numeric: tabular-nums }
th, td { padding: .35rem .6rem; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap }
th:first-child { text-align: left; white-space: normal; overflow-wrap: anywhere; min-width: 8rem }
tbody th { font-weight: normal } tfoot th, tfoot td { font-weight: bold; border-bottom: 0 }
.words { font-size: .9rem } .words ul { padding-left: 1.2rem; margin: 0 }
@media print { :root { --ink: #000; --quiet: #333; --paper: #fff; --line: #bbb; --card: #fff;
    --actual: #0072b2; --now: #8a97a0; --static: #c2cbd1; --saved: #56b4a0; --harm: #d55e00 }
  body { font-size: 11px } main { padding: 0; max-width: none }
  rect, i, .figures div { print-color-adjust: exact; -webkit-print-color-adjust: exact }
  .figures div { border: 1px solid var(--line) } .wide { overflow: visible }
  section, svg, tr { break-inside: avoid } thead { display: table-header-group } }
"""
