import assert from "node:assert/strict";
import { test } from "node:test";
import {
  betweenViews,
  covering,
  crop,
  eachBox,
  fitText,
  graft,
  layoutFlame,
  panView,
  pathOf,
  placeAmong,
  rowAt,
  rowHeight,
  rowOf,
  rowsOf,
  rowsWithin,
  walkFlame,
  zoomView,
} from "../../plopi/static/js/layout/flame.js";

// main 100: a 60 (b 50: c 10), d 30; the 10 before d are boxes too narrow to be sent
const NODES = { parent: [-1, 0, 0, 1, 3], start: [0, 0, 70, 0, 20], weight: [100, 60, 30, 50, 10] };
const FUNCTIONS = [1, 2, 5, 3, 4];
const LAYOUT = layoutFlame(NODES, 100);
const WHOLE = { left: 0, right: 1, top: 0 };
const drawn = (view, size) => {
  const boxes = [];
  eachBox(LAYOUT, view, size, (...box) => boxes.push(box));
  return boxes;
};

test("boxes are as wide as their weights, and begin where they begin", () => {
  assert.equal(LAYOUT.levels, 4);
  assert.deepEqual(drawn(WHOLE, { width: 1000, height: 100, row: 20 }), [
    [0, 0, 0, 1000],
    [1, 0, 20, 600],
    [2, 700, 20, 300],
    [3, 0, 40, 500],
    [4, 200, 60, 100],
  ]);
});

test("only what is in the window, and wide enough, is drawn", () => {
  assert.deepEqual(
    drawn({ left: 0.7, right: 1, top: 1 }, { width: 300, height: 20, row: 20 }).map(([row]) => row),
    [2],
  );
  assert.deepEqual(
    drawn(WHOLE, { width: 4, height: 100, row: 20 }).map(([row]) => row),
    [0, 1, 2, 3],
  );
});

test("the box under a point", () => {
  assert.equal(rowAt(LAYOUT, 1, 0.59), 1);
  assert.equal(rowAt(LAYOUT, 1, 0.65), -1);
  assert.equal(rowAt(LAYOUT, 1, 0.7), 2);
  assert.equal(rowAt(LAYOUT, 9, 0.5), -1);
  assert.deepEqual(rowsWithin(LAYOUT, 1, 0.61, 0.69), [2, 2]);
  assert.deepEqual(rowsOf(LAYOUT, 1), [1, 3]);
});

test("a path names a box", () => {
  for (let row = 0; row < LAYOUT.count; row += 1) assert.equal(rowOf(LAYOUT, FUNCTIONS, pathOf(LAYOUT, FUNCTIONS, row)), row);
  assert.equal(rowOf(LAYOUT, FUNCTIONS, [1, 3]), -1);
});

test("what covers a stretch is what is asked for more finely", () => {
  assert.equal(covering(LAYOUT, 0.05, 0.45), 3);
  assert.equal(covering(LAYOUT, 0.05, 0.55), 1);
  assert.equal(covering(LAYOUT, 0.05, 0.95), 0);
});

test("arrow keys walk from box to box", () => {
  assert.equal(walkFlame(LAYOUT, -1, "child"), 0);
  assert.equal(walkFlame(LAYOUT, 0, "child"), 1);
  assert.equal(walkFlame(LAYOUT, 1, "next"), 2);
  assert.equal(walkFlame(LAYOUT, 2, "next"), 2);
  assert.equal(walkFlame(LAYOUT, 2, "child"), 2);
  assert.equal(walkFlame(LAYOUT, 4, "parent"), 3);
  assert.equal(walkFlame(LAYOUT, 0, "parent"), 0);
  assert.deepEqual(placeAmong(LAYOUT, 2), [2, 2]);
  assert.deepEqual(placeAmong(LAYOUT, 0), [1, 1]);
});

test("text is cut to its room, or left out", () => {
  const measure = (text) => 7 * text.length;
  assert.equal(fitText("handler", 49, measure), "handler");
  assert.equal(fitText("handler", 48, measure), "handl…");
  assert.equal(fitText("handler", 15, measure), "");
  for (let room = 16; room < 80; room += 1) assert.ok(measure(fitText("a.rather.long_name", room, measure)) <= room);
});

test("zooming keeps the place under the pointer and stays inside", () => {
  const zoomed = zoomView(WHOLE, 0.5, 0.25);
  assert.deepEqual([zoomed.left, zoomed.right], [0.125, 0.625]);
  assert.deepEqual(zoomView(zoomed, 100, 0.3), WHOLE);
  assert.deepEqual(panView(zoomed, -1), { left: 0, right: 0.5, top: 0 });
});

test("a movement begins and ends where it should and does not leave the straight way", () => {
  const to = { left: 0.2, right: 0.21, top: 3 };
  assert.deepEqual(betweenViews(WHOLE, to, 1), to);
  const first = betweenViews(WHOLE, to, 0);
  assert.ok(Math.abs(first.left) < 1e-12 && Math.abs(first.right - 1) < 1e-12);
  const half = betweenViews(WHOLE, to, 0.5);
  assert.ok(half.left > 0 && half.left < 0.2 && half.right > 0.21 && half.right < 1);
});

test("a finer answer takes the place of what was below its box", () => {
  const nodes = { ...NODES, function: FUNCTIONS };
  const fine = { parent: [-1, 0, 0, 1, 2], function: [2, 3, 9, 4, 4], start: [0, 0, 50, 20, 50], weight: [60, 50, 2, 10, 1] };
  const grafted = graft(nodes, 1, fine);
  const layout = layoutFlame(grafted, 100);
  const seen = Array.from({ length: layout.count }, (_, row) => [pathOf(layout, grafted.function, row).join("."), grafted.start[row]]);
  assert.deepEqual(seen, [
    ["1", 0],
    ["1.2", 0],
    ["1.5", 70],
    ["1.2.3", 0],
    ["1.2.9", 50],
    ["1.2.3.4", 20],
    ["1.2.9.4", 50],
  ]);
  const last = graft(nodes, 2, { parent: [-1, 0], function: [5, 6], start: [0, 10], weight: [30, 5] });
  assert.deepEqual(last.start, [0, 0, 70, 0, 80, 20]);
  assert.deepEqual(last.parent, [-1, 0, 0, 1, 2, 3]);
});

test("one box with what is below it", () => {
  assert.deepEqual(crop({ ...NODES, function: FUNCTIONS }, 1), {
    parent: [-1, 0, 1],
    start: [0, 0, 20],
    weight: [60, 50, 10],
    function: [2, 3, 4],
  });
  assert.deepEqual(crop(NODES, 0), NODES);
});

test("a saved answer can be zoomed without a server", async () => {
  const { zoomedLocally } = await import("../../plopi/static/js/views/flame/saved.js");
  const nodes = { ...NODES, function: FUNCTIONS, self: [0, 10, 30, 40, 10] };
  const payload = { zoom: [], zoom_weights: [], zoom_weight: 100, nodes, cut: { nodes: 1, weight: 10 } };
  const zoomed = zoomedLocally(payload, [1, 2]);
  assert.deepEqual([zoomed.zoom, zoomed.zoom_weights, zoomed.zoom_weight], [[1, 2], [100, 60], 60]);
  assert.deepEqual(zoomed.cut, { nodes: 0, weight: 0 });
  const again = zoomedLocally(zoomed, [1, 2, 3]);
  assert.deepEqual([again.zoom, again.zoom_weights, again.nodes.function], [[1, 2, 3], [100, 60, 50], [3, 4]]);
  assert.equal(zoomedLocally(payload, [9]), payload);
});

test("levels are higher where all of them find room, and never lower than text needs", () => {
  assert.equal(rowHeight(4, 580, 1), 26);
  assert.equal(rowHeight(25, 580, 1), 23);
  assert.equal(rowHeight(200, 580, 1), 20);
  assert.equal(rowHeight(4, 900, 1.25), 33);
  assert.equal(rowHeight(0, 580, 1), 26);
});
