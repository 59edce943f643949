// @ts-check
/** <time-chart kind="latency">: a chart over time, drawn by uPlot from the seconds of a session. Give it `draw(points, cap)`. */

const WINDOW_S = 120;  // of a live session; a finished one is shown whole
const root = document.documentElement;
/** @type {any} */
const uPlot = /** @type {any} */ (globalThis).uPlot;

/** @param {number | null} v */
export const ms = v => v == null ? "too few" : v >= 9999.5 ? `${(v / 1000).toLocaleString("en", { maximumFractionDigits: 1 })} s` : `${v.toLocaleString("en", { maximumFractionDigits: v < 100 ? 1 : 0 })} ms`;
/** @param {number} v */
export const count = v => Math.round(v).toLocaleString("en");
/** @param {number} v */
export const money = v => `$${v.toLocaleString("en", v >= 1 || !v ? { minimumFractionDigits: 2, maximumFractionDigits: 2 } : { maximumSignificantDigits: 3 })}`;

/** What each kind draws: its columns from a point, and the words of a value. @type {Record<string, any>} */
const KINDS = {
  latency: { lines: [["p50", "--p50"], ["p95", "--p95"], ["p99", "--p99"]], of: p => [p.latency_p50, p.latency_p95, p.latency_p99], say: ms, bands: true },
  ttft: { lines: [["p50", "--p50"], ["p95", "--p95"]], of: p => [p.ttft_p50, p.ttft_p95], say: ms, bands: true },
  throughput: { lines: [["turns/s", "--c1"], ["users", "--c2"]], of: p => [p.turns, p.users], say: count, step: true, second: true },
  errors: { lines: [["errors", "--c2"]], of: p => [p.errors], say: count, bars: true },
  cost: { lines: [["spent", "--c1"], ["cap", "--c2"]], of: (p, sum, cap) => [sum, cap], say: money },
};

const probe = document.createElement("i");
probe.hidden = true;
document.body.append(probe);
/** @param {string} name */
function colour(name) { probe.style.color = `var(${name})`; return getComputedStyle(probe).color; }
/** @param {string} rgb @param {number} alpha */
const faded = (rgb, alpha) => rgb.replace(/^rgb\(([^)]*)\)$/, `rgba($1, ${alpha})`);

class TimeChart extends HTMLElement {
  connectedCallback() {
    this.points = this.points ?? [];
    this.sized = new ResizeObserver(() => this.chart?.setSize(this.room()));
    this.sized.observe(this);
    this.themed = new MutationObserver(() => this.again());
    this.themed.observe(root, { attributeFilter: ["data-theme"] });
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.turned = () => this.again();
    this.dark.addEventListener("change", this.turned);
  }
  disconnectedCallback() {
    this.sized?.disconnect(); this.themed?.disconnect(); this.dark?.removeEventListener("change", this.turned);
    this.chart?.destroy(); this.chart = null;
  }
  room() { return { width: Math.max(80, this.clientWidth), height: this.clientHeight }; }
  again() { this.chart?.destroy(); this.chart = null; this.draw(this.points, this.cap, this.whole); }

  /** Draw the points of a session. @param {any[]} points @param {number} cap @param {boolean} whole */
  draw(points, cap = 0, whole = false) {
    Object.assign(this, { points, cap, whole });
    const kind = KINDS[this.getAttribute("kind") ?? ""];
    if (!points.length || !kind || !uPlot) return;
    let sum = 0;
    const most = points.reduce((all, p) => all + p.cost_usd, 0), near = cap > 0 && cap <= 5 * most ? cap : null;
    const rows = points.map(p => [p.at_s, ...kind.of(p, sum += p.cost_usd, near)]);
    const data = rows[0].map((_, column) => rows.map(row => row[column]));
    const last = data[0].at(-1);
    if (!this.chart) { this.replaceChildren(); this.chart = new uPlot(this.options(kind, data), data, this); return; }
    this.chart.setData(data, false);
    if (!this.zoomed) this.chart.setScale("x", this.range(data[0][0], last));
  }
  /** @param {number} first @param {number} last */
  range(first, last) { return this.whole ? { min: Math.max(0, first - 1), max: last } : { min: Math.max(0, last - WINDOW_S), max: Math.max(last, WINDOW_S / 4) }; }

  /** @param {any} kind @param {any[]} data */
  options(kind, data) {
    const text = colour("--muted"), line = colour("--line"), font = "500 11px Inter, sans-serif";
    const axis = { stroke: text, font, grid: { stroke: line, width: 1 }, ticks: { show: false }, border: { show: false } };
    const paths = kind.step ? uPlot.paths.stepped({ align: -1 }) : kind.bars ? uPlot.paths.bars({ size: [0.8, 12], align: -1 }) : undefined;
    const above = () => (u, min, max) => [0, Math.max(max || 0, kind.say === money ? 0.0001 : 1) * 1.08];
    const series = kind.lines.map(([name, variable], at) => {
      const stroke = colour(variable), dotted = kind.lines.length === 2 && at === 1 && !kind.bands;
      const area = !dotted && (kind.bands ? at === 0 : !kind.bars);
      return { label: name, scale: kind.second && at ? "other" : "y", stroke, width: kind.bars ? 0 : 1.75, dash: dotted ? [2, 5] : undefined,
        fill: kind.bars ? stroke : area ? faded(stroke, 0.13) : undefined, points: { show: false }, paths, spanGaps: false };
    });
    const first = this.range(data[0][0], data[0].at(-1));
    return {
      ...this.room(), legend: { show: false }, padding: [12, kind.second ? 0 : 12, 0, 0],
      cursor: { sync: { key: "session" }, points: { size: 7 }, drag: { x: true, y: false }, dataIdx: (u, s, i) => i },
      scales: { x: { time: false, min: first.min, max: first.max }, y: { range: above() }, other: { range: above() } },
      axes: [
        { ...axis, size: 28, values: (u, at) => at.map(v => v >= 60 && v % 60 === 0 ? `${v / 60} min` : `${+v.toFixed(2)} s`), space: 64 },
        { ...axis, size: 64, values: (u, at) => at.map(v => kind.say === count && v % 1 ? "" : v ? kind.say(v) : "0") },
        ...(kind.second ? [{ ...axis, side: 1, scale: "other", size: 44, grid: { show: false }, values: (u, at) => at.map(v => v % 1 ? "" : count(v)) }] : []),
      ],
      series: [{}, ...series],
      bands: kind.bands ? kind.lines.slice(1).map((_, at) => ({ series: [at + 2, at + 1], fill: faded(colour(kind.lines[at + 1][1]), 0.13) })) : [],
      hooks: {
        setCursor: [u => this.read(u, kind)],
        setSelect: [u => { if (u.select.width > 4) this.zoomed = true; }],
        ready: [u => u.over.addEventListener("dblclick", () => { this.zoomed = false; u.setScale("x", this.range(u.data[0][0], u.data[0].at(-1))); })],
      },
    };
  }
  /** Say the values under the cursor. @param {any} u @param {any} kind */
  read(u, kind) {
    this.said ??= Object.assign(document.createElement("output"), { className: "reading" });
    if (!this.said.isConnected) this.append(this.said);
    const at = u.cursor.idx;
    this.said.textContent = at == null || u.cursor.left < 0 ? "" : `${u.data[0][at].toFixed(0)} s: ` + kind.lines
      .map(([name], n) => [name, u.data[n + 1][at]]).filter(([, v]) => v !== null).map(([name, v]) => `${name} ${kind.say(v)}`).join(", ");
  }
}
customElements.define("time-chart", TimeChart);
