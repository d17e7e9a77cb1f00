/** What has failed is tried again, each time later. */
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Again } from "../../plopi/static/js/again.js";

function made(t) {
  mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.timers.reset());
  const tried = [];
  const again = new Again(() => tried.push(again.failures));
  return { again, tried };
}

test("each wait is longer than the one before, up to half a minute", (t) => {
  const { again, tried } = made(t);
  const waits = [];
  for (let i = 0; i < 7; i += 1) {
    waits.push(again.later());
    mock.timers.tick(1000 * waits.at(-1) - 1);
    assert.equal(tried.length, i);
    mock.timers.tick(1);
    assert.equal(tried.length, i + 1);
  }
  assert.deepEqual(waits, [1, 2, 5, 10, 30, 30, 30]);
});

test("once it works nothing is tried any more, and the next failure begins anew", (t) => {
  const { again, tried } = made(t);
  again.later();
  again.later();
  again.worked();
  mock.timers.tick(60000);
  assert.deepEqual(tried, []);
  assert.equal(again.later(), 1);
});

test("of two failures one after the other only the later is tried again", (t) => {
  const { again, tried } = made(t);
  again.later();
  again.later();
  mock.timers.tick(60000);
  assert.deepEqual(tried, [2]);
});
