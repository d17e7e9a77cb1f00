/** Where much is to be drawn in little room: cycles, flat profiles, labels without a place beside their circles. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { layout } from "../../plopi/static/js/layout/index.js";
import { circleHitsRect, lengthInside, nearestOnSegment, overlaps } from "../../plopi/static/js/layout/geometry.js";
import { placeLabels } from "../../plopi/static/js/layout/labels.js";
import { makeScales, RING } from "../../plopi/static/js/layout/scales.js";
import { findCombs } from "../../plopi/static/js/layout/combs.js";
import { routeEdges } from "../../plopi/static/js/layout/routes.js";
import { SIZE, drawn, real, request } from "./payloads.mjs";

const FIVE = ["expr", "term", "call", "args", "atom"];

test("functions that all call each other stand on a ring: no arrow between two runs through a third", () => {
  const calls = FIVE.flatMap((a) => FIVE.filter((b) => b !== a).map((b) => `${a} > ${b} 2`));
  const payload = drawn([`main > parse 1000`, ...FIVE.map((name) => `parse > ${name} 200`), ...calls].join("\n"));
  const places = new Map(layout(request(payload)).positions.map(([id, x, y]) => [id, { x, y }]));
  const ring = payload.nodes.filter((node) => FIVE.includes(node.name)).map((node) => places.get(node.id));
  for (const a of ring)
    for (const b of ring)
      for (const c of ring) {
        if (a === b || b === c || a === c) continue;
        const { distance } = nearestOnSegment(c.x, c.y, [a.x, a.y], [b.x, b.y]);
        assert.ok(distance > 2 * RING, `${distance}`);
      }
  const heights = ring.map(({ y }) => y);
  assert.ok(Math.max(...heights) - Math.min(...heights) > 0.2 * SIZE.height);
});

test("where everybody calls everybody arrows are thinner, in proportion, and cover no more of the window", () => {
  const roots = ["a", "b", "c"];
  const flat = drawn(roots.flatMap((root) => Array.from({ length: 50 }, (_, i) => `${root} > f${i} ${10 + i}`)).join("\n"));
  const { width } = makeScales(flat, SIZE);
  const covered = flat.edges.reduce((sum, edge) => sum + width(edge.weight), 0) * 0.3 * Math.sqrt(SIZE.width * SIZE.height);
  assert.ok(covered <= 0.0901 * SIZE.width * SIZE.height, `${covered / (SIZE.width * SIZE.height)}`);
  assert.ok(Math.abs(width(60) / width(20) - 3) < 1e-9);
  const lean = drawn("main > a 60\nmain > b 40");
  assert.ok(makeScales(lean, SIZE).width(60) > 6, "few arrows are as wide as ever");
});

test("a label without room beside its circle stands off at the end of a line that crosses nothing", () => {
  const wall = Array.from({ length: 24 }, (_, i) => ({ x: 300 + 22 * Math.cos((i * Math.PI) / 12), y: 200 + 22 * Math.sin((i * Math.PI) / 12) }));
  const small = [{ width: 60, height: 14 }];
  const circles = [{ id: 1, x: 300, y: 200, r: 4, importance: 1, sizes: small }];
  const posts = wall.filter((_, i) => i % 4 !== 0).map(({ x, y }) => ({ x, y, r: 2 }));
  const bounds = { x0: 0, y0: 0, x1: 600, y1: 400 };
  const place = placeLabels(circles, [], bounds, posts).get(1);
  const [from, to] = place.leader;
  for (const { x, y, r } of posts) {
    assert.ok(!circleHitsRect(x, y, r, place));
    assert.ok(nearestOnSegment(x, y, from, to).distance > r);
  }
  assert.equal(lengthInside(from, to, place), 0);
  const two = [...circles, { id: 2, x: 300, y: 214, r: 3, importance: 0.5, sizes: small }];
  const both = [...placeLabels(two, [], bounds, posts).values()];
  assert.ok(both.length < 2 || !overlaps(both[0], both[1]));
});

const flat = (leaves, roots = ["a", "b", "c"]) =>
  drawn(roots.flatMap((root, r) => Array.from({ length: leaves }, (_, i) => `${root} > leaf_function_${i} ${20 + ((i * 7 + r * 5) % 30)}`)).join("\n"));

for (const size of [SIZE, { width: 400, height: 560 }, { width: 1700, height: 900 }])
  test(`leaves of a flat profile stand in columns below who calls them, none on another (${size.width} pixels)`, () => {
    const asked = request(flat(48), "layered", size);
    const result = layout(asked);
    assert.deepEqual(layout(structuredClone(asked)), result);
    const places = new Map(result.positions.map(([id, x, y]) => [id, { x, y }]));
    const leaves = asked.nodes.filter((node) => !node.root);
    const columns = new Map();
    for (const leaf of leaves) {
      const { x, y } = places.get(leaf.id);
      assert.ok(x > 0 && x < size.width && y > 0 && y < size.height);
      for (const root of asked.nodes.filter((node) => node.root)) assert.ok(places.get(root.id).y < y);
      columns.set(x, [...(columns.get(x) ?? []), { y, r: leaf.r }]);
    }
    assert.ok(columns.size <= 12, `${columns.size}`);
    for (const column of columns.values()) {
      column.sort((a, b) => a.y - b.y);
      for (const [i, { y, r }] of column.entries()) {
        if (!i) continue;
        const above = column[i - 1];
        assert.ok(r <= above.r, "the heaviest on top");
        assert.ok(y > above.y + Math.max(r, RING) + Math.max(above.r, RING), "circles apart");
      }
    }
  });

test("arrows into a column come by its trunk: they cross no circle, and each has its lane", () => {
  const payload = flat(48);
  const asked = request(payload);
  const result = layout(asked);
  const nodes = asked.nodes.map((node) => {
    const [, x, y] = result.positions.find(([id]) => id === node.id);
    return { ...node, x, y };
  });
  const routes = routeEdges(nodes, asked.edges, new Map(result.bends));
  assert.equal(routes.size, payload.edges.length);
  for (const edge of asked.edges) {
    const { points } = routes.get(`${edge.caller}>${edge.callee}`);
    for (const node of nodes) {
      if (node.id === edge.caller || node.id === edge.callee) continue;
      const near = Math.min(...points.slice(1).map((point, i) => nearestOnSegment(node.x, node.y, points[i], point).distance));
      assert.ok(near > Math.max(node.r, RING), `${edge.caller}>${edge.callee} crosses ${node.id}: ${near}`);
    }
  }
  const [first] = nodes.filter((node) => !node.root);
  const column = nodes.filter((node) => node.x === first.x);
  const last = column.reduce((a, b) => (a.y > b.y ? a : b));
  const ways = new Map(result.bends);
  const lane = (caller, { id }) => Math.min(...ways.get(`${caller}>${id}`).points.slice(-6).map(([x]) => x));
  assert.ok(column.length > 4);
  for (const leaf of column) if (leaf !== last) assert.ok(lane(0, leaf) > lane(0, last), "who leaves the trunk first is nearest");
});

test("a few leaves side by side are no comb", () => {
  const few = drawn("main > a 40\nmain > b 30\nmain > c 20\nmain > d 10");
  const asked = request(few);
  assert.deepEqual(findCombs(asked, SIZE.width), []);
  assert.deepEqual(findCombs(request(real("pylint-sampled")), SIZE.width), []);
});

test("a name stands away from circles that are not its own, where it can", () => {
  const own = { id: 1, x: 200, y: 200, r: 10, importance: 1, sizes: [{ width: 80, height: 14 }] };
  const other = { id: 2, x: 306, y: 200, r: 8, importance: 0, sizes: [{ width: 30, height: 14 }] };
  const bounds = { x0: 0, y0: 0, x1: 600, y1: 400 };
  assert.equal(placeLabels([own], [], bounds).get(1).side, "right");
  assert.equal(placeLabels([own, other], [], bounds).get(1).side, "left", "the right one would end at the other circle");
});
