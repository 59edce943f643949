// @ts-check
/** Drag and drop in the flow builder: cards and kinds of steps into any lane, one line where it would go. A step cannot enter itself. */

/** @type {{step: string, card: Element} | {kind: string} | null} */
let dragged = null;
/** @type {{lane: HTMLElement, index: number} | null} */
let spot = null;
const line = Object.assign(document.createElement("div"), { className: "drop-line", hidden: true });
document.body.append(line);

document.addEventListener("dragstart", event => {
  const from = event.target instanceof Element ? event.target : null, transfer = event.dataTransfer;
  const kind = /** @type {HTMLElement | null} */ (from?.closest("[data-kit]") ?? null);
  const card = /** @type {HTMLElement | null} */ (from?.closest("#canvas .card[draggable]")?.parentElement ?? null);
  if (!transfer || !(kind || card)) return;
  dragged = kind ? { kind: kind.dataset.kit ?? "" } : card ? { step: card.dataset.step ?? "", card } : null;
  transfer.setData("text/plain", kind?.dataset.kit ?? card?.dataset.step ?? "");
  transfer.effectAllowed = kind ? "copy" : "move";
  card?.classList.add("dragged");
});

/** Return where a drop would put it. @param {Element} at @param {number} y @returns {{lane: HTMLElement, index: number} | null} */
function under(at, y) {
  const card = at.closest("#canvas .card"), step = card?.parentElement ?? null;
  if (card && step) {
    const box = card.getBoundingClientRect(), lower = y > box.top + box.height / 2;
    const inner = /** @type {HTMLElement | null} */ (lower ? step.querySelector(":scope > details[open] > .lane") : null);
    const lane = inner ?? /** @type {HTMLElement | null} */ (step.parentElement);
    return lane && { lane, index: inner ? 0 : [...lane.children].indexOf(step) + Number(lower) };
  }
  const inside = at.closest("summary")?.parentElement?.querySelector(":scope > .lane");
  if (inside instanceof HTMLElement) return { lane: inside, index: 0 };
  const lane = /** @type {HTMLElement | null} */ (at.closest("#canvas .lane") ?? document.querySelector("#canvas > .lane"));
  if (!lane || !at.closest("#canvas")) return null;
  const index = [...lane.children].findIndex(each => { const box = each.getBoundingClientRect(); return y < box.top + box.height / 2; });
  return { lane, index: index < 0 ? lane.childElementCount : index };
}

/** Draw the line, or take it away. @param {{lane: HTMLElement, index: number} | null} at */
function mark(at) {
  if (spot?.lane !== at?.lane) { spot?.lane.removeAttribute("data-over"); at?.lane.setAttribute("data-over", ""); }
  spot = at;
  line.hidden = !at;
  if (!at) return;
  const lane = at.lane.getBoundingClientRect(), next = at.lane.children[at.index], last = at.lane.lastElementChild;
  const y = next ? next.getBoundingClientRect().top - 5 : last ? last.getBoundingClientRect().bottom + 3 : lane.top + lane.height / 2 - 1;
  Object.assign(line.style, { left: `${lane.left}px`, width: `${lane.width}px`, top: `${y}px` });
}

document.addEventListener("dragover", event => {
  if (!dragged || !(event.target instanceof Element)) return;
  const at = under(event.target, event.clientY);
  const free = at && !("card" in dragged && dragged.card.contains(at.lane));
  mark(free ? at : null);
  if (!free) return;
  event.preventDefault();
  if (event.dataTransfer) event.dataTransfer.dropEffect = "kind" in dragged ? "copy" : "move";
});
document.addEventListener("drop", event => {
  if (!dragged || !spot) return;
  event.preventDefault();
  const to = { lane: spot.lane.dataset.lane ?? "", index: spot.index };
  const detail = "kind" in dragged ? { name: "add", values: { kind: dragged.kind, ...to } } : { name: "move", values: { step: dragged.step, ...to } };
  document.dispatchEvent(new CustomEvent("builder:deed", { detail }));
});
document.addEventListener("dragend", () => {
  if (dragged && "card" in dragged) dragged.card.classList.remove("dragged");
  dragged = null;
  mark(null);
});
