/** Where the loops of recursive functions are drawn. */
import { loopOf } from "../layout/exports.js";

/** By id, each turned away from the arrows at its circle. */
export function loopsOf(scene, routes) {
  const recursive = scene.nodes.filter((item) => item.node.recursive > 0);
  const directions = new Map(recursive.map((item) => [item.id, []]));
  const meet = (id, [x, y]) => {
    const item = directions.has(id) && recursive.find((one) => one.id === id);
    if (item) directions.get(id).push(Math.atan2(y - item.y, x - item.x));
  };
  for (const { key, edge } of scene.edges) {
    const points = routes.get(key)?.points;
    if (!points) continue;
    meet(edge.caller, points[0]);
    meet(edge.callee, points.at(-1));
  }
  const bounds = { x0: 1, y0: 1, x1: scene.size.width - 1, y1: scene.size.height - 1 };
  return new Map(recursive.map((item) => [item.id, loopOf(item, directions.get(item.id), bounds)]));
}
