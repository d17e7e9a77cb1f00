/** Where much is to be drawn in little room: cycles, flat profiles, labels without a place beside their circles. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { layout } from "../../plopi/static/js/layout/index.js";
import { circleHitsRect, lengthInside, nearestOnSegment, overlaps } from "../../plopi/static/js/layout/geometry.js";
import { placeLabels } from "../../plopi/static/js/layout/labels.js";
import { makeScales, RING } from "../../plopi/static/js/layout/scales.js";
import { SIZE, drawn, request } from "./payloads.mjs";

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
