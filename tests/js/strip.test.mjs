import assert from "node:assert/strict";
import { test } from "node:test";
import { barsPath, bucketAt, endOf, nudged, rates, shifted, snapped, ticksOf } from "../../plopi/static/js/layout/strip.js";

const S = 1e9;
const BUCKETS = { start: [0, 2 * S, 4 * S], length: [2 * S, 2 * S, S], weight: [S, 0, S] };

test("bars are as high as what was spent in their time", () => {
  const heights = rates(BUCKETS, BUCKETS.weight);
  assert.deepEqual(heights, [0.5, 0, 1]);
  assert.equal(barsPath(BUCKETS, heights, 1, 40), "M0.00 40V20.00H400.00V40ZM800.00 40V0.00H1000.00V40Z");
  assert.equal(barsPath({ start: [], length: [] }, [], 1, 40), "");
});

test("a stretch of time covers whole buckets", () => {
  assert.equal(endOf(BUCKETS), 5 * S);
  assert.deepEqual([-1, 0, 1.9 * S, 2 * S, 99 * S].map((time) => bucketAt(BUCKETS, time)), [0, 0, 0, 1, 2]);
  assert.deepEqual(snapped(BUCKETS, 3 * S, S), [0, 4 * S]);
  assert.deepEqual(snapped(BUCKETS, 4.5 * S, 99 * S), [4 * S, 5 * S]);
});

test("ends move by buckets and do not pass each other", () => {
  assert.deepEqual(nudged(BUCKETS, [0, 4 * S], 1, 1), [0, 5 * S]);
  assert.deepEqual(nudged(BUCKETS, [0, 4 * S], 1, -9), [0, 2 * S]);
  assert.deepEqual(nudged(BUCKETS, [0, 4 * S], 0, 9), [2 * S, 4 * S]);
  assert.deepEqual(nudged(BUCKETS, [2 * S, 4 * S], 0, -9), [0, 4 * S]);
  assert.deepEqual(shifted(BUCKETS, [0, 2 * S], 2 * S), [2 * S, 4 * S]);
  assert.deepEqual(shifted(BUCKETS, [0, 2 * S], -99 * S), [0, 2 * S]);
});

test("ticks are round and not too many", () => {
  assert.deepEqual(ticksOf(10 * S, 5), [0, 2, 4, 6, 8, 10].map((n) => n * S));
  assert.deepEqual(ticksOf(3600 * S, 4), [0, 900, 1800, 2700, 3600].map((n) => n * S));
  for (const seconds of [0.02, 1, 7, 61, 4000, 1e5, 1e7]) assert.ok(ticksOf(seconds * S, 6).length <= 8, String(seconds));
});
