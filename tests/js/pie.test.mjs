import assert from "node:assert/strict";
import { test } from "node:test";
import { mergeSmall, wedgePath, wedges } from "../../plopi/static/js/layout/pie.js";

const slices = (...weights) => weights.map((weight, id) => ({ id, weight }));

test("small slices are put together, and a single one is not", () => {
  const { kept, others } = mergeSmall(slices(50, 46, 1, 1), 98 + 2);
  assert.deepEqual(kept.map(({ weight }) => weight), [50, 46]);
  assert.deepEqual(others, { weight: 2, count: 2 });
  assert.equal(mergeSmall(slices(98, 1), 100).others, null);
  assert.deepEqual(mergeSmall(slices(98, 1), 100, 1, 7).others, { weight: 2, count: 8 });
  assert.equal(mergeSmall([], 0).others, null);
});

test("nothing is lost", () => {
  const many = slices(...Array.from({ length: 40 }, (_, i) => 40 - i));
  const whole = many.reduce((sum, { weight }) => sum + weight, 0);
  const { kept, others } = mergeSmall(many, whole);
  assert.equal(kept.reduce((sum, { weight }) => sum + weight, 0) + others.weight, whole);
  assert.equal(kept.length + others.count, 40);
});

test("angles are in proportion and go once around", () => {
  assert.deepEqual(wedges([1, 2, 1], 4), [
    { from: 0, to: 0.25 },
    { from: 0.25, to: 0.75 },
    { from: 0.75, to: 1 },
  ]);
});

test("a wedge begins at the top and goes clockwise", () => {
  assert.equal(wedgePath({ from: 0, to: 0.25 }, 10), "M0 0L0.000 -10.000A10 10 0 0 1 10.000 0.000Z".replace("0.000Z", "-0.000Z"));
  assert.match(wedgePath({ from: 0, to: 0.75 }, 10), /A10 10 0 1 1 -10\.000/);
  assert.equal(wedgePath({ from: 0, to: 1 }, 10).match(/A/g).length, 2);
});
