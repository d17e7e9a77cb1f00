/** Numbers as words, and the small decisions around them. */
import { candidates } from "../../plopi/static/js/ui/compare.js";
import assert from "node:assert/strict";
import { test } from "node:test";
import { age, brief, bytes, changeMark, changeWords, count, duration, origin, plural, share, shorten, signedShare, weight } from "../../plopi/static/js/format.js";
import { ApiError, whenReady } from "../../plopi/static/js/api.js";
import { walk } from "../../plopi/static/js/views/graph/walk.js";
import { leftOutWords, noteLines, warningLines } from "../../plopi/static/js/ui/facts.js";
import { roundBelow } from "../../plopi/static/js/ui/legend.js";
import { drawn } from "./payloads.mjs";

const table = (name, f, rows) =>
  test(name, () => {
    for (const [input, output] of rows) assert.equal(f(...[input].flat()), output);
  });

table("duration", duration, [
  [0, "0 ns"],
  [950, "950 ns"],
  [1500, "1.50 µs"],
  [34e6, "34.0 ms"],
  [999e6, "999 ms"],
  [1e9, "1.00 s"],
  [59.4e9, "59.4 s"],
  [61e9, "1 min 1 s"],
  [120e9, "2 min"],
  [7500e9, "2 h 5 min"],
  [[null], ""],
]);
table("share", share, [
  [[0, 10], "0%"],
  [[1, 3000], "<0.1%"],
  [[1, 300], "0.3%"],
  [[31, 1000], "3.1%"],
  [[1, 3], "33%"],
  [[994, 1000], "99.4%"],
  [[10, 10], "100%"],
  [[5, 0], "0%"],
]);
table("signedShare", signedShare, [
  [[31, 1000], "+3.1%"],
  [[-31, 1000], "−3.1%"],
  [[0, 0], "±0"],
  [[-5, 0], "gone"],
  [[1, 30000], "≈0"],
]);
table("changeMark", changeMark, [
  [[40, 0, 9, 400], "new"],
  [[0, 40, 9, 400], "gone"],
  [[0, 8, 9, 400], "≈"],
  [[60, 40, 9, 400], "+5.0%"],
  [[40, 40, 9, 400], "±0"],
  [[40, 60, null, 400], "−5.0%"],
]);
table("changeWords", changeWords, [
  [[40, 0, 9, 400], "new, +10%: more than chance explains (±2.3%)"],
  [[0, 8, 9, 400], "gone, −2.0%: chance may explain it (±2.3%)"],
  [[40, 40, 9, 400], "±0"],
  [[40, 60, null, 400], "−5.0%"],
]);
table("bytes", bytes, [
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1.00 kB"],
  [123456789, "123 MB"],
  [[null], ""],
]);
table("brief counts", brief, [
  [999999, "999,999"],
  [2821000, "2.82 M"],
  [3e9, "3.00 G"],
  [[null], ""],
]);
table("plural", plural, [
  [[1, "wrapper"], "1 wrapper"],
  [[1234, "wrapper"], "1,234 wrappers"],
]);
table("weight", weight, [
  [[2e9, "nanoseconds"], "2.00 s"],
  [[1234, "count"], "1,234"],
  [[5e6, "bytes"], "5.00 MB"],
  [[3, "pages"], "3 pages"],
]);
table("age", age, [
  [[1e18, 1e12 + 59e3], "59 s"],
  [[1e18, 1e12 + 3600e3], "1 h"],
  [[1e18, 1e12 + 50 * 3600e3], "2 d"],
  [[1e18, 0], "0 s"],
]);
table("round values of the legend", roundBelow, [
  [0.068, 0.05],
  [0.2, 0.2],
  [0.99, 0.5],
  [1, 1],
  [0, 0],
]);
test("count groups thousands", () => assert.equal(count(1234567), "1,234,567"));

test("a name is shortened in the middle, to what fits", () => {
  const fits = (text) => text.length <= 12;
  assert.equal(shorten("short", fits), "short");
  const cut = shorten("AstroidManager.ast_from_file", fits);
  assert.equal(cut.length, 12);
  assert.ok(cut.startsWith("Astr") && cut.endsWith("m_file") && cut.includes("…"));
});

test("arrow keys walk to the heaviest callee and caller, and along siblings", () => {
  const payload = drawn(`
    main > work 70
    main > load 30
    work > parse 50`);
  payload.edges.sort((a, b) => b.weight - a.weight);
  const id = (name) => payload.nodes.find((node) => node.name === name).id;
  assert.equal(walk(payload, undefined, "callee"), id("main"));
  assert.equal(walk(payload, id("main"), "callee"), id("work"));
  assert.equal(walk(payload, id("parse"), "caller"), id("work"));
  assert.equal(walk(payload, id("parse"), "callee"), null);
  assert.equal(walk(payload, id("work"), "next"), id("load"));
  assert.equal(walk(payload, id("work"), "previous"), id("load"));
  assert.equal(walk(payload, id("main"), "next"), null);
});

test("what was left out is said, and nothing else", () => {
  const payload = { ...drawn("a > b 100"), left_out: { functions: 1232, self: 3.1, edges: 9, wrappers: 0, wrappers_self: 0 } };
  assert.deepEqual(leftOutWords(payload, 0), ["2 of 1,234 functions", "hidden ones own 3.1% of self", "9 arrows left out"]);
  payload.left_out = { functions: 0, self: 0, edges: 0, wrappers: 0, wrappers_self: 0 };
  assert.deepEqual(leftOutWords(payload, 1), ["2 of 2 functions", "1 name on hover"]);
});

test("an ended process is a warning; lost ticks are a note", () => {
  assert.equal(warningLines({ status: "growing" }).length, 0);
  assert.match(warningLines({ status: "ended" })[0], /ended before/);
  assert.deepEqual(noteLines({ ticks: 100, ticks_lost: 1, notes: ["a"] }), ["a"]);
  assert.match(noteLines({ ticks: 50, ticks_lost: 50, notes: [] })[0], /50% of the ticks/);
});

test("a profile that is still read is asked for again, with its progress told", async () => {
  const answers = [new ApiError("wait", 503, { pending: { stage: "reading", done: 1, size: 2 } }), new ApiError("wait", 503), "ready"];
  const told = [];
  const ask = async () => {
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  };
  assert.equal(
    await whenReady(
      ask,
      (pending) => told.push(pending.done),
      undefined,
      async () => {},
    ),
    "ready",
  );
  assert.deepEqual(told, [1, 0]);
  await assert.rejects(
    whenReady(
      async () => {
        throw new ApiError("gone", 404);
      },
      () => {},
    ),
    { status: 404 },
  );
});

test("where a function is from", () => {
  assert.equal(origin({ file: "a.py", line: 3, kind: "python" }), "a.py:3");
  assert.equal(origin({ file: "a.so", line: 0, kind: "native" }), "a.so");
  assert.match(origin({ file: "", line: 0, kind: "gc" }), /garbage/);
});

test("what a profile is compared with: the same kind, the same program first, then the newest", () => {
  const row = (id, name, more = {}) => ({ id, name, shape: "stacks", status: "finished", command: null, duration_ns: 2e9, mtime_ns: 1e18, ...more });
  const self = row("a", "web-20260101-101010-12");
  const rows = [
    row("z", "other"),
    self,
    row("d", "dump", { shape: "calls" }),
    row("b", "web-20260102-090000-99"),
    row("x", "cut", { status: "broken" }),
  ];
  const chosen = [];
  const items = candidates(self, rows, 1e12 + 60_000, (id) => chosen.push(id));
  assert.deepEqual(items.map(({ words }) => words), ["web-20260102-090000-99", "other"]);
  assert.equal(items[0].hint, "2.00 s, 1 min old");
  items[0].run();
  assert.deepEqual(chosen, ["b"]);
});
