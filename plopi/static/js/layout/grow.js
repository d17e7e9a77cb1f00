/**
 * A graph that grew: functions that were there stay exactly where they were, new ones start beside their callers (or callees)
 * and settle while everybody else is pinned.
 */
import { force } from "./force.js";

const TICKS = 90;

/** @param request as for `layout`, with `known`; @returns positions by id */
export function placeNewcomers(request) {
  const { nodes, edges, size, margin } = request;
  const seeds = new Map(request.known.map(([id, x, y]) => [id, { x, y }]));
  const pinned = new Set(nodes.filter((node) => seeds.has(node.id)).map((node) => node.id));
  const newcomers = nodes.filter((node) => !pinned.has(node.id));
  if (newcomers.length) {
    for (const node of newcomers) seeds.set(node.id, besideFriends(node, edges, seeds, size));
    const settled = force({ nodes, edges }, seeds, size, margin, pinned, TICKS);
    for (const node of newcomers) seeds.set(node.id, settled.get(node.id));
  }
  return new Map(nodes.map((node) => [node.id, seeds.get(node.id)]));
}

function besideFriends(node, edges, seeds, size) {
  const callers = edges.filter((edge) => edge.callee === node.id && seeds.has(edge.caller));
  const callees = edges.filter((edge) => edge.caller === node.id && seeds.has(edge.callee));
  const heaviest = [...callers, ...callees].sort((a, b) => b.weight - a.weight)[0];
  if (!heaviest) return { x: size.width / 2, y: size.height / 2 };
  const down = heaviest.callee === node.id;
  const friend = seeds.get(down ? heaviest.caller : heaviest.callee);
  const turn = ((node.id * 137) % 60) - 30;
  return { x: friend.x + turn, y: friend.y + (down ? 45 : -45) };
}
