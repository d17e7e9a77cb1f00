/**
 * The force layout: positions of the layered one as seeds, then a few hundred ticks in which arrows pull, functions keep their
 * distance with their labels, and get out of the way of arrows that are not theirs. d3-force's random source is seeded, so
 * equal graphs give equal pictures.
 */
import { d3 } from "./d3.js";
import { distanceToRect } from "./geometry.js";
import { RING } from "./scales.js";

const TICKS = 320;
/** Beyond so many functions, fewer ticks: time grows with their square. */
const MANY = 100;
/** A picture that came to rest in a part of the window is stretched at most so much: few functions far apart are no picture. */
const MOST_STRETCH = 1.8;

/**
 * @param graph as for `layered`
 * @param seeds positions by id
 * @param size {width, height}
 * @param margin {left, right, top, bottom}
 * @param pinned set of ids that must not move
 * @param ticks how long to relax
 */
export function force(graph, seeds, size, margin, pinned = new Set(), ticks = ticksFor(graph.nodes.length)) {
  const bodies = graph.nodes.map((node) => makeBody(node, seeds.get(node.id), pinned.has(node.id)));
  const byId = new Map(bodies.map((body) => [body.id, body]));
  const links = graph.edges
    .filter((edge) => edge.caller !== edge.callee && byId.has(edge.caller) && byId.has(edge.callee))
    .map((edge) => ({ source: byId.get(edge.caller), target: byId.get(edge.callee), width: edge.width }));
  const spacing = Math.sqrt((size.width * size.height) / Math.max(1, bodies.length));
  const simulation = d3
    .forceSimulation(bodies)
    .alphaDecay(1 - 0.001 ** (1 / ticks))
    .force(
      "link",
      d3
        .forceLink(links)
        .distance((l) => l.source.r + l.target.r + spacing * 0.55)
        .strength((l) => Math.min(0.5, 0.08 + l.width * 0.025)),
    )
    .force(
      "charge",
      d3
        .forceManyBody()
        .strength((body) => -spacing * (1.6 + body.r / 12))
        .distanceMax(spacing * 4),
    )
    .force("down", d3.forceY((body) => body.seedY).strength(0.1))
    .force("across", d3.forceX((body) => body.seedX).strength(0.03))
    .force("boxes", keepBoxesApart(bodies))
    .force("arrows", keepOffArrows(bodies, links))
    .force("window", stayInside(bodies, size, margin))
    .stop();
  for (let i = 0; i < ticks; i++) simulation.tick();
  if (!pinned.size) fill(bodies, size, margin);
  separate(bodies, size, margin);
  return new Map(bodies.map((body) => [body.id, { x: body.x, y: body.y }]));
}

function ticksFor(count) {
  return Math.round(Math.max(90, count > MANY ? (TICKS * MANY) / count : TICKS));
}

function makeBody(node, seed, pinned) {
  const r = Math.max(node.r, RING);
  const body = {
    id: node.id,
    r,
    x: seed.x,
    y: seed.y,
    seedX: seed.x,
    seedY: seed.y,
    left: r + 3,
    right: r + 5 + node.labelWidth,
    half: Math.max(r + 2, node.labelHeight / 2 + 1),
  };
  body.middle = (body.right - body.left) / 2;
  body.reach = Math.hypot((body.left + body.right) / 2, body.half) + 8;
  if (pinned) [body.fx, body.fy] = [seed.x, seed.y];
  return body;
}

const boxOf = (body) => ({ x0: body.x - body.left, x1: body.x + body.right, y0: body.y - body.half, y1: body.y + body.half });

/** How far two boxes overlap: [dx, dy], or null. */
function overlap(a, b) {
  const dx = Math.min(a.x + a.right - (b.x - b.left), b.x + b.right - (a.x - a.left));
  const dy = a.half + b.half - Math.abs(a.y - b.y);
  return dx > 0 && dy > 0 ? [dx, dy] : null;
}

function keepBoxesApart(bodies) {
  return (alpha) => {
    const strength = 0.25 + 0.35 * (1 - alpha);
    for (let i = 0; i < bodies.length; i++) {
      for (let j = i + 1; j < bodies.length; j++) {
        const [a, b] = [bodies[i], bodies[j]];
        const shared = overlap(a, b);
        if (!shared) continue;
        const [dx, dy] = shared;
        if (dy <= dx) {
          const way = (a.y < b.y || (a.y === b.y && i < j) ? 1 : -1) * dy * strength * 0.5;
          a.vy -= way;
          b.vy += way;
        } else {
          const way = (a.x + a.right / 2 < b.x + b.right / 2 ? 1 : -1) * dx * strength * 0.5;
          a.vx -= way;
          b.vx += way;
        }
      }
    }
  };
}

/** Pushes a function and its label off the straight lines between other functions. The inner loop is the layout's hottest. */
function keepOffArrows(bodies, links) {
  return (alpha) => {
    if (alpha > 0.6) return;
    for (const { source, target, width } of links) {
      const dx = target.x - source.x;
      const dy = target.y - source.y;
      const squared = dx * dx + dy * dy || 1;
      for (const body of bodies) {
        const reach = body.reach + width;
        const px = body.x + body.middle - source.x;
        const py = body.y - source.y;
        const cross = px * dy - py * dx;
        if (cross * cross > reach * reach * squared) continue;
        const t = (px * dx + py * dy) / squared;
        if (t <= 0 || t >= 1 || body === source || body === target) continue;
        push(body, source.x + t * dx, source.y + t * dy, width);
      }
    }
  };
}

function push(body, x, y, width) {
  if (distanceToRect(x, y, boxOf(body)) > width / 2 + 3) return;
  const dx = body.x + body.middle - x;
  const dy = body.y - y;
  const distance = Math.hypot(dx, dy) || 1;
  const strength = (Math.max(0, body.half + width / 2 + 6 - distance) + 4) * 0.09;
  body.vx += (dx / distance) * strength;
  body.vy += (dy / distance || 1) * strength;
}

function stayInside(bodies, size, margin) {
  return () => {
    for (const body of bodies) clampBody(body, size, margin);
  };
}

function clampBody(body, size, margin) {
  if (body.fx !== undefined) return;
  const right = Math.min(body.right, size.width * 0.25);
  const x = Math.min(size.width - margin.right - right, Math.max(margin.left + body.left, body.x));
  const y = Math.min(size.height - margin.bottom - body.half, Math.max(margin.top + body.half, body.y));
  if (x !== body.x) [body.x, body.vx] = [x, 0];
  if (y !== body.y) [body.y, body.vy] = [y, 0];
}

/** Stretches what came to rest in a part of the window over all of it, each way for itself and no more than that. */
function fill(bodies, size, margin) {
  for (const [axis, before, after, low, high] of [
    ["x", (body) => body.left, (body) => Math.min(body.right, size.width * 0.25), margin.left, size.width - margin.right],
    ["y", (body) => body.half, (body) => body.half, margin.top, size.height - margin.bottom],
  ]) {
    const first = bodies.reduce((a, b) => (a[axis] - before(a) <= b[axis] - before(b) ? a : b));
    const last = bodies.reduce((a, b) => (a[axis] + after(a) >= b[axis] + after(b) ? a : b));
    const [from, to] = [low + before(first), high - after(last)];
    const factor = Math.min(MOST_STRETCH, (to - from) / (last[axis] - first[axis] || Infinity));
    if (!(factor > 1)) continue;
    const [was, rest] = [first[axis], (to - from - (last[axis] - first[axis]) * factor) / 2];
    for (const body of bodies) body[axis] = from + rest + (body[axis] - was) * factor;
  }
}

/** Last passes without any pull: only what overlaps moves. */
function separate(bodies, size, margin) {
  for (let pass = 0; pass < 60; pass++) {
    let moved = false;
    for (let i = 0; i < bodies.length; i++) {
      for (let j = i + 1; j < bodies.length; j++) {
        const [a, b] = [bodies[i], bodies[j]];
        const shared = overlap(a, b);
        if (!shared) continue;
        moved = true;
        nudge(a, b, shared);
      }
    }
    for (const body of bodies) clampBody(body, size, margin);
    if (!moved) break;
  }
}

function nudge(a, b, [dx, dy]) {
  const free = (a.fx === undefined ? 1 : 0) + (b.fx === undefined ? 1 : 0);
  if (!free) return;
  const vertical = dy <= dx;
  const amount = ((vertical ? dy : dx) / free) * 0.6 + 0.1;
  const sign = vertical ? (a.y <= b.y ? 1 : -1) : a.x <= b.x ? 1 : -1;
  if (a.fx === undefined) a[vertical ? "y" : "x"] -= sign * amount;
  if (b.fx === undefined) b[vertical ? "y" : "x"] += sign * amount;
}
