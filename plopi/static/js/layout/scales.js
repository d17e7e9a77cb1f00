/**
 * Numbers to sizes. Area of a circle is proportional to self, width of an arrow to its weight: exactly, with no floor,
 * so that two shapes can be compared. What is too small to be seen that way is marked by a ring or a hairline of fixed size.
 */

/** Radius in pixels of the ring that every function has, however little it owns. */
export const RING = 3.5;

const LARGEST_CIRCLE = 0.07;
const LARGEST_ARROW = 0.017;
const SHARE_OF_WINDOW = 0.055;
/** Arrows may cover this part of the window, were each so long: where everybody calls everybody, all are thinner, in proportion. */
const SHARE_FOR_ARROWS = 0.09;
const TYPICAL_LENGTH = 0.3;

/** A pane of this many pixels, that of a window of 1280 x 800, and smaller ones are drawn at scale 1. */
const PLAIN_PANE = 950 * 650;
const GROWTH = 0.37;
const LARGEST_SCALE = 1.6;

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/**
 * Screen pixels per drawn pixel of a fitted picture: in large windows everything, text too, is larger, though by less than the window is.
 * @param pane {width, height}
 */
export function screenScale({ width, height }) {
  return clamp(1 + GROWTH * (Math.sqrt((width * height) / PLAIN_PANE) - 1), 1, LARGEST_SCALE);
}

/**
 * @param payload graph payload (its nodes, edges and total)
 * @param size {width, height} of the drawing, in pixels
 * @returns {{radius: (weight: number) => number, width: (weight: number) => number, largestSelf: number, largestWeight: number}}
 */
export function makeScales(payload, size) {
  const short = Math.min(size.width, size.height);
  const selfOf = (node) => Math.max(node.self, node.base_self ?? 0);
  const largestSelf = Math.max(0, ...payload.nodes.map(selfOf));
  const allSelf = payload.nodes.reduce((sum, node) => sum + selfOf(node), 0);
  const largestWeight = Math.max(0, ...payload.edges.map((edge) => Math.max(edge.weight, edge.base_weight ?? 0)));
  const largestRadius = clamp(short * LARGEST_CIRCLE, 18, 64);
  const byLargest = largestSelf > 0 ? largestRadius / Math.sqrt(largestSelf) : 0;
  const byArea = allSelf > 0 ? Math.sqrt((size.width * size.height * SHARE_OF_WINDOW) / (Math.PI * allSelf)) : 0;
  const perRoot = Math.min(byLargest, byArea);
  const allWeight = payload.edges.reduce((sum, edge) => sum + Math.max(edge.weight, edge.base_weight ?? 0), 0);
  const byRoom = (SHARE_FOR_ARROWS * Math.sqrt(size.width * size.height)) / TYPICAL_LENGTH;
  const largestWidth = Math.min(clamp(short * LARGEST_ARROW, 6, 16), allWeight > 0 ? (byRoom * largestWeight) / allWeight : Infinity);
  return {
    radius: (weight) => perRoot * Math.sqrt(Math.max(0, weight)),
    width: (weight) => (largestWeight > 0 ? (largestWidth * Math.max(0, weight)) / largestWeight : 0),
    largestSelf,
    largestWeight,
  };
}

/** Scales as they are on a screen that shows `by` pixels for each drawn one. */
export function zoomed(scales, by) {
  return { ...scales, radius: (weight) => scales.radius(weight) * by, width: (weight) => scales.width(weight) * by };
}
