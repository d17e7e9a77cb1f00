/**
 * Where the boxes of a flame graph are, as parts of the widest. A *layout* is columns by row of the payload, which has parents before
 * children and siblings side by side; so each level is a stretch of rows, from left to right. A *view* is what of it is on the screen:
 * {left, right} as parts of the whole and {top}, the first level.
 */

/** The least a box is drawn with, pixels; narrower ones are left out. In a moving picture nobody can tell such ones apart. */
export const LEAST = 0.5;
export const LEAST_MOVING = 1.6;
/** Text of a box: its distance from the edges, and the narrowest room in which it can tell anything. */
export const PADDING = 4;
export const NARROWEST_TEXT = 24;
const ELLIPSIS = "…";

/** Height of a level at scale 1, at the least and where there is room for more. */
const [LOW_ROW, HIGH_ROW] = [20, 26];

/** The height of a level in a picture so high that has so many: taller ones where all find room. */
export function rowHeight(levels, height, scale) {
  return Math.round(Math.min(HIGH_ROW * scale, Math.max(LOW_ROW * scale, Math.floor(height / Math.max(1, levels)))));
}

/** @param nodes {parent, start, weight, in a diff width} columns; @param whole the weight, or width, that is as wide as the picture */
export function layoutFlame({ parent, start, weight, width: wide = weight }, whole) {
  const count = parent.length;
  const level = new Int32Array(count);
  const x = new Float64Array(count);
  const width = new Float64Array(count);
  const first = [];
  for (let row = 0; row < count; row += 1) {
    level[row] = parent[row] < 0 ? 0 : level[parent[row]] + 1;
    if (level[row] === first.length) first.push(row);
    x[row] = whole ? start[row] / whole : 0;
    width[row] = whole ? wide[row] / whole : 0;
  }
  return { count, parent, level, x, width, first, levels: first.length };
}

/** The rows of one level, [from, to). */
export function rowsOf({ first, count }, level) {
  return level < 0 || level >= first.length ? [0, 0] : [first[level], first[level + 1] ?? count];
}

/** Those of a level that reach into [left, right]. */
export function rowsWithin(layout, level, left, right) {
  const [from, to] = rowsOf(layout, level);
  const begin = search(from, to, (row) => layout.x[row] + layout.width[row] > left);
  return [begin, search(begin, to, (row) => layout.x[row] >= right)];
}

/** The row under a point, or -1. */
export function rowAt(layout, level, at) {
  const [from, to] = rowsWithin(layout, level, at, at);
  const row = from < to || from < rowsOf(layout, level)[1] ? from : -1;
  return row >= 0 && layout.x[row] <= at && at < layout.x[row] + layout.width[row] ? row : -1;
}

function search(from, to, reached) {
  while (from < to) {
    const middle = (from + to) >> 1;
    if (reached(middle)) to = middle;
    else from = middle + 1;
  }
  return from;
}

/** The functions from the top to a row. */
export function pathOf({ parent }, functions, row) {
  const path = [];
  for (let at = row; at >= 0; at = parent[at]) path.unshift(functions[at]);
  return path;
}

/** The row at the end of a path from the top, or -1. */
export function rowOf(layout, functions, path) {
  let found = -1;
  for (const [level, wanted] of path.entries()) {
    const [from, to] = rowsOf(layout, level);
    const above = found;
    found = -1;
    for (let row = from; row < to && found < 0; row += 1)
      if (functions[row] === wanted && layout.parent[row] === (level ? above : -1)) found = row;
    if (found < 0) return -1;
  }
  return found;
}

/** The deepest box that covers a stretch wholly, or -1: what has to be asked for to see the stretch more finely. */
export function covering(layout, left, right) {
  const slack = 1e-9;
  let found = -1;
  for (let level = 0; level < layout.levels; level += 1) {
    const row = rowAt(layout, level, Math.min(left + slack, 1 - slack));
    if (row < 0 || layout.x[row] + layout.width[row] < right - slack) break;
    found = row;
  }
  return found;
}

/** Where an arrow key leads: the caller above, the widest box below, a sibling (else the next box of the level) left or right. */
export function walkFlame(layout, row, direction) {
  if (!layout.count) return -1;
  if (row < 0) return widest(layout, ...rowsOf(layout, 0));
  if (direction === "parent") return layout.parent[row] < 0 ? row : layout.parent[row];
  const [from, to] = rowsOf(layout, layout.level[row]);
  if (direction === "previous") return Math.max(from, row - 1);
  if (direction === "next") return Math.min(to - 1, row + 1);
  const [below, end] = rowsOf(layout, layout.level[row] + 1);
  const begin = search(below, end, (child) => layout.parent[child] >= row);
  const child = widest(layout, begin, search(begin, end, (other) => layout.parent[other] > row));
  return child < 0 ? row : child;
}

function widest({ width }, from, to) {
  let found = -1;
  for (let row = from; row < to; row += 1) if (found < 0 || width[row] > width[found]) found = row;
  return found;
}

/** A row's place among its siblings: [place from 1, how many]. */
export function placeAmong(layout, row) {
  const [from, to] = rowsOf(layout, layout.level[row]);
  const up = layout.parent[row];
  const begin = search(from, to, (other) => layout.parent[other] >= up);
  return [row - begin + 1, search(begin, to, (other) => layout.parent[other] > up) - begin];
}

/**
 * What is seen of a view, level by level: calls `box(row, x, y, width)` in pixels, whole boxes, those reaching beyond the edges too.
 * @param size {width, height, row: height of a level}
 */
export function eachBox(layout, view, size, box, least = LEAST) {
  const scale = size.width / (view.right - view.left);
  const last = Math.min(layout.levels, Math.ceil(view.top + size.height / size.row));
  for (let level = Math.max(0, Math.floor(view.top)); level < last; level += 1) {
    const y = (level - view.top) * size.row;
    const [from, to] = rowsWithin(layout, level, view.left, view.right);
    for (let row = from; row < to; row += 1) {
      const width = layout.width[row] * scale;
      if (width >= least) box(row, (layout.x[row] - view.left) * scale, y, width);
    }
  }
}

/** As much of a text as fits, with an ellipsis where it is cut; "" where that would tell nothing. `measure` gives pixels. */
export function fitText(text, room, measure) {
  if (room < NARROWEST_TEXT - 2 * PADDING) return "";
  if (measure(text) <= room) return text;
  const shorter = search(1, text.length, (length) => measure(text.slice(0, length) + ELLIPSIS) > room) - 1;
  return shorter < 2 ? "" : text.slice(0, shorter).trimEnd() + ELLIPSIS;
}

/** A view after zooming by a factor about a place (part of the whole), kept inside the whole. */
export function zoomView(view, factor, about, least = 1e-7) {
  const span = Math.min(1, Math.max(least, (view.right - view.left) * factor));
  const before = (about - view.left) / (view.right - view.left);
  return within({ ...view, left: about - before * span, right: about + (1 - before) * span });
}

export function panView(view, by) {
  return within({ ...view, left: view.left + by, right: view.right + by });
}

function within(view) {
  const span = view.right - view.left;
  const left = Math.min(1 - span, Math.max(0, view.left));
  return { ...view, left, right: left + span };
}

/** Between two views; even steps of time are even ratios of width, as the eye has it. */
export function betweenViews(from, to, part) {
  if (part >= 1) return to;
  const spans = [from.right - from.left, to.right - to.left];
  const span = spans[0] * (spans[1] / spans[0]) ** part;
  const moved = Math.abs(spans[1] - spans[0]) < 1e-12 ? part : (span - spans[0]) / (spans[1] - spans[0]);
  const left = from.left + (to.left - from.left) * moved;
  return { left, right: left + span, top: from.top + (to.top - from.top) * part };
}

/**
 * Columns in which what lies below one box was replaced by a finer answer for it, whose rows have that box on top.
 * @param nodes, fine {parent, function, start, weight, self, ...}: the same columns
 */
export function graft(nodes, row, fine) {
  const names = Object.keys(nodes).filter((name) => name !== "parent" && name in fine);
  const out = Object.fromEntries(["parent", ...names].map((name) => [name, []]));
  const [old, added] = [levelsOf(nodes.parent), levelsOf(fine.parent)];
  const within = new Uint8Array(nodes.parent.length);
  const place = { old: new Map([[-1, -1]]), fine: new Map([[-1, -1]]) };
  const put = (from, source, at, offset) => {
    place[source].set(at, out.parent.length);
    const above = source === "fine" && from.parent[at] < 0 ? place.old.get(nodes.parent[row]) : place[source].get(from.parent[at]);
    out.parent.push(above);
    for (const name of names) out[name].push(name === "start" ? from.start[at] + offset : from[name][at]);
  };
  const here = old.findIndex((level) => level.includes(row));
  for (let level = 0; level < Math.max(old.length, here + added.length); level += 1) {
    const kept = (old[level] ?? []).filter((at) => {
      within[at] = at === row || (nodes.parent[at] >= 0 && within[nodes.parent[at]]) ? 1 : 0;
      return !within[at];
    });
    for (const at of kept) if (nodes.start[at] < nodes.start[row]) put(nodes, "old", at, 0);
    if (level >= here) for (const at of added[level - here] ?? []) put(fine, "fine", at, nodes.start[row]);
    for (const at of kept) if (nodes.start[at] >= nodes.start[row]) put(nodes, "old", at, 0);
  }
  return out;
}

/** Columns of one box and what lies below it, with that box on top. */
export function crop(nodes, row) {
  const names = Object.keys(nodes).filter((name) => name !== "parent");
  const out = Object.fromEntries(["parent", ...names].map((name) => [name, []]));
  const place = new Map();
  for (let at = row; at < nodes.parent.length; at += 1) {
    if (at !== row && !place.has(nodes.parent[at])) continue;
    place.set(at, out.parent.length);
    out.parent.push(at === row ? -1 : place.get(nodes.parent[at]));
    for (const name of names) out[name].push(name === "start" ? nodes.start[at] - nodes.start[row] : nodes[name][at]);
  }
  return out;
}

function levelsOf(parent) {
  const level = [];
  const levels = [];
  for (let row = 0; row < parent.length; row += 1) {
    level.push(parent[row] < 0 ? 0 : level[parent[row]] + 1);
    (levels[level[row]] ??= []).push(row);
  }
  return levels;
}
