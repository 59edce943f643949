// @ts-check
/** The flow builder: selecting, keys, drag and drop, folded lanes. Every deed is a form of the page; this fills it in and sends it. */

import { one, recall } from "./app.js";
import "./builder-drag.js";

/** @typedef {{serial?: number, request: {method: string}, response?: {status: number}, target?: Element, sourceElement?: HTMLElement}} Context */
const htmx = /** @type {any} */ (window).htmx;
const builder = () => /** @type {HTMLElement} */ (one("#builder"));
const selected = () => builder().dataset.selected ?? "";
/** @param {string} id */
const pick = id => /** @type {HTMLAnchorElement | null} */ (one(`#step-${CSS.escape(id)} > .card > .pick`));

/** Send a deed. The card that it is about gets the focus. @param {string} name @param {Record<string, string | number>} values */
export function deed(name, values) {
  const form = /** @type {HTMLFormElement | null} */ (one("#deeds"));
  if (!form) return;
  for (const field of form.querySelectorAll("input")) if (field.name !== "csrf") field.value = String(values[field.name] ?? "");
  form.setAttribute("action", `${form.dataset.deeds}${name}`);
  form.setAttribute("hx-post", `${form.dataset.deeds}${name}`);
  toCard = true;
  form.requestSubmit();
}
document.addEventListener("builder:deed", event => {
  const { name, values } = /** @type {CustomEvent} */ (event).detail;
  deed(name, values);
});

// answers: an older one never overwrites what was typed since, and nobody leaves while one is under way ----------------------

let asked = 0, waiting = 0, toCard = false, failed = false, leaving = "";
/** @param {Event} event @returns {Context} */
const context = event => /** @type {CustomEvent} */ (event).detail.ctx;
/** @param {Context} ctx */
const ours = ctx => ctx.request.method === "POST" && (ctx.target?.id === "builder" || !!ctx.sourceElement?.closest("#builder"));

document.addEventListener("htmx:config:request", event => {
  const ctx = context(event);
  if (ours(ctx)) { ctx.serial = ++asked; waiting += 1; }
});
document.addEventListener("htmx:before:swap", event => {
  const ctx = context(event);
  if (ctx.serial && ctx.serial < asked && ctx.response?.status === 200) event.preventDefault();
});
document.addEventListener("htmx:finally:request", event => {
  const ctx = context(event);
  if (!ctx.serial) return;
  waiting -= 1;
  failed = !ctx.response || ctx.response.status >= 500;
  if (failed || (ctx.response?.status ?? 0) >= 400) leaving = "";
  if (!waiting && leaving) location.assign(leaving);
});
document.addEventListener("click", event => {
  const link = event.target instanceof Element ? event.target.closest("a[href]:not(.pick)") : null;
  if (!(link instanceof HTMLAnchorElement) || !waiting || event.ctrlKey || event.metaKey || event.button) return;
  event.preventDefault();
  leaving = link.href;
}, true);
document.addEventListener("htmx:after:swap", event => {
  const ctx = context(event);
  if (ctx.target?.id !== "builder" && ctx.target?.id !== "inspector") return;
  stand();
  if (ctx.target.id === "inspector") return;
  /** @type {HTMLDialogElement | null} */ (one(`#${ctx.sourceElement?.dataset.closes ?? "none"}`))?.close();
  if (one("#reckoning[hx-get]")) htmx.trigger("#reckoning", "stale");
  const lost = document.activeElement === document.body;
  if (toCard || lost) pick(selected())?.focus();
  toCard = false;
});

/** Choices as the answer has them, lanes as they were folded, the selected step in sight. */
function stand() {
  for (const field of builder().querySelectorAll("input, option")) {
    if (field === document.activeElement || field.parentElement === document.activeElement) continue;
    if (field instanceof HTMLOptionElement) field.selected = field.defaultSelected;
    else if (field instanceof HTMLInputElement) field.checked = field.defaultChecked;
  }
  for (let at = pick(selected())?.closest("details"); at; at = at.parentElement?.closest("details")) folded.delete(at.id);
  for (const id of folded) one(`#${CSS.escape(id)}`)?.removeAttribute("open");
}

// folded lanes -------------------------------------------------------------------------------------------------------------

/** @type {Set<string>} */
const folded = new Set(innerWidth < 600 ? ["kit"] : []);
document.addEventListener("toggle", event => {
  const lane = event.target;
  if (!(lane instanceof HTMLDetailsElement) || !lane.matches(".inside, .kit")) return;
  if (lane.open) folded.delete(lane.id); else folded.add(lane.id);
}, true);
stand();

// selecting: at once here, the inspector from the server ---------------------------------------------------------------------

let soon = 0;
/** @param {string} id */
function choose(id) {
  const link = pick(id), fields = /** @type {HTMLFormElement | null} */ (one("#step-fields"));
  if (!link) return;
  if (failed && fields) { fields.requestSubmit(); return; }  // what was typed is not kept yet: this step stays until it is
  for (const each of builder().querySelectorAll(".pick[aria-current]")) each.removeAttribute("aria-current");
  link.setAttribute("aria-current", "true");
  link.focus();
  builder().dataset.selected = id;
  const after = /** @type {HTMLInputElement | null} */ (one("#kit [name=after]"));
  if (after) after.value = id;
  clearTimeout(soon);
  soon = window.setTimeout(() => htmx.ajax("GET", link.href, {
    source: "#canvas", target: "#inspector", swap: "outerMorph", replace: link.getAttribute("href"), headers: { "HX-Target": "aside#inspector" },
  }), 30);
}
document.addEventListener("click", event => {
  const link = event.target instanceof Element ? event.target.closest("a.pick") : null;
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  choose(/** @type {HTMLElement} */ (link.closest(".step")).dataset.step ?? "");
});
document.addEventListener("click", event => {
  if (event.target instanceof Element && event.target.closest("#kit [data-kit]")) toCard = true;
}, true);

// keys ---------------------------------------------------------------------------------------------------------------------

/** @type {Record<string, string>} */
const WAYS = { ArrowUp: "up", ArrowDown: "down", ArrowRight: "in", ArrowLeft: "out" };
/** @param {KeyboardEvent} event @returns {(() => void) | undefined} */
function meant(event) {
  const at = /** @type {HTMLElement} */ (document.activeElement ?? document.body), step = selected();
  const word = event.metaKey || event.ctrlKey, key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (word && !event.altKey && key === "s") return () => { at.dispatchEvent(new Event("change", { bubbles: true })); one("#save")?.click(); };
  if (at.matches("textarea, select, input:not([type=checkbox], [type=radio])")) return;
  if (word && !event.altKey && key === "z") return () => one(event.shiftKey ? "#redo" : "#undo")?.click();
  const free = at === document.body || at.id === "main" || !!at.closest("#canvas");
  if (at.closest("#kit") && (key === "ArrowDown" || key === "ArrowUp" || key === "Escape")) return () => kit(key, at);
  if (!free || !step || !one("#canvas")) return key === "a" && one("#kit") && free && single(event) ? () => kit("") : undefined;
  if (event.altKey && !word && WAYS[key]) return () => deed("nudge", { step, way: WAYS[key] ?? "" });
  if (word && key === "d") return () => deed("duplicate", { step });
  if (word || event.altKey) return;
  if (key === "Delete" || key === "Backspace") return () => deed("remove", { step });
  if (key === "ArrowDown" || key === "ArrowUp") return () => walk(key === "ArrowDown" ? 1 : -1);
  if (key === "a" && one("#kit") && single(event)) return () => kit("");
}
/** @param {KeyboardEvent} event */
const single = event => recall("keys") !== "off" && !event.ctrlKey && !event.metaKey && !event.altKey;

document.addEventListener("keydown", event => {
  if (event.defaultPrevented || event.isComposing || document.querySelector("dialog[open], [role=menu]:popover-open")) return;
  const doing = meant(event);
  if (!doing) return;
  event.preventDefault();
  doing();
});

/** To the step before or after, of those that show. @param {number} by */
function walk(by) {
  const all = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("#canvas .step")].filter(each => each.checkVisibility()));
  const now = all.findIndex(each => each.dataset.step === selected());
  const to = document.activeElement?.closest("#canvas") ? now + by : now;
  choose(all[Math.min(Math.max(to, 0), all.length - 1)]?.dataset.step ?? "");
}

/** Into the kit, through it, and back to the card. @param {string} key @param {HTMLElement} [at] */
function kit(key, at) {
  if (key === "Escape") { pick(selected())?.focus(); return; }
  one("#kit")?.setAttribute("open", "");
  const all = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("#kit [data-kit]")]);
  const now = at ? all.indexOf(at) : -1;
  all[(now + (key === "ArrowUp" ? -1 : 1) + all.length) % all.length]?.focus();
}

// the text: its line numbers, and from an error to its place ------------------------------------------------------------------

document.addEventListener("input", event => {
  const text = event.target, gutter = one("#gutter");
  if (!(text instanceof HTMLTextAreaElement) || text.id !== "yaml" || !gutter) return;
  const lines = text.value.split("\n").length;
  while (gutter.childElementCount > lines) gutter.lastElementChild?.remove();
  while (gutter.childElementCount < lines) gutter.append(Object.assign(document.createElement("li"), { textContent: gutter.childElementCount + 1 }));
});
document.addEventListener("click", event => {
  const spot = /** @type {HTMLElement | null} */ (event.target instanceof Element ? event.target.closest(".spot") : null);
  const text = /** @type {HTMLTextAreaElement | null} */ (one("#yaml"));
  if (!spot || !text) return;
  event.preventDefault();
  const line = Number(spot.dataset.line) - 1;
  const at = text.value.split("\n").slice(0, line).reduce((sum, each) => sum + each.length + 1, 0) + Number(spot.dataset.column) - 1;
  text.focus();
  text.setSelectionRange(at, at);
  one("#gutter")?.children[line]?.scrollIntoView({ block: "center" });
});
