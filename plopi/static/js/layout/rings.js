/**
 * Layers whose functions call each other: on one line their arrows would lie on top of one another and run through circles. So they
 * stand on an ellipse, above and below the line in turn: no chord of it passes through a third.
 */

const FEWEST = 4;
/** Arrows within a layer, per function, from which it is a ring. */
const BUSY = 1;
/** Height of a ring, as part of the drawing's. */
const HEIGHT = 0.42;

/** Marks layers (arrays of {node | edge}) that are rings. @param edges [{caller, callee}], all that are drawn */
export function markRings(layers, edges) {
  for (const layer of layers) {
    const ids = new Set(layer.filter((item) => item.node).map((item) => item.node.id));
    if (ids.size < FEWEST) continue;
    const within = edges.filter((edge) => edge.caller !== edge.callee && ids.has(edge.caller) && ids.has(edge.callee));
    layer.ring = within.length >= BUSY * ids.size;
  }
}

/** How high all rings of a drawing are, each. */
export function ringHeight(layers, height) {
  const rings = layers.filter((layer) => layer.ring).length;
  return rings ? Math.min(HEIGHT, 0.7 / rings) * height : 0;
}

/** Moves the functions of a ring off its line, which is at their y. */
export function bendRing(layer, height) {
  const items = layer.filter((item) => item.node);
  const [left, right] = [Math.min(...items.map((item) => item.x)), Math.max(...items.map((item) => item.x))];
  const half = (right - left) / 2 || 1;
  items.forEach((item, i) => {
    const along = ((item.x - left) / half - 1) * ((items.length - 1) / items.length);
    item.y += (i % 2 ? 0.5 : -0.5) * height * Math.sqrt(Math.max(0, 1 - along * along));
  });
}
