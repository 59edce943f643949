// @ts-check
/** The palette: narrows what stands in it by letters, walks it by arrows, opens what is chosen. What the server finds htmx brings. */

import { one } from "./app.js";

const palette = /** @type {HTMLDialogElement | null} */ (one("#palette"));
const input = /** @type {HTMLInputElement | null} */ (one("#palette-input"));
const list = one("#palette-list");
const none = palette?.querySelector(".none");

/** @returns {HTMLElement[]} */
const options = () => [...(list?.querySelectorAll("[role=option]:not([hidden])") ?? [])].map(each => /** @type {HTMLElement} */ (each));

/** Whether letters occur in order, so that `ntg` finds `new target`. @param {string} words @param {string} letters */
function fits(words, letters) {
  let at = 0;
  for (const letter of letters) { at = words.indexOf(letter, at) + 1; if (!at) return false; }
  return true;
}

/** @param {number} index */
function choose(index) {
  const all = options();
  list?.querySelectorAll("[aria-selected=true]").forEach(each => each.setAttribute("aria-selected", "false"));
  const chosen = all[Math.max(0, Math.min(index, all.length - 1))];
  if (!input) return;
  if (!chosen) { input.removeAttribute("aria-activedescendant"); return; }
  chosen.setAttribute("aria-selected", "true");
  chosen.scrollIntoView({ block: "nearest" });
  input.setAttribute("aria-activedescendant", chosen.id);
}
const chosen = () => options().findIndex(each => each.getAttribute("aria-selected") === "true");

function narrow() {
  const letters = (input?.value ?? "").trim().toLowerCase();
  const words = letters.split(/\s+/);
  for (const each of list?.querySelectorAll("[role=option]:not([data-served])") ?? []) {
    const own = each.getAttribute("data-words") ?? "";
    /** @type {HTMLElement} */ (each).hidden = !words.every(word => own.includes(word)) && !(letters.length > 1 && fits(each.querySelector(".words")?.textContent?.toLowerCase() ?? "", letters.replaceAll(" ", "")));
  }
  for (const group of list?.querySelectorAll("[role=group]") ?? [])
    /** @type {HTMLElement} */ (group).hidden = !group.querySelector("[role=option]:not([hidden])");
  const some = options().length > 0;
  none?.toggleAttribute("hidden", some);
  input?.setAttribute("aria-expanded", String(some));
  choose(0);
}

palette?.addEventListener("toggle", () => {
  if (!palette.open || !input) return;
  input.value = "";
  narrow();
  input.focus();
  input.dispatchEvent(new CustomEvent("palette:open"));
});
input?.addEventListener("input", narrow);
palette?.addEventListener("htmx:after:swap", narrow);
list?.addEventListener("pointermove", event => {
  const over = /** @type {Element} */ (event.target).closest("[role=option]");
  if (over && over.getAttribute("aria-selected") !== "true") choose(options().indexOf(/** @type {HTMLElement} */ (over)));
});
input?.addEventListener("keydown", event => {
  const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 6, PageUp: -6 }[event.key];
  if (step) {
    event.preventDefault();
    const all = options().length, to = chosen() + step;
    choose(Math.abs(step) === 1 ? (to + all) % all : to);
  } else if (event.key === "Enter") {
    event.preventDefault();
    options()[chosen()]?.click();
  }
});
