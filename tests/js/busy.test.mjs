/** When an element says that it is busy: as long as anything goes on, and no longer. */
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Busy } from "../../plopi/static/js/ui/busy.js";

function made() {
  const said = new Map();
  const element = { setAttribute: (name, value) => said.set(name, value), removeAttribute: (name) => said.delete(name) };
  return [new Busy(element), () => said.get("aria-busy") === "true"];
}

test("busy until the last of several promises has ended, also by an error", async () => {
  const [busy, says] = made();
  const ends = [];
  const [first, second] = [0, 1].map(() => busy.during(new Promise((resolve, reject) => ends.push({ resolve, reject }))));
  assert.ok(says());
  ends[1].resolve("answer");
  assert.equal(await second, "answer");
  assert.ok(says());
  ends[0].reject(new Error("no answer"));
  await assert.rejects(first, /no answer/);
  assert.ok(!says());
});

test("busy while somebody types, and in what the typing leads to", async (t) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.timers.reset());
  const [busy, says] = made();
  const asked = [];
  let answer;
  const type = (q) =>
    busy.soon("search", 200, () => {
      asked.push(q);
      busy.during(new Promise((resolve) => (answer = resolve)));
    });
  type("a");
  mock.timers.tick(150);
  type("ab");
  mock.timers.tick(150);
  assert.deepEqual([says(), asked], [true, []]);
  mock.timers.tick(50);
  assert.deepEqual([says(), asked], [true, ["ab"]]);
  answer();
  for (let i = 0; i < 5; i += 1) await null;
  assert.ok(!says());
});

test("what is forgotten is not run", (t) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.timers.reset());
  const [busy, says] = made();
  busy.soon("search", 200, () => assert.fail("it was forgotten"));
  busy.forget();
  assert.ok(!says());
  mock.timers.tick(1000);
});
