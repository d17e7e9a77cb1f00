import assert from "node:assert/strict";
import { test } from "node:test";
import { layout } from "../../plopi/static/js/layout/index.js";
import { isotonic, skeleton } from "../../plopi/static/js/layout/layers.js";
import { RING, makeScales, screenScale } from "../../plopi/static/js/layout/scales.js";
import { MARGIN, SIZE, drawn, real, request } from "./payloads.mjs";

const PAYLOADS = ["pylint-pstats", "pylint-sampled"];
const KINDS = ["layered", "force"];
const placesOf = (result) => new Map(result.positions.map(([id, x, y]) => [id, { x, y }]));

for (const name of PAYLOADS) {
  for (const kind of KINDS) {
    const asked = request(real(name), kind);
    const result = layout(asked);
    const places = placesOf(result);

    test(`${name}, ${kind}: the same graph and size give the same picture`, () => {
      assert.deepEqual(layout(structuredClone(asked)), result);
    });

    test(`${name}, ${kind}: every function has a place, its circle within the window`, () => {
      for (const { id, r } of asked.nodes) {
        const { x, y } = places.get(id);
        const radius = Math.max(r, RING);
        assert.ok(
          x - radius >= 0 && x + radius <= SIZE.width && y - radius >= 0 && y + radius <= SIZE.height,
          `${id} at ${x},${y} r ${radius}`,
        );
      }
    });

    test(`${name}, ${kind}: circles do not overlap`, () => {
      for (const a of asked.nodes) {
        for (const b of asked.nodes) {
          if (a.id >= b.id) continue;
          const distance = Math.hypot(places.get(a.id).x - places.get(b.id).x, places.get(a.id).y - places.get(b.id).y);
          assert.ok(distance >= Math.max(a.r, RING) + Math.max(b.r, RING), `${a.id} and ${b.id} are ${distance} apart`);
        }
      }
    });

    test(`${name}, ${kind}: the window is used`, () => {
      const xs = [...places.values()].map(({ x }) => x);
      const ys = [...places.values()].map(({ y }) => y);
      assert.ok(Math.max(...xs) - Math.min(...xs) > 0.6 * SIZE.width);
      assert.ok(Math.max(...ys) - Math.min(...ys) > 0.75 * SIZE.height);
    });
  }
}

test("layered: a call points down", () => {
  const payload = drawn(`
    main > load 30
    main > work 70
    work > parse 50
    work > check 20
    load > read 30`);
  const places = placesOf(layout(request(payload)));
  for (const { caller, callee } of payload.edges) assert.ok(places.get(caller).y < places.get(callee).y);
});

test("layered: in a cycle the root stays on top and only the call back points up", () => {
  const payload = drawn(`
    main > visit 90
    visit > step 80
    step > leaf 60
    step > visit 70`);
  const places = placesOf(layout(request(payload)));
  const y = (id) => places.get(id).y;
  assert.ok(y(0) < y(1) && y(1) < y(2) && y(2) < y(3));
});

test("the skeleton holds each function's heaviest caller", () => {
  const payload = real("pylint-sampled");
  const held = skeleton(request(payload));
  for (const node of payload.nodes) {
    const callers = payload.edges.filter((edge) => edge.callee === node.id);
    const heaviest = Math.max(...callers.map((edge) => edge.weight));
    if (callers.length) assert.ok(held.some((edge) => edge.callee === node.id && edge.weight === heaviest));
  }
});

for (const kind of KINDS) {
  test(`growth, ${kind}: who was there stays, newcomers stand near who calls them`, () => {
    const payload = real("pylint-pstats");
    const gone = new Set(payload.nodes.slice(-6).map((node) => node.id));
    const before = {
      ...payload,
      nodes: payload.nodes.filter((node) => !gone.has(node.id)),
      edges: payload.edges.filter((edge) => !gone.has(edge.caller) && !gone.has(edge.callee)),
    };
    const first = layout(request(before, kind));
    const grown = placesOf(layout(request(payload, kind, SIZE, first.positions)));
    for (const [id, x, y] of first.positions) assert.deepEqual(grown.get(id), { x, y });
    for (const id of gone) {
      const friends = payload.edges
        .filter((edge) => edge.callee === id || edge.caller === id)
        .map((edge) => (edge.callee === id ? edge.caller : edge.callee));
      const nearest = Math.min(
        ...friends.map((friend) => Math.hypot(grown.get(friend).x - grown.get(id).x, grown.get(friend).y - grown.get(id).y)),
      );
      assert.ok(nearest < 0.4 * SIZE.width, `${id} stands ${nearest} px from its nearest friend`);
    }
  });
}

test("one function, none, and a function that only calls itself", () => {
  const alone = { ...drawn("a > b 1"), edges: [] };
  for (const kind of KINDS) {
    assert.equal(layout(request(alone, kind)).positions.length, 2);
    assert.deepEqual(layout(request({ ...alone, nodes: [] }, kind)).positions, []);
    const loop = {
      ...alone,
      nodes: alone.nodes.slice(0, 1),
      edges: [{ caller: 0, callee: 0, weight: 1, residual: false, wrappers: [] }],
    };
    assert.equal(layout(request(loop, kind)).positions.length, 1);
  }
});

test("300 functions are laid out in seconds", () => {
  const nodes = Array.from({ length: 300 }, (_, id) => ({
    id,
    label: `function_${id}`,
    self: (id * 7919) % 1000,
    cum: 1000,
    depth: Math.log2(id + 1),
    root: id === 0,
  }));
  const edges = nodes.slice(1).map(({ id }) => ({ caller: Math.floor((id - 1) / 2), callee: id, weight: 1000 - id }));
  const start = process.cpuUsage();
  const result = layout(request({ nodes, edges, total: 150000 }, "force"));
  const spent = process.cpuUsage(start);
  assert.equal(result.positions.length, 300);
  assert.ok((spent.user + spent.system) / 1e6 < 30, `${(spent.user + spent.system) / 1e6} s of CPU`);
});

test("areas and widths are proportional to the numbers, whatever they are", () => {
  const payload = real("pylint-pstats");
  const { radius, width } = makeScales(payload, SIZE);
  const [first] = payload.nodes.filter((node) => node.self > 0);
  for (const node of payload.nodes) {
    assert.ok(
      Math.abs(radius(node.self) ** 2 * first.self - radius(first.self) ** 2 * node.self) <=
        1e-9 * radius(first.self) ** 2 * Math.max(1, node.self),
    );
  }
  const [heaviest] = payload.edges;
  for (const edge of payload.edges)
    assert.ok(Math.abs(width(edge.weight) / edge.weight - width(heaviest.weight) / heaviest.weight) < 1e-12);
  assert.equal(radius(0), 0);
});

test("isotonic regression keeps order and moves least", () => {
  assert.deepEqual(
    isotonic([
      { at: 1, pull: 1 },
      { at: 3, pull: 1 },
      { at: 2, pull: 1 },
      { at: 9, pull: 1 },
    ]),
    [1, 2.5, 2.5, 9],
  );
  assert.deepEqual(
    isotonic([
      { at: 4, pull: 3 },
      { at: 0, pull: 1 },
    ]),
    [3, 3],
  );
});

test("a large window shows everything larger, a small one nothing smaller", () => {
  assert.equal(screenScale({ width: 400, height: 500 }), 1);
  assert.equal(screenScale({ width: 950, height: 650 }), 1);
  const wide = screenScale({ width: 2140, height: 1270 });
  assert.ok(wide > 1.3 && wide < 1.6, String(wide));
  assert.equal(screenScale({ width: 9000, height: 6000 }), 1.6);
});
