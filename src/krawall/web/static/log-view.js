// @ts-check
/** <log-view session="ses_.." follow>: the messages of a session. Only the rows in sight are in the page; they are fetched by number. */

import { one, toast } from "./app.js";
import { ms } from "./chart-kinds.js";

const ROW = 28, LIMIT = 200, KEPT = 50, FOLLOW_MS = 500, AGAIN_MS = 1000, MOST_ROWS = 1_000_000, SPARE = 4;

class LogView extends HTMLElement {
  pages = /** @type {Map<number, any[]>} */ (new Map());
  /** How many messages there were when a page was asked for. */
  counted = /** @type {Map<number, number>} */ (new Map());
  found = /** @type {any[]} */ ([]);
  waiting = /** @type {Set<number>} */ (new Set());
  asked = new URLSearchParams();
  next = /** @type {number | null} */ (0);
  total = 0;
  told = -1;
  turn = 0;
  first = 0;
  frame = 0;
  filtered = false;
  held = false;
  following = false;
  /** @type {number | undefined} */ typing = undefined;
  /** @type {number | undefined} */ due = undefined;
  /** @type {number | undefined} */ retry = undefined;
  body = Object.assign(document.createElement("div"), { className: "log-body", tabIndex: 0 });
  space = Object.assign(document.createElement("div"), { className: "log-space" });
  jump = Object.assign(document.createElement("button"), { type: "button", className: "btn small jump", textContent: "Jump to newest", hidden: true });
  none = Object.assign(document.createElement("p"), { className: "log-none" });
  /** The rows in the page, by their place; `full`: the message was there. @type {Map<number, {line: HTMLElement, full: boolean}>} */ drawn = new Map();
  /** @type {HTMLElement} */ bar = this;
  connectedCallback() {
    this.path = `/api/v1/sessions/${this.getAttribute("session")}/messages`;
    this.following = this.hasAttribute("follow");
    for (const [name, value] of [["role", "log"], ["aria-live", "off"], ["aria-label", "Messages of the session"]]) this.body.setAttribute(name, value);
    this.body.append(this.none, this.space);
    this.replaceChildren(this.body, this.jump);
    this.body.addEventListener("scroll", () => this.moved(), { passive: true });
    this.jump.addEventListener("click", () => { this.following = true; this.toEnd(); });
    this.bar = this.parentElement ?? document.body;
    this.bar.addEventListener("input", () => { clearTimeout(this.typing); this.typing = window.setTimeout(() => this.reset(), 250); });
    one("#log-pause", this.bar)?.addEventListener("click", event => this.pause(/** @type {HTMLElement} */ (event.currentTarget)));
    one("#log-copy", this.bar)?.addEventListener("click", () => this.copy());
    this.reset();
  }
  disconnectedCallback() { clearTimeout(this.typing); clearTimeout(this.due); clearTimeout(this.retry); }

  /** @param {string} name */
  filter(name) { return /** @type {HTMLInputElement | null} */ (one(`[name=log-${name}]`, this.bar))?.value.trim() ?? ""; }
  /** Begin again with what the filters say. With filters rows have no known number, so pages follow each other. */
  async reset() {
    this.asked = new URLSearchParams(Object.entries({ search: this.filter("q"), error: this.filter("error"), step: this.filter("step") }).filter(([, v]) => v));
    this.filtered = this.asked.size > 0;
    this.turn += 1;
    this.clear();
    this.pages = new Map(); this.counted = new Map(); this.found = []; this.next = 0; this.total = 0; this.told = -1; this.waiting = new Set();
    this.body.scrollTop = 0;
    await (this.filtered ? this.more() : this.load(0));
    if (this.following && !this.filtered) this.toEnd();
  }
  /** Ask for rows; null when the server does not answer, and then it is asked again. @param {URLSearchParams} query @param {() => void} again */
  async ask(query, again) {
    const answer = await fetch(`${this.path}?${query}`).catch(() => null);
    if (answer?.ok) return answer.json();
    if (!answer || answer.status >= 500) this.retry ??= window.setTimeout(() => { this.retry = undefined; if (this.isConnected) again(); }, AGAIN_MS);
    return null;
  }
  /** @param {number} page */
  async load(page) {
    if (this.waiting.has(page)) return;
    this.waiting.add(page);
    const turn = this.turn, found = await this.ask(new URLSearchParams({ from: String(page * LIMIT), limit: String(LIMIT) }), () => this.total ? this.draw() : this.load(0));
    if (turn !== this.turn) return;
    this.waiting.delete(page);
    if (!found) return;
    this.pages.delete(page);
    this.pages.set(page, found.items);
    this.total = Math.max(this.total, found.newest + 1);
    this.counted.set(page, this.total);
    for (const old of this.pages.keys()) { if (this.pages.size <= KEPT) break; this.pages.delete(old); }
    this.grow(this.total);
  }
  /** Whether all of a page is here, as far as there are messages; or it is known that no more of it is to be had now. @param {number} page */
  complete(page) { return (this.pages.get(page)?.length ?? -1) >= Math.min(LIMIT, this.total - page * LIMIT) || (this.pages.has(page) && this.counted.get(page) === this.total); }
  /** The next rows that fit the filters. */
  async more() {
    if (this.next === null || this.waiting.has(-1)) return;
    this.waiting.add(-1);
    const turn = this.turn, query = new URLSearchParams(this.asked);
    for (const [name, value] of [["from", this.next], ["limit", LIMIT]]) query.set(String(name), String(value));
    const found = await this.ask(query, () => this.more());
    if (turn !== this.turn) return;
    this.waiting.delete(-1);
    if (!found) return;
    this.found.push(...found.items);
    this.next = found.next;
    this.grow(this.found.length);
    if (this.next !== null && this.found.length * ROW < this.body.clientHeight) this.more();
  }
  /** A tick says how many there are. @param {number} newest */
  grew(newest) {
    this.told = Math.max(this.told, newest);
    if (!this.filtered && !this.held && this.told + 1 > this.total) this.due ??= window.setTimeout(() => this.tail(), FOLLOW_MS);
  }
  /** The stream is there again: what came meanwhile is at the end. */
  caught() { if (!this.filtered && !this.held) this.due ??= window.setTimeout(() => this.tail(), FOLLOW_MS); }
  async tail() {
    const before = this.total;
    await this.load(Math.floor(Math.max(0, this.told, this.total - 1) / LIMIT));
    this.due = undefined;
    if (this.total > before && this.following && !this.held) this.toEnd();
  }
  /** @param {number} total */
  grow(total) {
    this.total = Math.max(total, this.filtered ? 0 : this.total);
    const first = Math.max(0, this.total - MOST_ROWS);
    if (first !== this.first) this.clear();
    this.first = first;
    this.space.style.height = `${Math.max(1, this.total - this.first) * ROW}px`;
    const words = one("#log-count", this.bar), plus = this.filtered && this.next !== null ? " or more" : "";
    if (words) words.textContent = `${this.total.toLocaleString("en")}${plus} message${this.total === 1 ? "" : "s"}`;
    this.draw();
  }
  clear() { this.drawn.clear(); this.space.replaceChildren(); }
  toEnd() { this.body.scrollTop = this.body.scrollHeight; this.draw(); }
  moved() {
    const below = this.body.scrollHeight - this.body.scrollTop - this.body.clientHeight;
    if (this.hasAttribute("follow")) this.following = below < ROW * 2;
    this.jump.hidden = below < ROW * 2 || this.filtered || !this.hasAttribute("follow");
    this.frame ||= requestAnimationFrame(() => { this.frame = 0; this.draw(); });
  }
  /** @param {HTMLElement} button */
  pause(button) {
    this.held = !this.held;
    button.setAttribute("aria-pressed", String(this.held));
    const words = one("span", button);
    if (words) words.textContent = this.held ? "Go on with log" : "Pause log";
    if (!this.held) this.caught();
  }
  /** @param {number} at */
  row(at) { return this.filtered ? this.found[at] : this.pages.get(Math.floor(at / LIMIT))?.[at % LIMIT]; }
  shown() {
    const from = Math.max(0, Math.floor(this.body.scrollTop / ROW) - SPARE);
    return { from, to: Math.min(this.total - this.first, from + Math.ceil(this.body.clientHeight / ROW) + 2 * SPARE) };
  }
  draw() {
    const { from, to } = this.shown();
    for (const [at, { line, full }] of this.drawn) if (at < from || at >= to || (!full && this.row(this.first + at))) { line.remove(); this.drawn.delete(at); }
    let after = null;
    for (let at = to - 1; at >= from; at--) {
      const line = this.drawn.get(at)?.line ?? this.line(this.first + at, at);
      if (!line.isConnected) this.space.insertBefore(line, after);
      this.drawn.set(at, { line, full: !!this.row(this.first + at) });
      after = line;
    }
    this.none.textContent = this.total ? "" : this.filtered ? "No message fits." : "No messages yet.";
    if (this.filtered) { if (to >= this.total) this.more(); return; }
    const last = Math.floor(Math.max(0, this.total - 1) / LIMIT), top = Math.floor((this.first + from) / LIMIT), bottom = Math.floor((this.first + Math.max(from, to - 1)) / LIMIT);
    for (const page of [...Array(bottom - top + 1).keys()].map(n => top + n).concat(bottom + 1, top - 1))  // what is in sight, then a page each way
      if (page >= 0 && page <= last && this.total && !this.complete(page)) this.load(page);
  }
  /** @param {number} number @param {number} at */
  line(number, at) {
    const row = document.createElement("a"), m = this.row(number);
    row.className = m?.error ? "log-row bad" : "log-row";
    row.style.top = `${at * ROW}px`;
    if (!m) { row.textContent = "…"; return row; }
    row.href = `/sessions/${this.getAttribute("session")}/conversations/${m.conversation}?t=${m.turn}`;
    row.tabIndex = -1;
    const tokens = m.tokens_out == null ? "" : `${m.tokens_out} tok`;
    const words = m.error ? `${m.error.replace(/_/g, " ")}: ${m.detail ?? ""}` : `${m.said ?? ""} → ${m.heard ?? ""}`;
    for (const text of [`${(m.at_ms / 1000).toFixed(2)} s`, `#${m.conversation}`, String(m.turn), m.status == null ? "" : String(m.status), m.latency_ms == null ? "" : ms(m.latency_ms), tokens, words.slice(0, 400)])
      row.append(Object.assign(document.createElement("span"), { textContent: text }));
    return row;
  }
  copy() {
    const { from, to } = this.shown(), lines = [];
    for (let at = from; at < to; at++) { const m = this.row(this.first + at); if (m) lines.push(JSON.stringify(m)); }
    navigator.clipboard?.writeText(lines.join("\n")).then(() => toast(`Copied ${lines.length} messages`), () => toast("The browser does not allow copying here", { tone: "bad" }));
  }
}
customElements.define("log-view", LogView);
