// @ts-check
/** One stream per tab tells what changed; parts of the page that show it fetch themselves again. Closed while nobody looks. */

import { one } from "./app.js";

const address = document.body.dataset.live ?? "";
const HIDDEN_MS = 30_000, STALE_MS = 3_000;
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
/** @type {EventSource | null} */
let source = null;
let last = document.body.dataset.after ?? "", closing = 0, heard = Date.now(), waiting = 0;

/** Let the parts that follow one of these know. @param {string} data */
function tell(data) {
  heard = Date.now();
  /** @type {string[]} */
  const names = JSON.parse(data).names;
  for (const part of document.querySelectorAll("[data-follows]")) {
    const wanted = part.getAttribute("data-follows")?.split(" ") ?? [];
    if (names.some(name => wanted.some(each => name.startsWith(each)))) part.dispatchEvent(new CustomEvent("changed"));
  }
}

function open() {
  if (source || !address) return;
  source = new EventSource(last ? `${address}?after=${last}` : address);
  source.addEventListener("changed", event => {
    if (Number(event.lastEventId) <= Number(last || 0)) return;
    last = event.lastEventId;
    tell(event.data);
  });
  source.addEventListener("moved", event => tell(event.data));
  source.addEventListener("end", () => close());
  source.onerror = () => { waiting ||= window.setTimeout(() => stale(true), STALE_MS); };
  source.onopen = () => stale(false);
}

/** Say when nothing comes any more; the numbers stay, dimmed. @param {boolean} away */
function stale(away) {
  clearTimeout(waiting);
  waiting = 0;
  const place = one("#away");
  if (!away && document.body.hasAttribute("data-stale")) heard = Date.now();
  document.body.toggleAttribute("data-stale", away);
  if (place) place.textContent = away ? `Reconnecting, last update ${clock.format(heard)}` : "";
}

function close() {
  clearTimeout(waiting);
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
