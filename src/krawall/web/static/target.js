// @ts-check
/** Tests that are told while they run: pieces of HTML take the places of elements with their ids. And keys for picking from an answer. */

import { localise, one, toast } from "./app.js";

/** @type {AbortController | null} */
let running = null;

/** Put a piece where its id stands. @param {string} html */
function put(html) {
  const made = new DOMParser().parseFromString(html, "text/html");  // of our own server, which escapes what people and chatbots wrote
  for (const each of [...made.body.children]) {
    const to = each.getAttribute("data-go");
    if (to) { location.assign(to); return; }
    document.getElementById(each.id)?.replaceWith(each);
    /** @type {any} */ (window).htmx?.process(each);
    localise(each);
  }
}

/** @param {HTMLFormElement} form @param {HTMLButtonElement} by */
async function run(form, by) {
  running?.abort();
  const mine = running = new AbortController();
  const fails = (/** @type {string} */ text, /** @type {string} */ hint) => toast(text, { tone: "bad", hint, again: () => by.isConnected && by.click() });
  by.setAttribute("aria-busy", "true");
  try {
    const body = new URLSearchParams(/** @type {any} */ (new FormData(form, by)));
    const answer = await fetch(by.getAttribute("formaction") ?? form.action, { method: "POST", body, headers: { "HX-Request": "true" }, signal: mine.signal });
    const to = answer.headers.get("HX-Redirect");
    if (to) { location.assign(to); return; }
    if (!answer.ok || !answer.body) {
      const problem = await answer.json().catch(() => ({}));
      fails(problem.detail ?? `The server answered ${answer.status}`, problem.hint ?? "");
      return;
    }
    const pieces = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = "", each; !(each = await pieces.read()).done;) {
      const parts = (rest + each.value).split("\x1e");
      rest = parts.pop() ?? "";
      parts.forEach(put);
    }
    if (one("#told [data-moving]")) throw new Error("cut");
  } catch {
    if (!mine.signal.aborted) fails("The server does not answer", "Nothing you typed is lost.");
  } finally {
    if (running === mine) { by.removeAttribute("aria-busy"); one("#told [data-moving]")?.removeAttribute("data-moving"); }
  }
}

document.addEventListener("submit", event => {
  const by = /** @type {SubmitEvent} */ (event).submitter;
  if (!(by instanceof HTMLButtonElement) || by.dataset.streams === undefined) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  run(/** @type {HTMLFormElement} */ (event.target), by);
}, true);

// picking: a field that is gone to is the one that a press fills in; arrows walk the values ------------------------------

document.addEventListener("focusin", event => {
  const part = event.target instanceof HTMLElement && event.target.dataset.part && event.target.getAttribute("name");
  const into = /** @type {HTMLSelectElement | null} */ (one("#f-pick-for"));
  if (part && into) into.value = part;
});
document.addEventListener("keydown", event => {
  const from = event.target instanceof Element ? event.target.closest("[data-tree] .twig") : null;
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!from || !step) return;
  const all = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-tree] .twig"));
  event.preventDefault();
  all[[...all].indexOf(/** @type {HTMLElement} */ (from)) + step]?.focus();
});
