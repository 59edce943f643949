// @ts-check
/** One stream per tab tells what changed; parts of the page that show it fetch themselves again. Closed while nobody looks. */

import { one } from "./app.js";

const address = document.body.dataset.live ?? "";
const HIDDEN_MS = 30_000;
/** @type {EventSource | null} */
let source = null;
let last = "", closing = 0;

function open() {
  if (source || !address) return;
  source = new EventSource(last ? `${address}?after=${last}` : address);
  source.addEventListener("changed", event => {
    if (Number(event.lastEventId) <= Number(last || 0)) return;
    last = event.lastEventId;
    /** @type {string[]} */
    const names = JSON.parse(event.data).names;
    for (const part of document.querySelectorAll("[data-follows]")) {
      const wanted = part.getAttribute("data-follows")?.split(" ") ?? [];
      if (names.some(name => wanted.some(each => name.startsWith(each)))) part.dispatchEvent(new CustomEvent("changed"));
    }
  });
  source.addEventListener("end", () => close());
  source.onerror = () => document.body.toggleAttribute("data-stale", true);
  source.onopen = () => document.body.removeAttribute("data-stale");
}

function close() {
  source?.close();
  source = null;
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(closing);
  if (document.hidden) { closing = window.setTimeout(close, HIDDEN_MS); return; }
  if (!source) for (const part of document.querySelectorAll("[data-follows]")) part.dispatchEvent(new CustomEvent("changed"));
  open();
});
addEventListener("pagehide", close);
addEventListener("pageshow", event => { if (event.persisted) open(); });
if (one("[data-follows]")) open();
