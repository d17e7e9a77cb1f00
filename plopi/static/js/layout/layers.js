/**
 * The layered layout: dagre decides which function stands in which layer and in which order (that is what it is good at);
 * the coordinates are ours, because they must fill a window of a given size instead of growing with the graph.
 *
 * Only the skeleton takes part: each function's heaviest caller, and what else is heavy. Light arrows would tear layers apart
 * and are drawn across. A layer holds functions and, for skeleton arrows that pass through it, waypoints. Across a layer,
 * positions minimise the distance to callers and callees subject to order and room for labels (isotonic regression); a layer
 * that is fuller than the window is wide is staggered into rows; down the window, rows share the height.
 */
import dagre from "../../vendor/dagre.esm.js";
import { bendRing, markRings, ringHeight } from "./rings.js";
import { RING } from "./scales.js";

const SWEEPS = 24;
const GAP = 14;
const WAYPOINT_GAP = 7;
const WAYPOINT_PULL = 0.35;
const MOST_ROWS = 4;
/** Pixels across that a drawing may take per function of its fullest layer. */
const WIDEST = 260;
/** Room between rows of one layer, as part of that between layers. */
const ROW_GAP = 0.35;
/** Length that arrows get for their width, at the least: wide ones must be long to be seen as arrows. */
const ARROW_LENGTH = 2;
/** Beside the heaviest callers, arrows of this part of the heaviest one's weight belong to the skeleton. */
const HEAVY = 0.12;

/**
 * @param graph {nodes: [{id, r, labelWidth, labelHeight, depth, root}], edges: [{caller, callee, width, weight}]}
 * @param size {width, height}
 * @param margin {left, right, top, bottom}
 * @param ranker one of dagre's rankers
 * @returns {{positions: Map, bends: Map, layers: number, tightness: number}}
 *   positions by id {x, y}; bends by edge key {points: [[x, y], ...], firm}, of the layers an arrow crosses;
 *   tightness: room wanted by the fullest layer over room there is
 */
export function layered(graph, size, margin, ranker = "network-simplex") {
  const layers = makeLayers({ nodes: graph.nodes, edges: skeleton(graph) }, ranker);
  markRings(layers, graph.edges);
  const tightness = placeAcross(layers, size.width - margin.left - margin.right, margin.left);
  placeDown(layers, size.height - margin.top - margin.bottom, margin.top);
  const positions = new Map();
  const bends = new Map();
  for (const layer of layers) {
    for (const item of layer) {
      if (item.node) positions.set(item.node.id, { x: item.x, y: item.y });
    }
  }
  for (const layer of layers) {
    for (const item of layer) {
      if (item.node) continue;
      if (!bends.has(item.edge)) bends.set(item.edge, { points: [], firm: false });
      bends.get(item.edge).points.push([item.x, item.y]);
    }
  }
  const ends = new Map(graph.edges.map((edge) => [edgeKey(edge), edge]));
  for (const [key, { points }] of bends) {
    if (positions.get(ends.get(key).caller).y > positions.get(ends.get(key).callee).y) points.reverse();
  }
  return { positions, bends, layers: layers.length, tightness };
}

/** Each function's heaviest arrow from a caller, and every heavy arrow. */
export function skeleton({ edges }) {
  const heaviest = new Map();
  for (const edge of edges) {
    if (edge.caller === edge.callee) continue;
    const best = heaviest.get(edge.callee);
    if (!best || edge.weight > best.weight) heaviest.set(edge.callee, edge);
  }
  const bound = HEAVY * Math.max(0, ...edges.map((edge) => edge.weight));
  return edges.filter((edge) => edge.caller !== edge.callee && (edge.weight >= bound || heaviest.get(edge.callee) === edge));
}

export const edgeKey = (edge) => `${edge.caller}>${edge.callee}`;

/** Layers of items {node | edge, left, right, links: [[item, pull]], x}, in dagre's order. */
function makeLayers(graph, ranker) {
  const drawn = runDagre(graph, ranker);
  const byId = new Map(graph.nodes.map((node) => [node.id, node]));
  const levels = [...new Set(graph.nodes.map((node) => Math.round(drawn.node(String(node.id)).y)))].sort((a, b) => a - b);
  const levelOf = new Map(levels.map((y, index) => [y, index]));
  const layers = levels.map(() => []);
  const items = new Map();
  for (const node of graph.nodes) {
    const { x, y } = drawn.node(String(node.id));
    const item = { node, order: x, left: Math.max(node.r, RING), right: Math.max(node.r, RING) + 5 + node.labelWidth, links: [] };
    items.set(node.id, item);
    layers[levelOf.get(Math.round(y))].push(item);
  }
  for (const edge of graph.edges) {
    if (!byId.has(edge.caller) || !byId.has(edge.callee) || edge.caller === edge.callee) continue;
    threadEdge(edge, drawn.edge(...downwards(edge, byId)), items, layers, levels, levelOf, drawn);
  }
  for (const layer of layers) layer.sort((a, b) => a.order - b.order);
  return layers;
}

function runDagre(graph, ranker) {
  const g = new dagre.graphlib.Graph();
  g.setGraph({ rankdir: "TB", ranker, nodesep: 16, ranksep: 40, edgesep: 8 });
  g.setDefaultEdgeLabel(() => ({}));
  for (const node of graph.nodes) {
    const width = 2 * Math.max(node.r, RING) + 5 + node.labelWidth;
    g.setNode(String(node.id), { width, height: 24 });
  }
  const byId = new Map(graph.nodes.map((node) => [node.id, node]));
  const heaviest = Math.max(1, ...graph.edges.map((edge) => edge.weight));
  for (const edge of graph.edges) {
    const [upper, lower] = downwards(edge, byId);
    const weight = 1 + Math.round((20 * edge.weight) / heaviest) + (g.edge(upper, lower)?.weight ?? 0);
    g.setEdge(upper, lower, { weight, minlen: 1 });
  }
  dagre.layout(g);
  return g;
}

/** The ends of an arrow, upper first: roots on top, then by depth, so that calls back up a cycle point up. */
function downwards(edge, byId) {
  const height = (node) => (node.root ? -1 : (node.depth ?? 0));
  const [a, b] = [byId.get(edge.caller), byId.get(edge.callee)];
  const down = height(a) < height(b) || (height(a) === height(b) && a.id < b.id);
  return down ? [String(a.id), String(b.id)] : [String(b.id), String(a.id)];
}

function threadEdge(edge, route, items, layers, levels, levelOf, drawn) {
  const caller = items.get(edge.caller);
  const callee = items.get(edge.callee);
  const from = levelOf.get(Math.round(drawn.node(String(edge.caller)).y));
  const to = levelOf.get(Math.round(drawn.node(String(edge.callee)).y));
  const step = from < to ? 1 : -1;
  let last = caller;
  const pull = 1 + edge.width / 3;
  for (let level = from + step; level !== to && from !== to; level += step) {
    const waypoint = {
      edge: edgeKey(edge),
      order: crossing(route.points, levels[level]),
      left: edge.width / 2,
      right: edge.width / 2,
      links: [],
    };
    layers[level].push(waypoint);
    link(last, waypoint, pull);
    last = waypoint;
  }
  link(last, callee, pull);
  const first = layers[Math.min(from, to)];
  first.widest = Math.max(first.widest ?? 0, edge.width);
}

function link(a, b, pull) {
  a.links.push([b, b.node ? pull : pull * 1.5]);
  b.links.push([a, a.node ? pull : pull * 1.5]);
}

/** Where a polyline crosses the height y. */
function crossing(points, y) {
  for (let i = 1; i < points.length; i++) {
    const [a, b] = [points[i - 1], points[i]];
    if ((a.y - y) * (b.y - y) <= 0) return a.y === b.y ? a.x : a.x + ((b.x - a.x) * (y - a.y)) / (b.y - a.y);
  }
  return points[0].x;
}

/** Gives every item its x within [left, left + width]. */
function placeAcross(layers, width, left) {
  let tightness = 0;
  for (const layer of layers) {
    const wanted = layer.reduce((sum, item, i) => sum + (i ? separation(layer[i - 1], item) : 0), 0);
    const ends = layer[0].left + layer.at(-1).right;
    tightness = Math.max(tightness, (wanted + ends) / width);
    const full = Math.min(MOST_ROWS, layer.filter((item) => item.node).length, Math.ceil((wanted + ends * 0.8) / width));
    layer.rows = layer.ring ? 1 : full;
    const room = (width - layer[0].left - Math.min(layer.at(-1).right, width * 0.2)) / Math.max(1, wanted);
    layer.squeeze = Math.max(0.05, Math.min(room, 1 / full));
    stagger(layer);
    let x = 0;
    layer.forEach((item, i) => {
      if (i) x += separation(layer[i - 1], item) * layer.squeeze;
      item.x = x;
    });
    const centre = left + width / 2 - (x + layer.at(-1).right) / 2;
    for (const item of layer) item.x += centre;
  }
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const down = sweep % 2 === 0;
    const order = down ? layers : [...layers].reverse();
    for (const layer of order) settle(layer, left, width, 0);
  }
  spread(layers, left, width);
  return tightness;
}

/** Deals a full layer's functions out to its rows in turn. */
function stagger(layer) {
  let dealt = 0;
  for (const item of layer) {
    item.row = item.node ? dealt % layer.rows : (layer.rows - 1) / 2;
    if (item.node) dealt += 1;
  }
}

function separation(a, b) {
  return a.right + b.left + (a.node && b.node ? GAP : WAYPOINT_GAP);
}

/** Moves a layer's items to the mean of their neighbours, keeping order and distance. */
function settle(layer, left, width) {
  const offsets = [0];
  for (let i = 1; i < layer.length; i++) offsets.push(offsets[i - 1] + separation(layer[i - 1], layer[i]) * layer.squeeze);
  const wishes = layer.map((item, i) => {
    let sum = 0;
    let pulls = 0;
    for (const [other, pull] of item.links) {
      sum += other.x * pull;
      pulls += pull;
    }
    const wish = pulls ? sum / pulls : item.x;
    return { at: wish - offsets[i], pull: (pulls || 0.1) * (item.node ? 1 : WAYPOINT_PULL) };
  });
  const placed = isotonic(wishes);
  const low = left + layer[0].left;
  const last = layer.at(-1);
  const high = left + width - Math.min(last.right, width * 0.2) - offsets.at(-1);
  layer.forEach((item, i) => {
    item.x = Math.min(Math.max(placed[i], low), Math.max(low, high)) + offsets[i];
  });
}

/** Pool-adjacent-violators: the non-decreasing sequence nearest (weighted least squares) to the wishes. */
export function isotonic(wishes) {
  const blocks = [];
  for (const { at, pull } of wishes) {
    blocks.push({ sum: at * pull, pull, count: 1 });
    while (blocks.length > 1) {
      const b = blocks.at(-1);
      const a = blocks.at(-2);
      if (a.sum / a.pull <= b.sum / b.pull) break;
      blocks.pop();
      a.sum += b.sum;
      a.pull += b.pull;
      a.count += b.count;
    }
  }
  return blocks.flatMap((block) => Array(block.count).fill(block.sum / block.pull));
}

/** Stretches the drawing towards the width there is, but not so far that little graphs fall apart. */
function spread(layers, left, width) {
  const items = layers.flat();
  const most = Math.max(...layers.map((layer) => layer.filter((item) => item.node).length));
  const low = Math.min(...items.map((item) => item.x - item.left));
  const high = Math.max(...items.map((item) => item.x + Math.min(item.right, width * 0.3)));
  const firsts = Math.min(...items.map((item) => item.x));
  const lasts = Math.max(...items.map((item) => item.x));
  const margins = firsts - low + (high - lasts);
  const factor = lasts > firsts ? Math.min(3, Math.max(1, (Math.min(width, most * WIDEST) - margins) / (lasts - firsts))) : 1;
  const used = (lasts - firsts) * factor + margins;
  const start = left + (width - used) / 2 + (firsts - low);
  for (const item of items) item.x = start + (item.x - firsts) * factor;
}

/** Gives every row its y: what circles and labels need, the rest shared evenly. */
function placeDown(layers, height, top) {
  const heightOf = (item) => (item.node ? Math.max(2 * item.node.r + 6, item.node.labelHeight) : 0);
  const ring = ringHeight(layers, height);
  const needs = layers.map((layer) =>
    Array.from({ length: layer.rows }, (_, row) =>
      Math.max(1, ...layer.filter((item) => item.row === row).map(heightOf)) + (layer.ring ? ring : 0),
    ),
  );
  const rows = needs.flat();
  const least = layers.map((layer, i) => (i < layers.length - 1 ? ARROW_LENGTH * (layer.widest ?? 0) : 0));
  const gaps = layers.length - 1 + (rows.length - layers.length) * ROW_GAP;
  const wanted = [...rows, ...least].reduce((sum, need) => sum + need, 0);
  const gap = gaps > 0 ? Math.max(0, Math.min(110, (height - wanted) / gaps)) : 0;
  const squeeze = Math.min(1, height / wanted);
  let y = top + (height - wanted * squeeze - gap * gaps) / 2;
  layers.forEach((layer, i) => {
    const centres = needs[i].map((need, row) => {
      if (row) y += gap * ROW_GAP;
      y += need * squeeze;
      return y - (need * squeeze) / 2;
    });
    for (const item of layer) item.y = item.node ? centres[item.row] : (centres[0] + centres.at(-1)) / 2;
    if (layer.ring) bendRing(layer, ring * squeeze);
    y += gap + least[i] * squeeze;
  });
}
