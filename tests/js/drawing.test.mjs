/** Arrows and labels: pure geometry. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { layout } from "../../plopi/static/js/layout/index.js";
import { circleHitsRect, lengthInside, overlaps } from "../../plopi/static/js/layout/geometry.js";
import { placeLabels } from "../../plopi/static/js/layout/labels.js";
import { loopOf, routeEdges, shaftOf } from "../../plopi/static/js/layout/routes.js";
import { RING } from "../../plopi/static/js/layout/scales.js";
import { SIZE, real, request } from "./payloads.mjs";

function scene(name, kind) {
  const asked = request(real(name), kind);
  const result = layout(asked);
  const places = new Map(result.positions.map(([id, x, y]) => [id, { x, y }]));
  const nodes = asked.nodes.map((node) => ({ ...node, ...places.get(node.id) }));
  const routes = routeEdges(nodes, asked.edges, new Map(result.bends));
  return { nodes, edges: asked.edges, routes };
}

for (const kind of ["layered", "force"]) {
  const { nodes, edges, routes } = scene("pylint-pstats", kind);
  const byId = new Map(nodes.map((node) => [node.id, node]));

  test(`${kind}: an arrow begins at its caller's circle and ends at its callee's`, () => {
    for (const { caller, callee } of edges) {
      const { points } = routes.get(`${caller}>${callee}`);
      const from = byId.get(caller);
      const to = byId.get(callee);
      assert.ok(Math.abs(Math.hypot(points[0][0] - from.x, points[0][1] - from.y) - Math.max(from.r, RING) - 2) < 0.5);
      assert.ok(Math.abs(Math.hypot(points.at(-1)[0] - to.x, points.at(-1)[1] - to.y) - Math.max(to.r, RING) - 2) < 0.5);
    }
  });

  test(`${kind}: labels overlap neither each other nor a circle, and stay in the window; nearly all have room`, () => {
    const circles = nodes.map((node) => ({
      id: node.id,
      x: node.x,
      y: node.y,
      r: Math.max(node.r, RING),
      importance: node.r,
      sizes: [
        { width: node.labelWidth, height: 27 },
        { width: node.labelWidth, height: 15 },
      ],
    }));
    const arrows = edges.map((edge) => ({ points: routes.get(`${edge.caller}>${edge.callee}`).points, width: edge.width }));
    const bounds = { x0: 0, y0: 0, x1: SIZE.width, y1: SIZE.height };
    const places = [...placeLabels(circles, arrows, bounds).values()];
    for (const [i, a] of places.entries()) {
      for (const b of places.slice(i + 1)) assert.ok(!overlaps(a, b));
      for (const circle of circles) assert.ok(!circleHitsRect(circle.x, circle.y, circle.r, a));
      assert.ok(a.x0 >= 0 && a.y0 >= 0 && a.x1 <= SIZE.width && a.y1 <= SIZE.height);
    }
    assert.ok(places.length >= 0.9 * nodes.length, `${places.length} of ${nodes.length} labels`);
  });
}

test("two functions that call each other have two arrows apart", () => {
  const nodes = [
    { id: 1, x: 100, y: 100, r: 10 },
    { id: 2, x: 300, y: 100, r: 10 },
  ];
  const routes = routeEdges(nodes, [
    { caller: 1, callee: 2, width: 6 },
    { caller: 2, callee: 1, width: 4 },
  ]);
  const middle = (key) => routes.get(key).points[Math.floor(routes.get(key).points.length / 2)][1];
  assert.ok(Math.abs(middle("1>2") - middle("2>1")) > 5 + 3);
});

test("an arrow bends around a circle in its way", () => {
  const nodes = [
    { id: 1, x: 0, y: 0, r: 5 },
    { id: 2, x: 200, y: 0, r: 5 },
    { id: 3, x: 100, y: 0, r: 12 },
  ];
  const { points } = routeEdges(nodes, [{ caller: 1, callee: 2, width: 2 }]).get("1>2");
  assert.ok(points.every(([x, y]) => Math.hypot(x - 100, y) > 13));
});

test("the most important label is placed first, on the right, whole", () => {
  const circle = (id, importance) => ({
    id,
    x: 150 + id,
    y: 50,
    r: 5,
    importance,
    sizes: [
      { width: 60, height: 27 },
      { width: 60, height: 15 },
    ],
  });
  const places = placeLabels([circle(0, 1), circle(1, 2)], [], { x0: 0, y0: 0, x1: 300, y1: 100 });
  assert.equal(places.get(1).side, "right");
  assert.equal(places.get(1).level, 0);
  assert.ok(!overlaps(places.get(0), places.get(1)));
});

test("a label without room is left out", () => {
  const circle = { id: 0, x: 20, y: 20, r: 5, importance: 1, sizes: [{ width: 300, height: 27 }] };
  assert.equal(placeLabels([circle], [], { x0: 0, y0: 0, x1: 200, y1: 100 }).size, 0);
});

test("a loop touches its circle at both ends and turns away from arrows", () => {
  const node = { id: 1, x: 0, y: 0, r: 20 };
  const { points } = loopOf(node, [-Math.PI / 2, Math.PI, 0]);
  for (const [x, y] of [points[0], points.at(-1)]) assert.ok(Math.abs(Math.hypot(x, y) - 22) < 1);
  assert.ok(points[9][1] > 20);
});

test("the shaft ends a head's length before the tip", () => {
  const { points, end } = shaftOf(
    [
      [0, 0],
      [10, 0],
      [20, 0],
    ],
    7,
  );
  assert.deepEqual(end, [13, 0]);
  assert.deepEqual(points, [
    [0, 0],
    [10, 0],
    [13, 0],
  ]);
});

test("length of a line within a rectangle", () => {
  const rect = { x0: 0, y0: 0, x1: 10, y1: 10 };
  assert.equal(lengthInside([-5, 5], [15, 5], rect), 10);
  assert.equal(lengthInside([-5, 11], [15, 11], rect), 0);
});
