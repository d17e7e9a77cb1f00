/**
 * Where labels go: around their circles, in screen pixels, most important first. A label is drawn whole, shortened, at the end of
 * a line, or not at all (until there is room by zooming, or the pointer is on it): labels never overlap each other or a circle.
 */
import { boundsOf, circleHitsRect, contains, distanceToRect, lengthInside, overlaps } from "./geometry.js";
import { placeFar } from "./leaders.js";

const GAP = 5;
const SIDES = [
  { name: "right", x: 1, y: 0, cost: 0 },
  { name: "left", x: -1, y: 0, cost: 3 },
  { name: "below", x: 0, y: 1, cost: 4 },
  { name: "above", x: 0, y: -1, cost: 4 },
  { name: "below-right", x: 0.72, y: 0.72, cost: 6 },
  { name: "above-right", x: 0.72, y: -0.72, cost: 6 },
  { name: "below-left", x: -0.72, y: 0.72, cost: 7 },
  { name: "above-left", x: -0.72, y: -0.72, cost: 7 },
];
/** A tag sits on its own arrow, on one of its spots, or not at all. */
const spotsOf = ({ spots }) => spots.map((at, i) => ({ name: "on", x: 0, y: 0, cost: i, at }));
/** What it costs to say less by one step: a good deal of arrow under the text before that is the better choice. */
const SHORT_COST = 22;
/** A name nearer than this to a circle that is not its own, pixels, seems to be that one's, the more so the nearer. */
const CLOSE = 11;
const CLOSE_COST = 2;

/**
 * @param circles [{id, x, y, r, importance, sizes: [{width, height}]}] in screen pixels, sizes from whole to shortest; and what stands on
 *   arrows, which has what room the names leave: [{id, importance, sizes, onArrow: true, spots: [[x, y]]}]
 * @param arrows [{points, width, caller, callee}] in screen pixels
 * @param bounds rectangle labels must stay inside
 * @param obstacles more circles {x, y, r} to keep off
 * @returns Map by id of {x0, y0, x1, y1, level, side, align, leader: [from, to] where it stands off}; ids without room are missing
 */
export function placeLabels(circles, arrows, bounds, obstacles = []) {
  const placed = [];
  const result = new Map();
  const lines = arrows.map((arrow) => ({ ...arrow, box: boundsOf(arrow.points) }));
  const taken = [...circles.filter((circle) => !circle.onArrow), ...obstacles];
  const order = [...circles].sort((a, b) => b.importance - a.importance || (String(a.id) < String(b.id) ? -1 : 1));
  const homeless = [];
  const leaders = [];
  const put = (circle, best) => {
    placed.push(best);
    result.set(circle.id, best);
  };
  for (const circle of order.filter(({ onArrow }) => !onArrow)) {
    const best = bestPlace(circle, taken, lines, placed, bounds);
    if (best) put(circle, best);
    else homeless.push(circle);
  }
  const costOf = (rect, limit) => costOfArrows(rect, lines, limit);
  for (const circle of homeless) {
    const best = placeFar(circle, { taken, placed, leaders, bounds, costOf });
    if (!best) continue;
    put(circle, best);
    leaders.push(best.leader);
  }
  for (const circle of order.filter(({ onArrow }) => onArrow)) {
    const best = bestPlace(circle, taken, lines, placed, bounds);
    if (best && !leaders.some(([from, to]) => lengthInside(from, to, best))) put(circle, best);
  }
  return result;
}

function bestPlace(circle, taken, lines, placed, bounds) {
  let best = null;
  let lowest = Infinity;
  circle.sizes.forEach((size, level) => {
    for (const side of circle.onArrow ? spotsOf(circle) : SIDES) {
      const base = side.cost + level * SHORT_COST;
      if (base >= lowest) continue;
      const rect = rectAt(circle, size, side);
      if (!contains(bounds, rect)) continue;
      if (placed.some((other) => overlaps(other, rect))) continue;
      if (taken.some((other) => circleHitsRect(other.x, other.y, other.r + (other === circle ? 1 : 2), rect))) continue;
      const cost = base + (circle.onArrow ? 0 : costOfOthers(rect, circle, taken) + costOfArrows(rect, lines, lowest - base));
      if (cost < lowest) [best, lowest] = [{ ...rect, level, side: side.name, align: alignOf(side) }, cost];
    }
  });
  return best;
}

const alignOf = (side) => (side.x > 0.1 ? "start" : side.x < -0.1 ? "end" : "middle");

function rectAt(circle, { width, height }, side) {
  const reach = circle.r + GAP;
  const [cx, cy] = side.at ?? [circle.x, circle.y];
  const x = cx + side.x * reach;
  const y = cy + side.y * reach;
  const x0 = side.x > 0.1 ? x : side.x < -0.1 ? x - width : x - width / 2;
  const y0 =
    side.y > 0.1
      ? y - (Math.abs(side.x) > 0.1 ? height / 3 : 1)
      : side.y < -0.1
        ? y - height + (Math.abs(side.x) > 0.1 ? height / 3 : 1)
        : y - height / 2;
  return { x0, y0, x1: x0 + width, y1: y0 + height };
}

function costOfOthers(rect, circle, taken) {
  let cost = 0;
  for (const other of taken) {
    if (other !== circle) cost += CLOSE_COST * Math.max(0, CLOSE + other.r - distanceToRect(other.x, other.y, rect));
  }
  return cost;
}

/** Pixels of arrow under the text, wide arrows counting more; gives up past `limit`. */
function costOfArrows(rect, lines, limit) {
  let cost = 0;
  for (const line of lines) {
    const half = line.width / 2;
    if (
      line.box.x0 - half > rect.x1 ||
      line.box.x1 + half < rect.x0 ||
      line.box.y0 - half > rect.y1 ||
      line.box.y1 + half < rect.y0
    )
      continue;
    const wide = { x0: rect.x0 - half, x1: rect.x1 + half, y0: rect.y0 - half, y1: rect.y1 + half };
    let inside = 0;
    for (let i = 1; i < line.points.length; i++) inside += lengthInside(line.points[i - 1], line.points[i], wide);
    cost += inside * (0.35 + Math.min(1, line.width / 6));
    if (cost > limit) return Infinity;
  }
  return cost;
}
