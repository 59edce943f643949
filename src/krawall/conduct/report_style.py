"""The stylesheet of the report: the tokens of the design, one column that fits from 320 px to a wide screen, and paper."""

from __future__ import annotations

from krawall.conduct import charts

TOKENS = """
:root {
  color-scheme: light dark;
  --bg: light-dark(#f7f8fa, #0d0e13); --surface: light-dark(#fff, #15171d); --sunken: light-dark(#f2f3f6, #090a0f);
  --line: light-dark(#dedfe4, #2d3039); --text: light-dark(#181a22, #eff0f3); --muted: light-dark(#575b65, #a6a9b2);
  --accent: light-dark(#5f3ed8, #aa99ff); --shadow: light-dark(0 1px 2px #181a2212, 0 0 0 #0000);
  --ok: light-dark(#05773b, #59d38c); --ok-soft: light-dark(#d8f8e2, #0f301f);
  --warn: light-dark(#925b00, #f3b94c); --warn-soft: light-dark(#ffeecb, #3a270b);
  --bad: light-dark(#c51d28, #fd7273); --bad-soft: light-dark(#ffeae9, #481b1c);
  --info: light-dark(#0068ad, #6bbaf0); --info-soft: light-dark(#e0f1fe, #112b40);
  --c1: light-dark(#4c79e6, #3179d7); --c2: light-dark(#cc7e1d, #cc8841); --c3: light-dark(#458364, #89ead6); --c4: light-dark(#962985, #c62071);
  --p50: light-dark(#5596dc, #3568b2); --p95: light-dark(#2663c9, #589aed); --p99: light-dark(#132c84, #a9d6ff);
  --sans: Inter, ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", monospace;
}
:root[data-theme=light] { color-scheme: light } :root[data-theme=dark] { color-scheme: dark }
"""

_BASE = """
*, ::before, ::after { box-sizing: border-box; margin: 0 }
html { -webkit-text-size-adjust: 100% }
body { background: var(--bg); color: var(--text); font: 400 14px/1.45 var(--sans); -webkit-font-smoothing: antialiased }
h1 { font-size: 28px; line-height: 34px; font-weight: 680; letter-spacing: -.02em; overflow-wrap: anywhere }
h2 { font-size: 17px; line-height: 24px; font-weight: 650; letter-spacing: -.01em } h3 { font-size: 14px; line-height: 20px; font-weight: 600 }
code, pre, .mono { font-family: var(--mono); font-size: 12.5px } .muted { color: var(--muted) } .num { font-variant-numeric: tabular-nums }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
.skip { position: absolute; left: -999px } .skip:focus { left: 16px; top: 12px; padding: 6px 12px; background: var(--surface); z-index: 1 }
.top, main, .foot { max-width: 1160px; margin-inline: auto; padding-inline: 24px }
.top { display: flex; align-items: center; gap: 8px; padding-block: 20px 0; color: var(--muted); font-size: 13px }
.top b { color: var(--text); font-size: 15px; font-weight: 700; letter-spacing: -.02em } .top svg { width: 20px; height: 20px; color: var(--accent) } .top time { margin-left: auto }
main { display: grid; gap: 32px; padding-block: 20px 40px } section { display: grid; gap: 12px } main, section, .tables, .samples { grid-template-columns: minmax(0, 1fr) }
.foot { padding-block: 16px 32px; color: var(--muted); font-size: 12.5px; border-top: 1px solid var(--line) }
.card { background: var(--surface); border: 1px solid var(--line); border-radius: 10px; box-shadow: var(--shadow); min-width: 0 }
"""

_PARTS = """
.hero { gap: 16px } .hero .facts { display: flex; flex-wrap: wrap; gap: 2px 20px; color: var(--muted); font-size: 13px; margin-top: 6px; padding: 0; list-style: none }
.facts code { overflow-wrap: anywhere }
.verdict { display: flex; gap: 14px; padding: 16px 18px; border-radius: 10px; border: 1px solid color-mix(in srgb, var(--k) 35%, transparent); background: var(--k-soft) }
.verdict .sign { flex: none; width: 36px; height: 36px; border-radius: 50%; display: grid; place-items: center; background: var(--k); color: var(--surface); font-size: 20px; font-weight: 700; line-height: 1 }
.verdict strong { display: block; font-size: 18px; line-height: 24px; font-weight: 680; color: var(--k); letter-spacing: -.01em }
.verdict ul { padding: 0; list-style: none; display: grid; gap: 2px; margin-top: 2px } .verdict li { overflow-wrap: anywhere }
.verdict > div { min-width: 0; align-self: center }
.ok { --k: var(--ok); --k-soft: var(--ok-soft) } .bad { --k: var(--bad); --k-soft: var(--bad-soft) }
.warn { --k: var(--warn); --k-soft: var(--warn-soft) } .info { --k: var(--info); --k-soft: var(--info-soft) } .calm { --k: var(--muted); --k-soft: var(--sunken) }
.badge { display: inline-flex; align-items: center; gap: 6px; min-height: 22px; padding: 1px 9px 1px 8px; border-radius: 99px; font-size: 12px; font-weight: 550; background: var(--k-soft); color: var(--k); white-space: nowrap }
.badge::before { content: ""; width: 7px; height: 7px; border-radius: 50%; background: currentColor; flex: none }
.tiles { display: grid; grid-template-columns: repeat(6, minmax(0, 1fr)); gap: 1px; background: var(--line); overflow: hidden; padding: 0 }
.tile { background: var(--surface); padding: 14px 16px; display: grid; gap: 2px; align-content: start } .tile dt { color: var(--muted); font-size: 12.5px }
.tile dd { font-size: 22px; line-height: 28px; font-weight: 620; letter-spacing: -.02em; font-variant-numeric: tabular-nums; white-space: nowrap }
.tile dd + dd { font-size: 12.5px; line-height: 16px; font-weight: 400; letter-spacing: 0; color: var(--muted); white-space: normal }
.charts { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 16px } .charts > .wide { grid-column: 1 / -1 }
.small { columns: 320px 3; column-gap: 16px } .small > * { break-inside: avoid; margin-bottom: 16px } .tables { margin-bottom: -16px }
.box { overflow-x: auto } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
caption { text-align: left; font-weight: 600; padding: 12px 16px; border-bottom: 1px solid var(--line) }
th, td { padding: 8px 12px; text-align: right; white-space: nowrap; border-bottom: 1px solid color-mix(in srgb, var(--line) 65%, transparent) }
thead th { white-space: pre; line-height: 17px; font-size: 12.5px; font-weight: 500; color: var(--muted); vertical-align: bottom } tbody th { font-weight: 550 } tbody tr:last-child > * { border-bottom: 0 }
:is(th, td):first-child { padding-left: 16px; text-align: left } :is(th, td):last-child { padding-right: 16px } td.text, th.text { text-align: left } td.text { white-space: normal } td.why { min-width: 24ch; overflow-wrap: anywhere }
.name { white-space: normal; min-width: min(17ch, 31vw); max-width: 58ch; overflow-wrap: anywhere } .few { color: var(--muted) } tbody th small { display: block; font-size: 12px; line-height: 16px; font-weight: 400; color: var(--muted) } tbody th code { font-size: 12px; font-weight: 400; color: var(--muted) } tbody .name > code:only-child { font-size: 12.5px; color: var(--text) }
.tables { display: grid; gap: 16px } details { background: var(--surface); border: 1px solid var(--line); border-radius: 10px }
summary { cursor: pointer; padding: 11px 16px; font-weight: 550; display: flex; flex-wrap: wrap; gap: 4px 12px; align-items: center; list-style: none; border-radius: 10px } summary::-webkit-details-marker { display: none }
summary::before { content: ""; width: 7px; height: 7px; border: solid var(--muted); border-width: 0 1.5px 1.5px 0; rotate: -45deg; flex: none } details[open] > summary::before { rotate: 45deg }
details[open] > summary { border-bottom: 1px solid var(--line); border-radius: 10px 10px 0 0 } summary .push { margin-left: auto; font-weight: 400; font-size: 13px }
details > .box { max-height: 460px; overflow: auto } .samples { display: grid; gap: 8px }
.turn { display: grid; grid-template-columns: 44px minmax(0, 1fr) auto; gap: 4px 12px; padding: 10px 16px; border-bottom: 1px solid color-mix(in srgb, var(--line) 65%, transparent) } .turn:last-child { border-bottom: 0 }
.turn .who { color: var(--muted); font-size: 12.5px; line-height: 20px } .turn p { max-width: 76ch; white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext } .turn .at { font-size: 12.5px; line-height: 20px; color: var(--muted); text-align: right; font-variant-numeric: tabular-nums }
.turn.odd { background: var(--bad-soft) } .turn.odd .fault { color: var(--bad); font-weight: 550 } .talk { padding: 0; list-style: none }
.facts-box { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 150px), 1fr)); gap: 14px 24px; padding: 16px } .facts-box dt { color: var(--muted); font-size: 12.5px } .facts-box dd { font-weight: 550; overflow-wrap: anywhere; font-variant-numeric: tabular-nums }
pre { padding: 14px 16px; overflow-x: auto; line-height: 1.55; tab-size: 2 }
@media (max-width: 900px) { .tiles { grid-template-columns: repeat(3, minmax(0, 1fr)) } .charts { grid-template-columns: minmax(0, 1fr) } .charts > * { grid-column: auto !important } }
@media (max-width: 600px) { .top, main, .foot { padding-inline: 16px } main { gap: 24px } .top span { display: none } h1 { font-size: 23px; line-height: 29px } .tiles { grid-template-columns: repeat(2, minmax(0, 1fr)) } .tile { padding: 12px } .tile dd { font-size: 20px } tbody th small { display: none } .turn { grid-template-columns: minmax(0, 1fr) auto } .turn p { grid-column: 1 / -1; grid-row: 2 } .verdict { padding: 14px; gap: 12px } .verdict .sign { width: 28px; height: 28px; font-size: 16px } }
@media print {
  :root, :root[data-theme] { color-scheme: light } body { background: #fff; font-size: 12px; print-color-adjust: exact; -webkit-print-color-adjust: exact } .skip { display: none }
  main { gap: 20px; padding-block: 12px } .top, main, .foot { max-width: none; padding-inline: 0 } .card, .chart, .verdict, .turn, tr { break-inside: avoid } h2, caption, summary { break-after: avoid }
  .card, details { box-shadow: none } .charts { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr) } .charts > .wide { grid-column: 1 / -1 !important } .frame { padding-block: 12px 26px } .box, details > .box { overflow: visible; max-height: none } th, td { padding: 5px 8px } pre { white-space: pre-wrap }
}
"""

STYLE = TOKENS + _BASE + _PARTS + charts.STYLE
