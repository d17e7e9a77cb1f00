/**
 * The whole of a layout as one pure function: plain data in, plain data out, no DOM, no clock, no Math.random. Runs in a
 * Worker (worker.js), under Node in the tests, and gives the same picture for the same graph and size everywhere.
 */
import { findCombs, placeCombs, sizeCombs } from "./combs.js";
import { edgeKey, layered } from "./layers.js";
import { force } from "./force.js";
import { placeNewcomers } from "./grow.js";
import { RING } from "./scales.js";
import { separateCircles } from "./separate.js";

const RANKERS = ["tight-tree", "network-simplex"];
/** Beyond so many functions only the quicker way to rank is tried. */
const MANY = 90;
/** Height that a layer above combs is content with. */
const LAYER = 80;

/**
 * @param request {
 *   kind: "layered" | "force", size: {width, height}, margin: {left, right, top, bottom},
 *   nodes: [{id, r, labelWidth, labelHeight, depth, root}], edges: [{caller, callee, width, weight}],
 *   known: [[id, x, y], ...] positions to keep, if any }
 * @returns {{positions: [[id, x, y], ...], bends: [[edge key, {points: [[x, y], ...], firm}], ...]}}; what is firm is the arrow's way
 *   whatever stands in it, other bends are taken where the direct way is barred
 */
export function layout(request) {
  const { kind, size, margin, nodes } = request;
  if (!nodes.length) return { positions: [], bends: [] };
  if (request.known?.length) return pack(placeNewcomers(request), new Map());
  const base = bestLayersAndCombs(request);
  if (kind === "layered") return pack(apart(request, base.positions), base.bends);
  return pack(apart(request, force(request, base.positions, size, margin)), new Map());
}

function apart({ nodes, size, margin }, positions) {
  const circles = nodes.map((node) => ({ id: node.id, r: Math.max(node.r, RING), ...positions.get(node.id) }));
  separateCircles(circles, { x0: margin.left, y0: margin.top, x1: size.width - margin.right, y1: size.height - margin.bottom });
  return new Map(circles.map(({ id, x, y }) => [id, { x, y }]));
}

function pack(positions, bends) {
  const round = (value) => Math.round(value * 10) / 10;
  return {
    positions: [...positions].map(([id, { x, y }]) => [id, round(x), round(y)]),
    bends: [...bends].map(([key, { points, firm }]) => [key, { points: points.map(([x, y]) => [round(x), round(y)]), firm }]),
  };
}

/** Layers, and below them in columns what would overfill one. */
function bestLayersAndCombs(request) {
  const { nodes, edges, size, margin } = request;
  const [width, height] = [size.width - margin.left - margin.right, size.height - margin.top - margin.bottom];
  const combs = findCombs(request, width);
  if (!combs.length) return bestLayers(request);
  const leaves = new Set(combs.flatMap((comb) => comb.leaves.map((node) => node.id)));
  const rest = {
    ...request,
    nodes: nodes.filter((node) => !leaves.has(node.id)),
    edges: edges.filter((edge) => !leaves.has(edge.callee)),
  };
  const { columns, height: needed } = sizeCombs(combs, width, height);
  const within = (room) => bestLayers({ ...rest, size: { ...size, height: size.height - room } });
  const spare = height - needed - LAYER * within(needed).layers;
  const room = needed + Math.max(0, Math.min(needed * 0.4, spare));
  const base = within(room);
  const frame = { x0: margin.left, x1: size.width - margin.right, y0: size.height - margin.bottom - room, y1: size.height - margin.bottom };
  placeCombs(combs, columns, edges, frame, base);
  return base;
}

/** Tries dagre's ways to rank and keeps the one that leaves most room for labels across and down. */
function bestLayers(request) {
  const { size, margin, nodes } = request;
  let best = null;
  for (const ranker of nodes.length > MANY ? RANKERS.slice(0, 1) : RANKERS) {
    const drawn = layered(request, size, margin, ranker);
    drawn.cost = cramped(drawn, request);
    if (!best || drawn.cost < best.cost) best = drawn;
  }
  return best;
}

function cramped(drawn, { size, edges }) {
  const rowHeight = size.height / drawn.layers;
  const across = Math.max(0, drawn.tightness - 1);
  const down = Math.max(0, 34 / rowHeight - 1);
  let length = 0;
  for (const edge of edges) {
    const a = drawn.positions.get(edge.caller);
    const b = drawn.positions.get(edge.callee);
    if (a && b) length += (Math.hypot(a.x - b.x, a.y - b.y) * (1 + edge.width)) / Math.hypot(size.width, size.height);
  }
  return across * 2 + down * 2 + length / Math.max(1, edges.length);
}

export { edgeKey };
