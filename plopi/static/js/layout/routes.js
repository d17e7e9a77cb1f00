/**
 * Arrows as polylines: from circle to circle, bent so as to keep off other circles. Sampled finely enough to be drawn as they
 * are and to be tested against labels.
 */
import { boundsOf, contains, nearestOnSegment } from "./geometry.js";
import { edgeKey } from "./layers.js";
import { RING } from "./scales.js";

const STEPS = 14;
const BENDS = [0.07, -0.07, 0.16, -0.16, 0.27, -0.27, 0.4, -0.4];
const GAP = 2;
const OUTSIDE_COST = 60;
/** Cost of a direct way up to which the layered layout's waypoints are not needed. */
const TOLERABLE = 24;

/**
 * @param nodes [{id, r, x, y}]
 * @param edges [{caller, callee, width}]
 * @param bends by edge key {points, firm}, from the layered layout: waypoints, or if firm the whole way but its ends
 * @param limits rectangle that arrows should stay in
 * @returns Map by edge key of {points: [[x, y], ...], head: {length, half}}; the tip is the last point, the shaft ends a head's length before
 */
export function routeEdges(nodes, edges, bends = new Map(), limits = null) {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const both = new Set(edges.map(edgeKey));
  const routes = new Map();
  for (const edge of edges) {
    const a = byId.get(edge.caller);
    const b = byId.get(edge.callee);
    if (!a || !b || a === b) continue;
    const mutual = both.has(`${edge.callee}>${edge.caller}`);
    const way = bends.get(edgeKey(edge));
    const points = way?.firm ? [[a.x, a.y], ...way.points, [b.x, b.y]] : softWay(a, b, edge, nodes, { way, mutual, limits });
    routes.set(edgeKey(edge), finish(points, a, b, edge.width));
  }
  return routes;
}

function softWay(a, b, edge, nodes, { way, mutual, limits }) {
  const direct = bestBend(a, b, edge, nodes, { mutual, limits });
  return way && direct.cost > TOLERABLE ? throughWaypoints(a, b, way.points) : direct.points;
}

/** Arrowhead of an arrow of a given width: longer and wider than the shaft, but never dwarfing a small circle. */
export function headOf(width) {
  return { length: 6 + width * 0.75, half: 3.2 + width * 0.72 };
}

/**
 * A small loop at a circle, for recursion, on the side where fewest arrows are.
 * @param directions angles at which arrows meet the circle
 * @param bounds rectangle the loop should stay in, if it can
 * @returns points and head as for an edge, and the circle {x, y, r} it fills
 */
export function loopOf(node, directions = [], bounds = null) {
  const r = Math.max(node.r, RING) + GAP;
  const size = Math.max(5.5, Math.min(9, r * 0.5));
  const reach = r + size * 0.72;
  const fits = (angle) => {
    const x = node.x + Math.cos(angle) * reach;
    const y = node.y + Math.sin(angle) * reach;
    return !bounds || contains(bounds, { x0: x - size, x1: x + size, y0: y - size, y1: y + size });
  };
  const lean = freest(directions, fits);
  const cx = node.x + Math.cos(lean) * reach;
  const cy = node.y + Math.sin(lean) * reach;
  const open = Math.acos(Math.min(0.95, Math.max(-0.95, (reach * reach + size * size - r * r) / (2 * reach * size))));
  const start = lean + Math.PI + open;
  const sweep = 2 * Math.PI - 2 * open;
  const points = [];
  for (let i = 0; i <= 18; i++) {
    const angle = start + (sweep * i) / 18;
    points.push([cx + Math.cos(angle) * size, cy + Math.sin(angle) * size]);
  }
  return { points, head: { length: 5, half: 3.2 }, circle: { x: cx, y: cy, r: size } };
}

/** Of sixteen directions the one farthest from all that are taken; up and to the left among equals. */
function freest(taken, fits) {
  let best = 0;
  let widest = -1;
  for (let i = 0; i < 16; i++) {
    const angle = -Math.PI * 0.75 + (i * Math.PI) / 8;
    const room = Math.min(
      Math.PI,
      ...taken.map((other) => Math.abs(Math.atan2(Math.sin(angle - other), Math.cos(angle - other)))),
    );
    if (room > widest + 0.01 && fits(angle)) [best, widest] = [angle, room];
  }
  return best;
}

function throughWaypoints(a, b, way) {
  const points = [[a.x, a.y], ...way, [b.x, b.y]];
  const out = [];
  for (let i = 0; i < points.length - 1; i++) {
    const [p0, p1, p2, p3] = [points[Math.max(0, i - 1)], points[i], points[i + 1], points[Math.min(points.length - 1, i + 2)]];
    const steps = STEPS;
    for (let s = 0; s < steps; s++) out.push(catmullRom(p0, p1, p2, p3, s / steps));
  }
  out.push(points.at(-1));
  return out;
}

function catmullRom(p0, p1, p2, p3, t) {
  const at = (i) => {
    const m1 = (p2[i] - p0[i]) * 0.4;
    const m2 = (p3[i] - p1[i]) * 0.4;
    const d = p2[i] - p1[i];
    return p1[i] + t * (m1 + t * (3 * d - 2 * m1 - m2 + t * (m1 + m2 - 2 * d)));
  };
  return [at(0), at(1)];
}

function bestBend(a, b, edge, nodes, { mutual, limits }) {
  const apart = (edge.width + 12) / Math.max(1, Math.hypot(b.x - a.x, b.y - a.y));
  const candidates = mutual
    ? BENDS.filter((bend) => bend > 0).map((bend) => Math.min(0.6, Math.max(apart, bend)))
    : [0, ...BENDS];
  let best = null;
  let lowest = Infinity;
  for (const bend of candidates) {
    const points = quadratic(a, b, bend);
    const outside = limits && !contains(limits, boundsOf(points)) ? OUTSIDE_COST : 0;
    const cost = costOf(points, a, b, edge.width, nodes) + outside + Math.abs(bend) * 30;
    if (cost < lowest) [best, lowest] = [points, cost];
    if (cost <= Math.abs(bend) * 30) break;
  }
  return { points: best, cost: lowest };
}

function quadratic(a, b, bend) {
  const mx = (a.x + b.x) / 2 - (b.y - a.y) * bend;
  const my = (a.y + b.y) / 2 + (b.x - a.x) * bend;
  if (bend === 0)
    return [
      [a.x, a.y],
      [mx, my],
      [b.x, b.y],
    ];
  const points = [];
  for (let i = 0; i <= STEPS; i++) {
    const t = i / STEPS;
    const u = 1 - t;
    points.push([u * u * a.x + 2 * u * t * mx + t * t * b.x, u * u * a.y + 2 * u * t * my + t * t * b.y]);
  }
  return points;
}

function costOf(points, a, b, width, nodes) {
  const box = boundsOf(points);
  let cost = 0;
  for (const node of nodes) {
    if (node === a || node === b) continue;
    const room = Math.max(node.r, RING) + width / 2 + 5;
    if (node.x < box.x0 - room || node.x > box.x1 + room || node.y < box.y0 - room || node.y > box.y1 + room) continue;
    let nearest = Infinity;
    for (let i = 1; i < points.length; i++)
      nearest = Math.min(nearest, nearestOnSegment(node.x, node.y, points[i - 1], points[i]).distance);
    if (nearest < room) cost += 20 + (room - nearest) * 3;
  }
  return cost;
}

/** Cuts a centre-to-centre line at both circles. */
function finish(points, a, b, width) {
  const head = headOf(width);
  const start = cut(points, a, Math.max(a.r, RING) + GAP);
  const cutBoth = cut([...start].reverse(), b, Math.max(b.r, RING) + GAP).reverse();
  const length = Math.hypot(cutBoth.at(-1)[0] - cutBoth[0][0], cutBoth.at(-1)[1] - cutBoth[0][1]);
  const factor = Math.min(1, (length * 0.8) / head.length);
  return { points: cutBoth, head: { length: head.length * factor, half: head.half * Math.max(0.6, factor) } };
}

/** Drops what lies within `radius` of the circle at the line's start. */
function cut(points, circle, radius) {
  for (let i = 1; i < points.length; i++) {
    const distance = Math.hypot(points[i][0] - circle.x, points[i][1] - circle.y);
    if (distance <= radius) continue;
    let [low, high] = [0, 1];
    const [p, q] = [points[i - 1], points[i]];
    for (let step = 0; step < 20; step++) {
      const t = (low + high) / 2;
      const d = Math.hypot(p[0] + (q[0] - p[0]) * t - circle.x, p[1] + (q[1] - p[1]) * t - circle.y);
      if (d < radius) low = t;
      else high = t;
    }
    return [[p[0] + (q[0] - p[0]) * high, p[1] + (q[1] - p[1]) * high], ...points.slice(i)];
  }
  return points.slice(-2);
}

/** The line up to `length` before its end, and the direction there: where the shaft stops and the head begins. */
export function shaftOf(points, length) {
  let left = length;
  for (let i = points.length - 1; i > 0; i--) {
    const [p, q] = [points[i - 1], points[i]];
    const step = Math.hypot(q[0] - p[0], q[1] - p[1]);
    if (step >= left && step > 0) {
      const t = 1 - left / step;
      const end = [p[0] + (q[0] - p[0]) * t, p[1] + (q[1] - p[1]) * t];
      return { points: [...points.slice(0, i), end], end };
    }
    left -= step;
  }
  return { points: [points[0], points[0]], end: points[0] };
}
