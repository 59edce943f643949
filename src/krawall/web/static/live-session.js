// @ts-check
/** <live-session session="ses_..">: follows the stream of one session and hands what comes to tiles, charts and log. */

import { one } from "./app.js";
import { count, money, ms } from "./chart-kinds.js";

const HIDDEN_MS = 30_000, STALE_MS = 3_000, AGAIN_MS = 1_000, MOST = 100_000, SAID_MS = 5_000, WINDOW_S = 120;
/** @type {Record<string, string>} */
const PHASES = { "warm-up": "Warming up", measure: "Measuring", "cool-down": "Cooling down" };
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
/** @param {number} s */
const lasting = s => s < 59.5 ? `${s < 10 ? s.toFixed(1) : s.toFixed(0)} s` : s < 3600 ? `${Math.floor(s / 60)} min ${Math.round(s % 60)} s` : `${Math.floor(s / 3600)} h ${Math.round(s % 3600 / 60)} min`;
/** @param {any} numbers @param {string} name @param {number} needed */
const figure = (numbers, name, needed = 1) => numbers && numbers.count >= needed ? ms(numbers[name]) : "too few";
/** @param {number} part @param {number} whole */
const share = (part, whole) => !part || !whole ? "0 %" : `${(100 * part / whole).toFixed(100 * part / whole < 10 ? 2 : 1)} %`;

class LiveSession extends HTMLElement {
  seconds = /** @type {Map<number, any>} */ (new Map());
  /** @type {any} */ picture = null;
  range = { from: 0, to: 0 };
  last = 0;
  heard = Date.now();
  spoke = 0;
  frame = 0;
  seen = () => this.look();
  connectedCallback() {
    this.path = `/api/v1/sessions/${this.getAttribute("session")}`;
    this.live = this.getAttribute("state") !== "finished";
    const asked = new URLSearchParams(location.search);
    this.range = { from: Number(asked.get("from")) || 0, to: Number(asked.get("to")) || 0 };
    this.addEventListener("range", event => this.zoom(/** @type {CustomEvent} */ (event).detail));
    one("#range", this)?.addEventListener("submit", event => { event.preventDefault(); this.typed(); });
    one("#whole", this)?.addEventListener("click", () => this.zoom({ from: 0, to: 0 }));
    document.addEventListener("visibilitychange", this.seen);
    if (this.live) { this.open(); this.watch = setInterval(() => this.stale(), 1000); }
    else if (this.querySelector("time-chart")) this.fill(0).then(() => this.draw());
  }
  disconnectedCallback() {
    document.removeEventListener("visibilitychange", this.seen);
    clearInterval(this.watch); clearTimeout(this.closing); this.close();
    cancelAnimationFrame(this.frame);
  }
  look() {
    clearTimeout(this.closing);
    if (document.hidden) this.closing = setTimeout(() => this.close(), HIDDEN_MS);
    else if (this.live) this.open();
  }
  close() { clearTimeout(this.again); this.source?.close(); this.source = undefined; }
  open() {
    if (this.source) return;
    const source = this.source = new EventSource(this.last ? `${this.path}/stream?after=${this.last}` : `${this.path}/stream`);
    source.addEventListener("snapshot", event => { this.last = Math.max(this.last, Number(event.lastEventId)); this.snapshot(JSON.parse(event.data)); });
    source.addEventListener("event", event => this.happened(Number(event.lastEventId), JSON.parse(event.data)));
    source.addEventListener("tick", event => this.tick(JSON.parse(event.data)));
    source.addEventListener("end", () => { this.live = false; this.close(); this.dispatchEvent(new CustomEvent("renewed")); });
    source.addEventListener("error", () => {  // a cut is tried again by the browser; an answer that is no stream is not
      if (source.readyState !== EventSource.CLOSED || this.source !== source) return;
      this.close();
      this.again = setTimeout(() => { if (this.isConnected && this.live && !document.hidden) this.open(); }, AGAIN_MS);
    });
  }

  /** @param {any} found */
  async snapshot(found) {
    this.heard = Date.now();
    const known = Math.max(-1, ...this.seconds.keys()), first = found.ticks[0]?.second ?? 0;
    for (const { second, point } of found.ticks) this.seconds.set(second, point);
    if (found.session.state !== this.getAttribute("state") && found.session.state !== "finished") this.renew(found.session.state);
    if (known >= 0 && first > known + 1) await this.fill(known + 1);  // the hole of a reconnection
    if (found.picture) this.picture = found.picture;
    /** @type {any} */ (this.querySelector("log-view"))?.caught();
    this.later();
  }
  /** @param {number} id @param {any} event */
  happened(id, event) {
    if (id <= this.last) return;
    this.last = id;
    this.heard = Date.now();
    const said = one("#said"), words = String(event.type ?? "").replace(/^session\./, "Session ").replace(/[._]/g, " ");
    if (said && this.heard - this.spoke > SAID_MS) { said.textContent = words; this.spoke = this.heard; }
    if (event.type === "session.started") this.renew("running");
    else one("#state")?.dispatchEvent(new CustomEvent("changed"));
  }
  /** Another state has another page. @param {string} state */
  renew(state) {
    if (this.getAttribute("tab")) { one("#state")?.dispatchEvent(new CustomEvent("changed")); return; }
    this.setAttribute("state", state);
    this.dispatchEvent(new CustomEvent("renewed"));
  }
  /** @param {any} tick */
  tick(tick) {
    this.heard = Date.now();
    if (tick.point) this.seconds.set(tick.second, tick.point);
    if (tick.picture) this.picture = tick.picture;
    if (tick.newest != null) /** @type {any} */ (this.querySelector("log-view"))?.grew(tick.newest);
    this.later();
  }
  later() { this.frame ||= requestAnimationFrame(() => { this.frame = 0; if (this.picture) this.show(this.picture); this.draw(); }); }

  /** Read seconds that were missed, or all of a finished session. @param {number} since */
  async fill(since) {
    /** @type {number | null} */ let from = since;
    while (from !== null && this.seconds.size < MOST) {
      /** @type {Response | null} */ const answer = await fetch(`${this.path}/ticks?since=${from}&limit=5000`).catch(() => null);
      if (!answer?.ok) return;  // the hole stays visible
      /** @type {any} */ const page = await answer.json();
      for (const { second, point } of page.items) this.seconds.set(second, point);
      from = page.next;
    }
  }
  draw() {
    const cap = Number(one("#charts", this)?.dataset.cap ?? 0), whole = this.getAttribute("state") === "finished";
    const points = [...this.seconds.keys()].sort((a, b) => a - b).map(second => this.seconds.get(second));
    if (!points.length) return;
    const last = points[points.length - 1].at_s, zoomed = this.range.to > this.range.from;
    const known = points.reduce((sum, p) => sum + p.cost_usd, 0);
    const now = whole ? { from: Math.max(0, points[0].at_s - 1), to: last } : { from: Math.max(0, last - WINDOW_S), to: Math.max(last, WINDOW_S / 4) };
    const view = { cap, base: whole ? 0 : Math.max(0, (this.picture?.cost_usd ?? 0) - known), whole, zoomed, ...(zoomed ? this.range : now) };
    for (const chart of this.querySelectorAll("time-chart")) /** @type {any} */ (chart).show?.(points, view);
    this.bounds(view);
  }
  /** Show a part of the time in all charts; nothing of it: all, or the newest. Kept in the address. @param {{from: number, to: number}} range */
  zoom({ from, to }) {
    this.range = to - from >= 1 ? { from: Math.max(0, Math.round(from)), to: Math.round(to) } : { from: 0, to: 0 };
    const url = new URL(location.href);
    for (const [name, at] of Object.entries(this.range)) if (this.range.to) url.searchParams.set(name, String(at)); else url.searchParams.delete(name);
    history.replaceState(history.state, "", url);
    this.draw();
    if (this.range.to && this.range.from < Math.min(...this.seconds.keys())) this.fill(this.range.from).then(() => this.draw());
  }
  typed() { this.zoom({ from: Number(this.field("from")?.value), to: Number(this.field("to")?.value) }); }
  /** @param {string} name */
  field(name) { return /** @type {HTMLInputElement | null} */ (one(`#range [name=${name}]`, this)); }
  /** @param {{from: number, to: number, zoomed: boolean}} view */
  bounds(view) {
    for (const name of /** @type {const} */ (["from", "to"])) {
      const field = this.field(name);
      if (field && field !== document.activeElement) field.value = String(Math[name === "to" ? "ceil" : "floor"](view[name]));
    }
    one("#whole", this)?.toggleAttribute("hidden", !view.zoomed);
  }

  /** Put the newest numbers into their places. @param {any} p */
  show(p) {
    const failed = Object.values(/** @type {Record<string, number>} */ (p.errors)).reduce((a, b) => a + b, 0), all = p.turns + failed, { latency, ttft } = p.metrics;
    const values = {
      turns: count(p.turns), throughput: `${p.turns_per_s.toFixed(1)} /s`, users: count(p.users), conversations: count(p.conversations.started), "in-flight": `${count(p.in_flight)} in flight`,
      p50: figure(latency, "p50"), p95: figure(latency, "p95", 20), p99: figure(latency, "p99", 100), ttft: figure(ttft, "p95", 20),
      errors: share(failed, all), "errors-of": `${count(failed)} of ${count(all)}`, cost: money(p.cost_usd), phase: PHASES[p.phase] ?? p.phase,
      elapsed: lasting(p.elapsed_s), left: p.left_s == null ? "" : `about ${lasting(p.left_s)} left`,
    };
    for (const [name, text] of Object.entries(values)) {
      const place = one(`[data-live-value="${name}"]`, this);
      if (place && place.textContent !== text) place.textContent = text;
    }
    const bar = /** @type {HTMLProgressElement | null} */ (one("#progress", this)), warning = one("#warning", this), none = one("#no-errors", this);
    if (bar && p.progress != null) bar.value = p.progress;
    if (warning) { warning.hidden = !p.warning; const words = one("span", warning); if (words) words.textContent = p.warning; }
    if (none) none.hidden = failed > 0;
    for (const row of this.querySelectorAll("[data-kind]")) {
      const n = p.errors[row.getAttribute("data-kind") ?? ""] ?? 0, number = one("b", row);
      row.toggleAttribute("hidden", !n);
      if (number) number.textContent = count(n);
    }
  }
  /** Say when nothing has come for a while; the numbers stay, dimmed. */
  stale() {
    const place = one("#stale", this), words = place && one("span", place);
    const away = this.source?.readyState !== EventSource.OPEN || (this.getAttribute("state") === "running" && !one("#state[data-paused]"));
    const late = away && Date.now() - this.heard > STALE_MS && !document.hidden;
    if (!place || place.hidden === !late) return;
    place.hidden = !late;
    this.toggleAttribute("stale", late);
    if (late && words) words.textContent = `Reconnecting, last update ${clock.format(this.heard)}`;
  }
}
customElements.define("live-session", LiveSession);
