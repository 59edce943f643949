// @ts-check
/** Names that a text can use: the one that is pressed goes where the caret last was, in braces where texts want them. */

import { one, toast } from "./app.js";

/** @typedef {HTMLInputElement | HTMLTextAreaElement} Field */
/** @param {EventTarget | null} target @returns {target is Field} */
const takes = target => (target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement) && "names" in target.dataset;
let last = "";

document.addEventListener("focusin", event => { if (takes(event.target)) last = event.target.id; });
document.addEventListener("click", event => {
  const pressed = event.target instanceof Element ? event.target.closest("[data-insert]") : null;
  if (!(pressed instanceof HTMLElement)) return;
  const remembered = document.getElementById(last), field = takes(remembered) ? remembered : one(".live [data-names]");
  if (!takes(field)) { toast("No field here takes a name"); return; }
  const text = field.dataset.names === "text", name = pressed.dataset.insert ?? "";
  if (!text && pressed.dataset.only === "text") { toast(`Only texts know ${name}`, { tone: "info" }); return; }
  one("#names")?.hidePopover();
  const [from, to] = [field.selectionStart ?? field.value.length, field.selectionEnd ?? field.value.length];
  field.focus();
  field.setRangeText(text ? `{{ ${name} }}` : name, from, to, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
});
