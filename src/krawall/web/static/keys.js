// @ts-check
/** Keys. What a key presses says so itself (`data-key="n"`, `data-key="g t"`), so pages add keys without touching this. Menus walk by arrows. */

import { one, recall, remember } from "./app.js";

let first = "", until = 0;

/** @param {EventTarget | null} target */
const typing = target => target instanceof HTMLElement && (target.isContentEditable || target.matches("input:not([type=radio], [type=checkbox]), textarea, select"));

/** Press, open or focus what has a key. @param {string} key */
function press(key) {
  const found = /** @type {HTMLElement[]} */ ([...document.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)]);
  const target = found.find(each => each.checkVisibility()) ?? found[0];
  if (!target) return false;
  if (typing(target)) { target.focus(); /** @type {HTMLInputElement} */ (target).select?.(); } else target.click();
  return true;
}

document.addEventListener("keydown", event => {
  if (event.defaultPrevented || event.isComposing) return;
  if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k" && !event.altKey && !event.shiftKey) {
    event.preventDefault();
    if (!document.querySelector("dialog[open]:not(#palette)")) one("[data-palette]")?.click();
    return;
  }
  if (event.metaKey || event.ctrlKey || event.altKey || typing(event.target) || recall("keys") === "off") return;
  if (document.querySelector("dialog[open]")) return;
  const key = event.key.length === 1 ? event.key : "";
  const pair = first && event.timeStamp < until ? `${first} ${key}` : "";
  first = "";
  if (!key) return;
  if (pair ? press(pair) : press(key)) event.preventDefault();
  else if (!pair && key === "g") { first = key; until = event.timeStamp + 1500; }
});

const single = /** @type {HTMLInputElement | null} */ (one("[data-single-keys]"));
if (single) {
  single.checked = recall("keys") !== "off";
  single.addEventListener("change", () => remember("keys", single.checked ? "" : "off"));
}

// menus: arrows, Home, End, first letters; Tab leaves ---------------------------------------------------------------------

/** @param {Element} menu */
const items = menu => /** @type {HTMLElement[]} */ ([...menu.querySelectorAll("[role^=menuitem]")]);

document.addEventListener("toggle", event => {
  const menu = /** @type {HTMLElement} */ (event.target);
  if (menu.getAttribute?.("role") !== "menu") return;
  const open = /** @type {ToggleEvent} */ (event).newState === "open";
  document.querySelector(`[popovertarget="${menu.id}"]`)?.setAttribute("aria-expanded", String(open));
  if (open) items(menu)[0]?.focus();
}, true);

document.addEventListener("keydown", event => {
  const menu = event.target instanceof Element ? event.target.closest("[role=menu]") : null;
  if (!(menu instanceof HTMLElement)) return;
  if (event.key === "Tab") { menu.hidePopover(); return; }
  const all = items(menu), now = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const to = event.key === "ArrowDown" ? (now + 1) % all.length
    : event.key === "ArrowUp" ? (now - 1 + all.length) % all.length
    : event.key === "Home" ? 0 : event.key === "End" ? all.length - 1
    : event.key.length === 1 ? all.findIndex(each => each.textContent?.trim().toLowerCase().startsWith(event.key.toLowerCase())) : -1;
  if (to < 0) return;
  event.preventDefault();
  all[to]?.focus();
});
