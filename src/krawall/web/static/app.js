// @ts-check
/** What every page needs: toasts, theme, sidebar, tooltips, times in the reader's zone, copying, and what happens when a request fails. */

const root = document.documentElement;
/** @param {string} selector @param {ParentNode} [from] @returns {HTMLElement | null} */
export const one = (selector, from = document) => from.querySelector(selector);

/** Remember a word in this browser; without a value forget it. @param {string} name @param {string} value */
export function remember(name, value) {
  try { value ? localStorage.setItem(name, value) : localStorage.removeItem(name); } catch { /* a private window */ }
}
/** @param {string} name */
export function recall(name) { try { return localStorage.getItem(name) ?? ""; } catch { return ""; } }

// toasts ----------------------------------------------------------------------------------------------------------------

const toasts = one("#toasts");

/** Say something at the corner. Errors stay until they are closed. @param {string} text @param {{tone?: string, hint?: string, again?: () => void}} [more] */
export function toast(text, { tone = "ok", hint = "", again } = {}) {
  if (!toasts) return;
  const made = document.createElement("div");
  made.className = `toast ${tone}`;
  if (tone === "bad") made.dataset.stays = "";
  const words = document.createElement("p");
  words.textContent = text;
  if (hint) words.append(Object.assign(document.createElement("small"), { textContent: hint }));
  made.append(words);
  if (again) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "again", textContent: "Try again" });
    button.addEventListener("click", () => { made.remove(); again(); });
    made.append(button);
  }
  const close = Object.assign(document.createElement("button"), { type: "button", textContent: "×" });
  close.dataset.close = "";
  close.setAttribute("aria-label", "Close");
  made.append(close);
  toasts.append(made);
  shown();
}

/** Bring toasts above everything and let those go that need not stay. What is outside of a modal dialog cannot be pressed, so they are in it. */
function shown() {
  const place = [...document.querySelectorAll("dialog:modal")].at(-1) ?? document.body;
  if (toasts && toasts.parentElement !== place) place.append(toasts);
  if (!toasts?.childElementCount) return;
  if (toasts.matches(":popover-open")) toasts.hidePopover();
  toasts.showPopover();
  for (const each of toasts.querySelectorAll(".toast:not([data-stays]):not([data-leaves])")) {
    each.setAttribute("data-leaves", "");
    setTimeout(() => leave(each), 4000);
  }
}
/** @param {Element} each */
function leave(each) {
  if (each.matches(":hover, :focus-within")) { setTimeout(() => leave(each), 1000); return; }
  each.remove();
  if (!toasts?.childElementCount && toasts?.matches(":popover-open")) toasts.hidePopover();
}
toasts?.addEventListener("click", event => {
  const target = /** @type {Element} */ (event.target);
  if (target.closest("[data-close]")) { target.closest(".toast")?.remove(); if (!toasts.childElementCount) toasts.hidePopover(); }
});
document.addEventListener("close", shown, true);
shown();

// theme and sidebar -----------------------------------------------------------------------------------------------------

function marked() {
  const now = root.dataset.theme ?? "";
  for (const each of document.querySelectorAll("[data-theme-to]"))
    each.setAttribute("aria-checked", String(/** @type {HTMLElement} */ (each).dataset.themeTo === now));
  const rail = root.dataset.nav === "rail", fold = one("[data-fold]"), words = fold && one(".lbl", fold);
  fold?.setAttribute("aria-expanded", String(!rail));
  if (words) words.textContent = rail ? "Expand" : "Collapse";
}
document.addEventListener("click", event => {
  const target = /** @type {Element} */ (event.target);
  const theme = /** @type {HTMLElement | null} */ (target.closest("[data-theme-to]"));
  if (theme) {
    const to = theme.dataset.themeTo ?? "";
    if (to) root.dataset.theme = to; else delete root.dataset.theme;
    remember("theme", to);
    one("#themes")?.hidePopover();
    marked();
  } else if (target.closest("[data-fold]")) {
    const rail = root.dataset.nav !== "rail";
    if (rail) root.dataset.nav = "rail"; else delete root.dataset.nav;
    remember("nav", rail ? "rail" : "");
    marked();
  } else if (target.closest("[data-copy]")) {
    const text = target.closest(".code")?.querySelector("code")?.textContent ?? "";
    navigator.clipboard?.writeText(text).then(() => toast("Copied"), () => toast("The browser does not allow copying here", { tone: "bad" }));
  }
});
marked();
document.addEventListener("change", event => {  // filters and choices that need no button where there are scripts
  const form = event.target instanceof HTMLElement && event.target.matches("select, input[type=radio]") ? event.target.closest("form[data-filters]") : null;
  if (form instanceof HTMLFormElement) form.requestSubmit();
});

// tooltips: on hover and focus, gone with Esc -----------------------------------------------------------------------------

const tip = one("#tip");
/** @param {Event} event */
function hint(event) {
  const target = event.target instanceof Element ? event.target.closest("[data-tip], [data-nav=rail] [data-rail-tip]") : null;
  if (!tip || !target) { if (tip?.matches(":popover-open")) tip.hidePopover(); return; }
  const owner = /** @type {HTMLElement} */ (target);
  tip.textContent = owner.dataset.tip ?? owner.dataset.railTip ?? "";
  tip.showPopover();
  const at = owner.getBoundingClientRect(), own = tip.getBoundingClientRect();
  const beside = owner.dataset.railTip !== undefined;
  const above = !beside && at.bottom + own.height + 12 > innerHeight;
  const left = beside ? at.right + 10 : Math.min(Math.max(8, at.left + at.width / 2 - own.width / 2), innerWidth - own.width - 8);
  tip.style.left = `${left}px`;
  tip.style.top = `${beside ? at.top + at.height / 2 - own.height / 2 : above ? at.top - own.height - 6 : at.bottom + 6}px`;
}
document.addEventListener("pointerover", hint);
document.addEventListener("focusin", event => {  // a frame later: what gives focus back may be a popover that is just closing
  if (/** @type {Element} */ (event.target).matches(":focus-visible")) requestAnimationFrame(() => hint(event));
});
for (const over of ["focusout", "pointerdown", "scroll"]) document.addEventListener(over, () => tip?.matches(":popover-open") && tip.hidePopover(), true);
document.addEventListener("keydown", event => { if (event.key === "Escape" && tip?.matches(":popover-open")) tip.hidePopover(); });

// what arrives ----------------------------------------------------------------------------------------------------------

const zone = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
/** Give times the reader's zone. @param {ParentNode} [within] */
export function localise(within = document) {
  for (const each of within.querySelectorAll("time[datetime][data-tip]"))
    each.setAttribute("data-tip", zone.format(new Date(each.getAttribute("datetime") ?? "")));
}
localise();
if (/Mac|iP(hone|ad)/.test(navigator.platform)) for (const each of document.querySelectorAll("[data-mac]")) each.textContent = each.getAttribute("data-mac");

let asking = 0, slow = 0;
document.addEventListener("htmx:before:request", event => {
  asking += 1;
  const target = /** @type {any} */ (event).detail.ctx.target;
  slow ||= window.setTimeout(() => { one("#busy")?.classList.add("on"); target?.setAttribute?.("aria-busy", "true"); }, 150);
});
document.addEventListener("htmx:finally:request", event => {
  asking = Math.max(0, asking - 1);
  if (asking) return;
  clearTimeout(slow);
  slow = 0;
  one("#busy")?.classList.remove("on");
  for (const each of document.querySelectorAll("[aria-busy]")) each.removeAttribute("aria-busy");
});
document.addEventListener("htmx:after:swap", event => {
  localise();
  if (!toasts?.isConnected) shown();  // the answer took the place of the dialog that they were in
  const into = /** @type {any} */ (event).detail.ctx?.target;
  if (into instanceof HTMLDialogElement && !into.open) into.showModal();  // what was asked for is there
  const wrong = one("form [aria-invalid=true], form [role=alert]");
  if (wrong && !wrong.closest("[data-seen]")) { wrong.setAttribute("data-seen", ""); wrong.focus(); }
});

/** Say why a request failed, and offer to try again. What was typed stays where it is. @param {any} ctx @param {string} text @param {string} [why] */
function failed(ctx, text, why = "") {
  const source = ctx?.sourceElement;
  const trigger = source?.getAttribute("hx-trigger") ?? "click", event = trigger.split(/[\s,]/)[0];
  const repeat = () => source.matches("form") ? source.requestSubmit() : event === "click" ? source.click() : source.dispatchEvent(new CustomEvent(event));
  const again = source?.isConnected && !trigger.includes("from:") ? repeat : undefined;
  if (!source?.closest("#palette")) toast(text, { tone: "bad", hint: why, again });
}
document.addEventListener("htmx:response:error", event => {
  const ctx = /** @type {any} */ (event).detail.ctx;
  if ([409, 422].includes(ctx.response.status) && !ctx.response.headers.get("content-type")?.includes("json")) return;
  let problem = { detail: `The server answered ${ctx.response.status}`, hint: "" };
  try { problem = { ...problem, ...JSON.parse(ctx.text) }; } catch { /* not ours */ }
  failed(ctx, problem.detail, problem.hint);
});
document.addEventListener("htmx:error", event => {
  const detail = /** @type {any} */ (event).detail;
  if (detail.error?.name === "AbortError" && detail.ctx?.request?.signal?.reason !== "timeout") return;
  failed(detail.ctx, "The server does not answer", "Nothing you typed is lost.");
});
