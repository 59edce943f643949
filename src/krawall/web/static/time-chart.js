// @ts-check
/** <time-chart kind="latency">: a chart over time, drawn by uPlot from the seconds of a session, or the same as a table. Give it `show(points, view)`. */

import { count, KINDS, money, slots } from "./chart-kinds.js";

/** @import { Line, Point } from "./chart-kinds.js" */
/** How the points are shown. `from`, `to`: seconds of the axis; `zoomed`: a person chose them. @typedef {{cap: number, base: number, from: number, to: number, zoomed: boolean, whole: boolean}} View */

const MOST_BARS = 240, MOST_ROWS = 120;
const root = document.documentElement;
/** @type {any} */
const uPlot = /** @type {any} */ (globalThis).uPlot;

const probe = document.createElement("i");
probe.hidden = true;
document.body.append(probe);
/** @param {string} name */
function colour(name) { probe.style.color = `var(${name})`; return getComputedStyle(probe).color; }
/** @param {string} rgb @param {number} alpha */
const faded = (rgb, alpha) => rgb.replace(/^rgb\(([^)]*)\)$/, `rgba($1, ${alpha})`);
/** @param {number} v */
const moment = v => v >= 60 && v % 60 === 0 ? `${v / 60} min` : `${+v.toFixed(2)} s`;

class TimeChart extends HTMLElement {
  points = /** @type {Point[]} */ ([]);
  lines = /** @type {Line[]} */ ([]);
  names = /** @type {Record<string, string>} */ ({});
  view = /** @type {View | null} */ (null);
  /** @type {any} */ chart = null;
  reading = Object.assign(document.createElement("output"), { className: "reading" });
  said = "";
  dragging = false;
  turned = () => this.again();
  pressed = () => this.asTable(this.button?.getAttribute("aria-pressed") !== "true");
  connectedCallback() {
    this.kind = KINDS[this.getAttribute("kind") ?? ""];
    this.title_ = this.closest(".card")?.querySelector("h2")?.textContent ?? "";
    this.legend = this.closest(".card")?.querySelector(".legend");
    this.button = this.closest(".card")?.querySelector("[data-table]");
    this.box = /** @type {HTMLElement} */ (this.querySelector(".canvas"));
    this.names = JSON.parse(this.dataset.names ?? "{}");
    this.sized = new ResizeObserver(() => this.chart?.setSize(this.room()));
    this.sized.observe(this);
    this.themed = new MutationObserver(() => this.again());
    this.themed.observe(root, { attributeFilter: ["data-theme"] });
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.dark.addEventListener("change", this.turned);
    this.button?.addEventListener("click", this.pressed);
  }
  disconnectedCallback() {
    this.sized?.disconnect(); this.themed?.disconnect(); this.button?.removeEventListener("click", this.pressed);
    this.dark?.removeEventListener("change", this.turned);
    this.drop();
  }
  drop() { this.chart?.destroy(); this.chart = null; }
  room() { return { width: Math.max(80, this.clientWidth), height: this.clientHeight }; }
  again() { this.drop(); if (this.view) this.show(this.points, this.view); }

  /** Draw the points of a session, in order. @param {Point[]} points @param {View} view */
  show(points, view) {
    Object.assign(this, { points, view });
    if (!points.length || !this.kind || !this.box) return;
    const seen = points.filter(p => p.at_s > view.from && p.at_s <= view.to + 1);
    const before = points.reduce((sum, p) => p.at_s > view.from ? sum : sum + p.cost_usd, view.base);
    const drawn = slots(seen, this.kind.bars ? MOST_BARS : Infinity);
    const lines = this.kind.lines(drawn, { cap: view.cap, base: before, names: this.names });
    if (lines.map(each => each.name).join() !== this.lines.map(each => each.name).join()) this.drop();
    this.lines = lines;
    this.named(lines);
    if (this.rows) { this.fill(seen, before); return; }
    const data = [drawn.map(p => p.at_s), ...this.stacked(lines).reverse()];
    if (!this.chart && uPlot) { this.box.replaceChildren(); this.chart = new uPlot(this.options(data), data, this.box); }
    else this.chart?.batch(() => { this.chart.setData(data, false); this.chart.setScale("x", { min: view.from, max: view.to }); });
    if (view.whole) this.box.setAttribute("aria-label", `${this.title_}. ${this.told()}`);
  }
  /** What is drawn of each line, the first one last: parts of a bar stand on each other. @param {Line[]} lines @returns {(number | null)[][]} */
  stacked(lines) {
    if (!this.kind?.bars) return lines.map(each => each.values);
    const sums = new Array(lines[0].values.length).fill(0);
    return lines.map(each => each.values.map((v, n) => sums[n] += v ?? 0));
  }
  /** Name the lines beside the title, with what must be known of them. @param {Line[]} lines */
  named(lines) {
    const words = lines.map(({ name, values }) => name === "Cap" && values.every(v => v === null) ? `Cap ${money(this.view?.cap ?? 0)}, drawn once it is near`
      : this.kind?.bands && values.every(v => v === null) ? `${name}: too few turns` : this.kind?.second ? `${name}, ${name === "Users" ? "right" : "left"}` : name);
    const said = [lines[0].note, ...words].join();
    if (!this.legend || this.said === said) return;
    this.said = said;
    this.legend.replaceChildren(...words.map((text, n) => {
      const key = document.createElement("span"), mark = document.createElement("i");
      mark.className = `s-${lines[n].colour.replace(/^--c?/, "")}`;
      key.append(mark, text);
      return key;
    }));
    if (lines[0].note) this.legend.prepend(Object.assign(document.createElement("span"), { textContent: lines[0].note }));
  }
  /** The picture in words. */
  told() {
    const { kind } = this;
    return this.lines.map(({ name, values }) => {
      const known = values.filter(v => v !== null);
      if (!known.length || !kind) return `${name}: too few`;
      return kind.bars ? `${name}: ${kind.say(known.reduce((a, b) => a + b, 0))} in all` : `${name} between ${kind.say(Math.min(...known))} and ${kind.say(Math.max(...known))}`;
    }).join("; ") + ".";
  }

  /** @param {boolean} on */
  asTable(on) {
    this.button?.setAttribute("aria-pressed", String(on));
    this.classList.toggle("as-table", on);
    this.rows?.remove();
    this.rows = undefined;
    if (!on) { this.again(); return; }
    this.drop();
    this.rows = Object.assign(document.createElement("div"), { className: "table", tabIndex: 0 });
    for (const [name, value] of [["role", "region"], ["aria-label", this.title_ ?? ""]]) this.rows.setAttribute(name, value);
    this.append(this.rows);
    if (this.view) this.show(this.points, this.view);
  }
  /** @param {Point[]} seen @param {number} base */
  fill(seen, base) {
    const { kind, view } = this, all = slots(seen, MOST_ROWS), lines = kind?.lines(all, { cap: view?.cap ?? 0, base, names: this.names }) ?? [];
    const table = document.createElement("table"), head = table.createTHead().insertRow(), body = table.createTBody();
    const none = kind?.bands ? "too few" : "";
    for (const [n, words] of ["Up to", ...lines.map(each => each.name)].entries()) head.append(Object.assign(document.createElement("th"), { textContent: words, scope: "col", className: n ? "n" : "" }));
    for (const [n, p] of all.entries()) {
      const row = body.insertRow();
      row.insertCell().textContent = `${p.at_s.toFixed(0)} s`;
      for (const line of lines) { const v = line.values[n]; Object.assign(row.insertCell(), { className: "n", textContent: v === null ? none : kind?.say(v) ?? "" }); }
    }
    this.rows?.replaceChildren(table);
  }

  /** @param {any[]} data */
  options(data) {
    const kind = /** @type {any} */ (this.kind), lines = [...this.lines].reverse(), view = /** @type {View} */ (this.view);
    const text = colour("--muted"), line = colour("--line"), font = "500 11px Inter, sans-serif";
    const axis = { stroke: text, font, grid: { stroke: line, width: 1 }, ticks: { show: false }, border: { show: false } };
    const paths = kind.step ? uPlot.paths.stepped({ align: -1 }) : kind.bars ? uPlot.paths.bars({ size: [0.8, 40], align: -1 }) : undefined;
    const above = () => (/** @type {any} */ u, /** @type {number} */ min, /** @type {number} */ max) => [0, Math.max(max || 0, kind.say === money ? 0.0001 : 1) * 1.08];
    const whole = kind.say === count;
    const series = lines.map(({ name, colour: variable }) => {
      const stroke = colour(variable), dotted = name === "Cap" || name === "Users", soft = kind.bands ? name === "p50" : !kind.bars && !dotted;
      return { label: name, scale: kind.second && dotted ? "other" : "y", stroke, width: kind.bars ? 0 : 1.75, dash: dotted ? [2, 5] : undefined,
        fill: kind.bars ? stroke : soft ? faded(stroke, 0.13) : undefined, points: { show: false }, paths, spanGaps: false };
    });
    return {
      ...this.room(), legend: { show: false }, padding: [12, kind.second ? 0 : 12, 0, 0],
      cursor: { sync: { key: "session" }, points: { size: 7, show: !kind.bars }, drag: { x: true, y: false, setScale: false } },
      scales: { x: { time: false, min: view.from, max: view.to, auto: false }, y: { range: above() }, other: { range: above() } },
      axes: [
        { ...axis, size: 28, values: (/** @type {any} */ u, /** @type {number[]} */ at) => at.map(moment), space: 64 },
        { ...axis, size: 64, values: (/** @type {any} */ u, /** @type {number[]} */ at) => at.map(v => whole && v % 1 ? "" : v ? kind.say(v) : "0") },
        ...(kind.second ? [{ ...axis, side: 1, scale: "other", size: 44, grid: { show: false }, values: (/** @type {any} */ u, /** @type {number[]} */ at) => at.map(v => v % 1 ? "" : count(v)) }] : []),
      ],
      series: [{}, ...series],
      bands: kind.bands ? lines.slice(1).map((_, n) => ({ series: [n + 1, n + 2], fill: faded(colour(lines[n].colour), 0.13) })) : [],
      hooks: { setCursor: [(/** @type {any} */ u) => this.read(u)], setSelect: [(/** @type {any} */ u) => this.chosen(u)], ready: [(/** @type {any} */ u) => this.ready(u.over)] },
    };
  }
  /** @param {HTMLElement} over */
  ready(over) {
    over.addEventListener("mousedown", () => { this.dragging = true; });
    over.addEventListener("dblclick", () => this.range(0, 0));
  }
  /** What was dragged over is the range of all charts. @param {any} u */
  chosen(u) {
    const { left, width } = u.select, range = [u.posToVal(left, "x"), u.posToVal(left + width, "x")], own = this.dragging;
    this.dragging = false;  // the other charts, linked by their cursors, are told the same
    if (width) u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    if (own && width > 4) this.range(range[0], range[1]);
  }
  /** @param {number} from @param {number} to */
  range(from, to) { this.dispatchEvent(new CustomEvent("range", { bubbles: true, detail: { from, to } })); }
  /** Say the values under the cursor. @param {any} u */
  read(u) {
    if (!this.reading.isConnected) this.box?.append(this.reading);
    const at = u.cursor.idx;
    this.reading.textContent = at == null || u.cursor.left < 0 ? "" : `${u.data[0][at].toFixed(0)} s: ` + this.lines
      .filter(line => line.values[at] !== null).map(line => `${line.name} ${this.kind?.say(/** @type {number} */ (line.values[at]))}`).join(", ");
  }
}
customElements.define("time-chart", TimeChart);
