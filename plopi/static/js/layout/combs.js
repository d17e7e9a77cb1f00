/**
 * Combs: what a flat profile has most of, functions that are called and call nobody else, would stand in one row under a fan of
 * arrows. Instead they stand in columns along the lower edge, each column beside a trunk by which all arrows into it come. An
 * arrow has its own lane in a trunk, as wide as it is anywhere, while there is room for all.
 */
import { edgeKey } from "./layers.js";
import { RING } from "./scales.js";

/** So many functions of one heaviest caller are a comb, */
const FEWEST = 3;
/** where all such functions side by side would be so many times as wide as the window. */
const FULL = 1.5;
/** Room for a trunk, left of its column, and its part that lanes take. */
const TRUNK = 20;
const LANES = 12;
const GAP = 5;
/** Combs take at most this part of the height; where that leaves the rest more than it needs, they stretch. */
const MOST_HEIGHT = 0.72;
const MOST_STRETCH = 1.5;
/** Room above the columns, in which arrows gather. */
const ABOVE = 26;

const radius = (node) => Math.max(node.r, RING);
const heightOf = (node) => Math.max(2 * radius(node) + 6, node.labelHeight) + GAP;
const widthOf = (node) => TRUNK + 2 * radius(node) + 5 + node.labelWidth;
const sum = (list, of) => list.reduce((all, one) => all + of(one), 0);

/**
 * @param graph {nodes, edges} as for `layered`
 * @returns [{caller, leaves}], the heaviest leaves first; none where all leaves find room as they are
 */
export function findCombs({ nodes, edges }, width) {
  const proper = edges.filter((edge) => edge.caller !== edge.callee);
  const calling = new Set(proper.map((edge) => edge.caller));
  const heaviest = new Map();
  for (const edge of proper) if (!(heaviest.get(edge.callee)?.weight >= edge.weight)) heaviest.set(edge.callee, edge);
  const leaves = new Map();
  for (const node of nodes) {
    const edge = heaviest.get(node.id);
    if (node.root || calling.has(node.id) || !edge) continue;
    if (!leaves.has(edge.caller)) leaves.set(edge.caller, []);
    leaves.get(edge.caller).push(node);
  }
  const combs = [...leaves]
    .filter(([, list]) => list.length >= FEWEST)
    .map(([caller, list]) => ({ caller, leaves: list.sort((a, b) => b.r - a.r || a.id - b.id) }));
  return sum(combs, ({ leaves: list }) => sum(list, widthOf)) > FULL * width ? combs : [];
}

/** How many columns each comb has, and how high all are: {columns: [count], height}. */
export function sizeCombs(combs, width, height) {
  const needs = combs.map(({ leaves }) => sum(leaves, heightOf));
  const whole = sum(needs, (need) => need);
  const widest = Math.max(...combs.flatMap(({ leaves }) => leaves.map(widthOf)));
  const most = MOST_HEIGHT * height - ABOVE;
  const all = Math.max(combs.length, Math.floor(width / widest), Math.ceil(whole / most));
  const columns = share(needs, all);
  const tallest = Math.max(...combs.flatMap(({ leaves }, i) => split(leaves, columns[i]).map((column) => sum(column, heightOf))));
  return { columns, height: Math.min(tallest, most) + ABOVE };
}

/** Divides `all` in proportion to needs, one each at the least; the largest remainders first. */
function share(needs, all) {
  const whole = sum(needs, (need) => need);
  const exact = needs.map((need) => (need / whole) * all);
  const out = exact.map((part) => Math.max(1, Math.floor(part)));
  const order = needs.map((_, i) => i).sort((a, b) => exact[b] - out[b] - (exact[a] - out[a]) || a - b);
  for (const i of order) if (sum(out, (count) => count) < all && exact[i] > out[i]) out[i] += 1;
  return out;
}

/** Leaves dealt out to columns of about equal height, from the first on. */
function split(leaves, columns) {
  const whole = sum(leaves, heightOf);
  const out = Array.from({ length: columns }, () => []);
  let above = 0;
  for (const leaf of leaves) {
    out[Math.min(columns - 1, Math.floor(((above + heightOf(leaf) / 2) / whole) * columns))].push(leaf);
    above += heightOf(leaf);
  }
  return out.filter((column) => column.length);
}

/**
 * Puts all leaves of combs into a frame {x0, y0, x1, y1}: adds to `positions` (by id) and `bends` (by edge key).
 * @param columns of each comb, as `sizeCombs` gives them; combs stand in the order of their callers
 */
export function placeCombs(combs, columns, edges, frame, { positions, bends }) {
  const callerX = ({ caller }) => positions.get(caller).x;
  const order = combs.map((comb, i) => ({ comb, count: columns[i] }));
  order.sort((a, b) => callerX(a.comb) - callerX(b.comb) || a.comb.caller - b.comb.caller);
  const all = order.flatMap(({ comb, count }) => split(comb.leaves, count));
  const pitch = (frame.x1 - frame.x0) / all.length;
  const high = frame.y1 - frame.y0 - ABOVE;
  const stretch = Math.min(MOST_STRETCH, high / Math.max(...all.map((column) => sum(column, heightOf))));
  all.forEach((column, i) => placeColumn(column, { left: frame.x0 + i * pitch, top: frame.y0 + ABOVE, stretch }, edges, { positions, bends }));
}

function placeColumn(column, { left, top, stretch }, edges, { positions, bends }) {
  const centre = left + TRUNK + Math.max(...column.map(radius));
  let y = top;
  for (const leaf of column) {
    positions.set(leaf.id, { x: centre, y: y + (heightOf(leaf) * stretch) / 2 });
    y += heightOf(leaf) * stretch;
  }
  const rank = new Map(column.map((leaf, i) => [leaf.id, i]));
  const arrows = edges.filter((edge) => rank.has(edge.callee) && edge.caller !== edge.callee);
  arrows.sort((a, b) => rank.get(b.callee) - rank.get(a.callee) || positions.get(a.caller).x - positions.get(b.caller).x);
  const lanes = sum(arrows, (edge) => edge.width);
  const squeeze = Math.min(1, LANES / (lanes || 1));
  let lane = left + 2;
  for (const edge of arrows) {
    const x = lane + (edge.width * squeeze) / 2;
    lane += edge.width * squeeze;
    bends.set(edgeKey(edge), { points: wayBy(x, top - 4, positions.get(edge.caller), positions.get(edge.callee)), firm: true });
  }
}

const CURVE = 12;
const TURN = 5;
const TURN_ROOM = 11;

/** From a caller in a curve to a trunk's top, down its lane, and round to the function at its side. */
function wayBy(x, top, from, to) {
  const points = [];
  const reach = (top - from.y) * 0.6;
  for (let i = 1; i <= CURVE; i++) {
    const [t, u] = [i / CURVE, 1 - i / CURVE];
    const [first, last] = [u * u * u + 3 * u * u * t, t * t * t + 3 * u * t * t];
    points.push([from.x * first + x * last, from.y * first + 3 * u * u * t * reach + top * last - 3 * u * t * t * reach]);
  }
  const room = Math.min(TURN_ROOM, to.y - top);
  for (let i = 0; i < TURN; i++) {
    const [t, u] = [i / TURN, 1 - i / TURN];
    points.push([x + (to.x - x) * t * t, to.y - room * u * u]);
  }
  return points;
}
