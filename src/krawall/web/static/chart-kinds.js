// @ts-check
/** What each chart over time shows: its lines from the seconds of a session, the words of a value, and seconds put together. */

/**
 * One second, as the server keeps it; or several, put together: counts are sums, percentiles those of the worst second.
 * @typedef {{at_s: number, users: number, turns: number, errors: number, latency_p50: number | null, latency_p95: number | null, latency_p99: number | null,
 *   ttft_p50: number | null, ttft_p95: number | null, tokens_out: number, cost_usd: number, kinds?: Record<string, number>, tokens_in?: number, cached?: number, over_s?: number, width?: number}} Point
 * What is drawn with the points. `base`: US dollars spent before the first of them.
 * @typedef {{cap: number, base: number, names: Record<string, string>}} Around
 * @typedef {{name: string, colour: string, values: (number | null)[], note?: string}} Line
 * @typedef {{lines: (points: Point[], around: Around) => Line[], say: (v: number) => string, bands?: boolean, step?: boolean, bars?: boolean, second?: boolean}} Kind
 */

/** @param {number | null} v */
export const ms = v => v == null ? "too few" : v >= 9999.5 ? `${(v / 1000).toLocaleString("en", { maximumFractionDigits: 1 })} s` : `${v.toLocaleString("en", { maximumFractionDigits: v < 100 ? 1 : 0 })} ms`;
/** @param {number} v */
export const count = v => Math.round(v).toLocaleString("en");
/** @param {number} v */
export const money = v => `$${v.toLocaleString("en", v >= 1 || !v ? { minimumFractionDigits: 2, maximumFractionDigits: 2 } : { maximumSignificantDigits: 3 })}`;
/** @param {number} v */
const rate = v => v.toLocaleString("en", { maximumFractionDigits: v < 100 ? 1 : 0 });

const MOST_KINDS = 5;
/** How far back percentiles reach where a second has too few turns. @param {Point[]} points */
const reach = points => { const s = points.reduce((most, p) => Math.max(most, p.over_s ?? 1), 1); return s > 1 ? `each point: the last ${s} s` : ""; };
/** @param {Point[]} points @param {"latency" | "ttft"} metric @param {string[]} names @returns {Line[]} */
const percentiles = (points, metric, names) => names.map((name, n) => ({ name, note: n ? "" : reach(points), colour: `--${name}`, values: points.map(p => /** @type {any} */ (p)[`${metric}_${name}`]) }));

/** Errors by kind, in the order in which the kinds came up, so that colours stay; what is beyond five kinds is put together. @param {Point[]} points @param {Around} around */
function errors(points, { names }) {
  /** @type {string[]} */ const found = [];
  for (const p of points) for (const kind of Object.keys(p.kinds ?? {}).sort()) if (!found.includes(kind)) found.push(kind);
  const own = found.length > MOST_KINDS ? found.slice(0, MOST_KINDS - 1) : found;
  const lines = own.map((kind, n) => ({ name: names[kind] ?? kind, colour: `--c${n + 1}`, values: points.map(p => p.kinds?.[kind] ?? 0) }));
  const rest = points.map((p, n) => p.errors - lines.reduce((sum, line) => sum + line.values[n], 0));  // also what an older session did not tell apart
  return rest.some(n => n > 0) || !lines.length ? [...lines, { name: lines.length ? "Others" : "Errors", colour: `--c${lines.length + 1}`, values: rest }] : lines;
}

/** Money so far; the cap is a line once it is near. @param {Point[]} points @param {Around} around @returns {Line[]} */
function cost(points, { cap, base }) {
  let sum = base;
  const spent = points.map(p => sum += p.cost_usd), near = cap > 0 && cap <= 5 * sum ? cap : null;
  return [{ name: "Spent", colour: "--c1", values: spent }, { name: "Cap", colour: "--c2", values: points.map(() => near) }];
}

/** @type {Record<string, Kind>} */
export const KINDS = {
  latency: { lines: points => percentiles(points, "latency", ["p50", "p95", "p99"]), say: ms, bands: true },
  ttft: { lines: points => percentiles(points, "ttft", ["p50", "p95"]), say: ms, bands: true },
  throughput: {
    lines: points => [{ name: "Turns per second", colour: "--c1", values: points.map(p => p.turns / (p.width ?? 1)) }, { name: "Users", colour: "--c2", values: points.map(p => p.users) }],
    say: rate, step: true, second: true,
  },
  errors: { lines: errors, say: count, bars: true },
  tokens: {
    lines: points => [
      { name: "Prompt", colour: "--c1", values: points.map(p => (p.tokens_in ?? 0) - (p.cached ?? 0)) }, { name: "Completion", colour: "--c2", values: points.map(p => p.tokens_out) },
      { name: "Cached", colour: "--c3", values: points.map(p => p.cached ?? 0) },
    ],
    say: count, bars: true,
  },
  cost: { lines: cost, say: money },
};

/** @param {(number | null)[]} values */
const worst = values => values.reduce((a, b) => a === null ? b : b === null ? a : Math.max(a, b), null);
/** @param {Point[]} group @param {keyof Point} name */
const sum = (group, name) => group.reduce((all, p) => all + Number(p[name] ?? 0), 0);

/** @param {Point[]} group @returns {Point} */
function together(group) {
  /** @type {Record<string, number>} */ const kinds = {};
  for (const p of group) for (const [kind, n] of Object.entries(p.kinds ?? {})) kinds[kind] = (kinds[kind] ?? 0) + n;
  return {
    at_s: group[group.length - 1].at_s, width: group.length, users: Math.max(...group.map(p => p.users)), turns: sum(group, "turns"), errors: sum(group, "errors"), kinds,
    latency_p50: worst(group.map(p => p.latency_p50)), latency_p95: worst(group.map(p => p.latency_p95)), latency_p99: worst(group.map(p => p.latency_p99)),
    ttft_p50: worst(group.map(p => p.ttft_p50)), ttft_p95: worst(group.map(p => p.ttft_p95)),
    tokens_in: sum(group, "tokens_in"), tokens_out: sum(group, "tokens_out"), cached: sum(group, "cached"), cost_usd: sum(group, "cost_usd"), over_s: Math.max(...group.map(p => p.over_s ?? 1)),
  };
}

/** Points as slots of as many seconds as leave at most `most` of them; slots begin at whole multiples, so that they stay while points come. @param {Point[]} points @param {number} most @returns {Point[]} */
export function slots(points, most) {
  if (points.length <= most) return points;
  const span = points[points.length - 1].at_s - points[0].at_s, width = [2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600].find(w => span / w <= most) ?? 7200;
  /** @type {Map<number, Point[]>} */ const groups = new Map();
  for (const p of points) {
    const place = Math.ceil(p.at_s / width - 0.05), group = groups.get(place);
    if (group) group.push(p); else groups.set(place, [p]);
  }
  return [...groups.values()].map(together);
}
