/** How a page follows news: one question at a time, the latest wins, and what is dear is asked for less often. */
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Loading } from "../../plopi/static/js/pages/loading.js";

const flushed = async () => {
  for (let i = 0; i < 10; i += 1) await null;
};

/** Work that takes `cost` of a clock that stands still otherwise. */
function made(t, cost) {
  mock.timers.enable({ apis: ["setTimeout"] });
  globalThis.document = { hidden: false };
  t.after(() => {
    mock.timers.reset();
    delete globalThis.document;
  });
  const at = { now: 0, begun: [], running: 0, most: 0 };
  const pass = async (ms) => {
    for (let i = 0; i < ms; i += 10) {
      at.now += 10;
      mock.timers.tick(10);
      await flushed();
    }
  };
  const work = async (how, signal) => {
    at.begun.push(at.now);
    at.running += 1;
    at.most = Math.max(at.most, at.running);
    await new Promise((resolve) => setTimeout(resolve, cost));
    at.running -= 1;
    if (signal.aborted) throw new DOMException("aborted", "AbortError");
  };
  const loading = new Loading(work, (error) => Promise.reject(error), () => at.now);
  return { at, loading, pass };
}

test("news that come faster than they can be shown leave half of the time", async (t) => {
  const { at, loading, pass } = made(t, 400);
  for (let i = 0; i < 100; i += 1) {
    loading.news();
    await pass(80);
  }
  assert.equal(at.most, 1);
  assert.ok(at.begun.length >= 9 && at.begun.length <= 11, String(at.begun));
});

test("the last news are shown, too", async (t) => {
  const { at, loading, pass } = made(t, 400);
  loading.news();
  await pass(50);
  loading.news();
  await pass(3000);
  assert.equal(at.begun.length, 2);
});

test("an answer that is older than the news is asked for again, each time later", async (t) => {
  const { at, loading, pass } = made(t, 50);
  const { work } = loading;
  loading.work = async (...given) => {
    await work(...given);
    loading.late(at.begun.length < 4);
  };
  loading.news();
  await pass(9000);
  assert.equal(at.begun.length, 4);
  const between = at.begun.slice(1).map((time, i) => time - at.begun[i]);
  assert.ok(between[0] < between[1] && between[1] < between[2], String(between));
});

test("what the user asks for does not wait", async (t) => {
  const { at, loading, pass } = made(t, 400);
  loading.news();
  await pass(450);
  loading.start({ fresh: true });
  await pass(10);
  assert.deepEqual(at.begun, [0, 450]);
});

test("once a second is as often as it comes where that is cheap", async (t) => {
  const { at, loading, pass } = made(t, 60);
  for (let i = 0; i < 20; i += 1) {
    loading.news();
    await pass(1000);
  }
  assert.equal(at.begun.length, 20);
});
