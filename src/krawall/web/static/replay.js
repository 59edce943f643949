// @ts-check
/** <conversation-replay length="ms" at="ms">: the clock of a conversation. Everything it moves is in the page already; the address
 * keeps where it stands. While the conversation is under way, new turns are taken over from the page as the server has it then. */

import { one, recall } from "./app.js";

const SPEEDS = [0.25, 0.5, 1, 2, 4, 8, 16, 32];
const NEAR_MS = 0.5, MOST_STEP_MS = 250, ADDRESS_MS = 1000, LOOK_MS = 1000;

/** @param {number} ms */
const clock = ms => `${Math.floor(ms / 60_000)}:${String(Math.floor(ms / 1000) % 60).padStart(2, "0")}.${Math.floor(ms / 100) % 10}`;
/** @param {Element} each @param {string} name */
const number = (each, name) => Number(each.getAttribute(name));

class ConversationReplay extends HTMLElement {
  connectedCallback() {
    this.at = number(this, "at");
    this.speed = SPEEDS.indexOf(1);
    this.gather();
    this.scrub = /** @type {HTMLInputElement} */ (one("[data-scrub]", this));
    this.addEventListener("click", event => this.pressed(event));
    this.addEventListener("changed", () => this.look());
    this.scrub.addEventListener("input", () => { this.pause(); this.show(Number(this.scrub?.value)); });
    this.scrub.addEventListener("change", () => this.keep());
    this.keyed = (/** @type {KeyboardEvent} */ event) => this.key(event);
    document.addEventListener("keydown", this.keyed);
    this.show(this.at);
    if (this.at < (this.span ?? 0)) this.reveal();
  }

  disconnectedCallback() {
    this.pause();
    clearTimeout(this.looking);
    if (this.keyed) document.removeEventListener("keydown", this.keyed);
  }

  /** Read what is in the page. */
  gather() {
    this.span = number(this, "length");
    this.turns = [...this.querySelectorAll(".turn")].map(part => ({
      part, begin: number(part, "data-begin"), end: number(part, "data-end"), bar: one(`[data-bar="${part.id.slice(5)}"]`, this),
      first: part.hasAttribute("data-first") ? number(part, "data-first") : Infinity, waiting: one(".pending span", part),
    }));
    this.odd = [...this.querySelectorAll("[data-odd]")].map(link => ({ at: number(link, "data-to"), words: link.getAttribute("data-odd") ?? "" }));
    this.line = one("[data-now]", this);
  }

  /** Something may be new: ask for it, at most once a second. */
  look() {
    this.looking ||= window.setTimeout(() => { this.looking = 0; this.renew().catch(() => undefined); }, LOOK_MS - Math.min(LOOK_MS, performance.now() - (this.looked ?? 0)));
  }

  /** Take over the turns that are new or stand otherwise now, and what sums them up. Who has gone back stays where they are. */
  async renew() {
    this.looked = performance.now();
    const answer = await fetch(location.pathname);
    const found = answer.ok ? new DOMParser().parseFromString(await answer.text(), "text/html") : null, newer = found && one("conversation-replay", found);
    if (!found || !newer || !this.isConnected) return;
    const atEnd = (this.at ?? 0) >= (this.span ?? 0) - NEAR_MS && !this.hasAttribute("playing"), before = this.turns?.length;
    for (const part of newer.querySelectorAll(".turn")) {
      const own = one(`#${part.id}`, this);
      if (own && own.dataset.state === part.getAttribute("data-state")) continue;
      if (own) own.replaceWith(part); else one(".talk", this)?.append(part);
      /** @type {any} */ (window).htmx?.process(part);
    }
    for (const name of [".timeline", "#odd", "#facts", "#ending", ".coming"]) {
      const own = one(name), next = one(name, found);
      if (own && next && own.innerHTML !== next.innerHTML) own.replaceWith(next); else if (own && !next) own.remove();
    }
    this.setAttribute("length", newer.getAttribute("length") ?? "0");
    if (!newer.hasAttribute("data-follows")) this.removeAttribute("data-follows");
    this.gather();
    if (this.scrub) this.scrub.max = String(Math.max(this.span ?? 0, 1));
    one("[data-next-odd]", this)?.toggleAttribute("hidden", !this.odd?.length);
    one("[data-newest]", this)?.toggleAttribute("hidden", !this.hasAttribute("data-follows"));
    this.show(atEnd ? this.span ?? 0 : this.at ?? 0);
    if (atEnd && this.turns?.length !== before) this.reveal();
  }

  /** @param {MouseEvent} event */
  pressed(event) {
    const on = /** @type {Element} */ (event.target).closest("[data-play], [data-step], [data-speed], [data-next-odd], [data-newest], [data-to]");
    if (!on || event.metaKey || event.ctrlKey || event.shiftKey) return;
    if (on.hasAttribute("data-play")) this.toggle();
    else if (on.hasAttribute("data-step")) this.step(number(on, "data-step"));
    else if (on.hasAttribute("data-speed")) this.pace(number(on, "data-speed"));
    else if (on.hasAttribute("data-next-odd")) this.nextOdd();
    else if (on.hasAttribute("data-newest")) this.go(this.span ?? 0);
    else { event.preventDefault(); this.go(number(on, "data-to")); }
  }

  /** Space and arrows; letters and signs are on the buttons they press. @param {KeyboardEvent} event */
  key(event) {
    const target = /** @type {Element} */ (event.target);
    if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey || event.shiftKey || document.querySelector("dialog[open], [role=menu]:popover-open")) return;
    const own = target === this.scrub;
    if (!own && target.closest("input, textarea, select, pre, [contenteditable]")) return;
    if (event.key === " " && (own || !target.closest("button, summary")) && recall("keys") !== "off") this.toggle();
    else if (event.key === "ArrowRight") this.step(1);
    else if (event.key === "ArrowLeft") this.step(-1);
    else return;
    event.preventDefault();
  }

  toggle() { if (this.hasAttribute("playing")) { this.pause(); this.keep(); } else this.play(); }

  play() {
    if ((this.at ?? 0) >= (this.span ?? 0)) this.show(0);
    this.setAttribute("playing", "");
    this.last = performance.now();
    this.kept = this.last;
    this.frame = requestAnimationFrame(now => this.tick(now));
  }

  pause() {
    this.removeAttribute("playing");
    if (this.frame) cancelAnimationFrame(this.frame);
    this.frame = 0;
  }

  /** @param {number} now */
  tick(now) {
    const passed = Math.min(Math.max(now - (this.last ?? now), 0), MOST_STEP_MS) * SPEEDS[this.speed ?? 2];
    const before = this.current;
    this.last = now;
    this.show((this.at ?? 0) + passed);
    if (this.current !== before) this.reveal();
    if ((this.at ?? 0) >= (this.span ?? 0)) { this.pause(); this.keep(); return; }
    if (now - (this.kept ?? 0) > ADDRESS_MS) { this.keep(); this.kept = now; }
    this.frame = requestAnimationFrame(next => this.tick(next));
  }

  /** To the end of the next turn, or of the one before. @param {number} way */
  step(way) {
    const ends = this.turns?.map(each => each.end) ?? [], at = this.at ?? 0;
    const to = way > 0 ? ends.find(end => end > at + NEAR_MS) : ends.findLast(end => end < at - NEAR_MS);
    this.go(to ?? (way > 0 ? this.span ?? 0 : 0));
  }

  /** @param {number} way */
  pace(way) {
    this.speed = Math.min(Math.max((this.speed ?? 2) + way, 0), SPEEDS.length - 1);
    const rate = one("[data-rate]", this);
    if (rate) rate.textContent = `${SPEEDS[this.speed]}×`;
  }

  /** To the next thing out of the ordinary; after the last one to the first. Those of one turn are one stop. */
  nextOdd() {
    const all = this.odd ?? [];
    const next = all.find(each => each.at > (this.at ?? 0) + NEAR_MS) ?? all[0];
    if (!next) return;
    this.go(next.at);
    const said = one("#said");
    if (said) said.textContent = all.filter(each => each.at === next.at).map(each => each.words).join(", ");
  }

  /** @param {number} ms */
  go(ms) {
    this.pause();
    this.show(ms);
    this.keep();
    this.reveal();
  }

  /** Set the clock: what is later is not there yet, what is under way waits. @param {number} ms */
  show(ms) {
    const at = this.at = Math.min(Math.max(ms, 0), this.span ?? 0), text = clock(at);
    this.current = undefined;
    for (const each of this.turns ?? []) {
      const begun = each.begin <= at + NEAR_MS, over = each.end <= at + NEAR_MS;
      each.part.classList.toggle("ahead", !begun);
      each.part.classList.toggle("answering", begun && !over);
      if (begun && !over && each.waiting) each.waiting.textContent = each.first <= at ? "replying" : each.first < Infinity ? "waiting for the first token" : "waiting for the reply";
      if (begun) this.current = each;
    }
    for (const each of this.turns ?? []) {
      each.bar?.toggleAttribute("data-current", each === this.current);
      if (each === this.current) each.part.setAttribute("aria-current", "step"); else each.part.removeAttribute("aria-current");
    }
    const share = `${100 * at / Math.max(this.span ?? 0, 1)}%`;
    this.line?.setAttribute("x1", share);
    this.line?.setAttribute("x2", share);
    if (this.scrub) { this.scrub.value = String(at); this.scrub.setAttribute("aria-valuetext", text); }
    const said = one("[data-clock]", this);
    if (said) said.textContent = `${text} of ${clock(this.span ?? 0)}`;
  }

  reveal() { this.current?.part.scrollIntoView({ block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" }); }

  /** Write where it stands into the address; at the end it says nothing. */
  keep() {
    const address = new URL(location.href), at = this.at ?? 0;
    address.hash = "";
    if (at >= (this.span ?? 0)) address.searchParams.delete("t"); else address.searchParams.set("t", String(Math.ceil(at) / 1000));
    history.replaceState(history.state, "", address);
  }
}
customElements.define("conversation-replay", ConversationReplay);
