import assert from "node:assert/strict";
import { test } from "node:test";
import { UrlState, choice, integer, integers, numbers, parse, positions, serialise, stretch, text, texts } from "../../plopi/static/js/state.js";

const KEYS = {
  q: text(),
  layout: choice(["layered", "force"]),
  nodes: integer(null, 5, 300),
  view: numbers(3),
  moved: positions(),
  select: text(),
};

test("an empty query is the fallback, and the fallback writes nothing", () => {
  const state = parse("", KEYS);
  assert.deepEqual(state, { q: "", layout: "layered", nodes: null, view: null, moved: new Map(), select: "" });
  assert.equal(serialise(state, KEYS), "");
});

test("what is written is read back", () => {
  const state = {
    q: "a&b=ü <i>",
    layout: "force",
    nodes: 60,
    view: [1.5, 320.25, -7],
    moved: new Map([
      [3, [1, 2.5]],
      [40, [100, 0]],
    ]),
    select: "3>40",
  };
  const search = serialise(state, KEYS);
  assert.deepEqual(parse(search, KEYS), state);
  assert.match(search, /moved=3:1,2.5;40:100,0&select=3>40$/);
});

test("nonsense in a link falls back instead of failing", () => {
  const state = parse("?layout=spiral&nodes=many&view=1,NaN,2&moved=x:1,2;7:3;8:4,5&nodes=9", KEYS);
  assert.deepEqual(state, { q: "", layout: "layered", nodes: null, view: null, moved: new Map([[8, [4, 5]]]), select: "" });
  assert.equal(parse("?nodes=100000", KEYS).nodes, 300);
});

/** A window with a history that can go back. */
function host(search) {
  const entries = [search];
  let listener;
  const self = {
    location: { pathname: "/p/x/graph", search },
    history: {
      pushState: (_, __, url) => {
        entries.push((self.location.search = url.slice("/p/x/graph".length)));
      },
      replaceState: (_, __, url) => {
        entries[entries.length - 1] = self.location.search = url.slice("/p/x/graph".length);
      },
    },
    addEventListener: (_, heard) => {
      listener = heard;
    },
    back: () => {
      entries.pop();
      self.location.search = entries.at(-1);
      listener();
    },
    entries,
  };
  return self;
}

test("changes go into the URL: some to come back to, some not; back tells what changed", () => {
  const heard = [];
  const window = host("?q=x");
  const url = new UrlState(KEYS, (state, changed) => heard.push([...changed]), window);
  url.set({ select: "5" }, { push: true });
  url.set({ view: [2, 3, 4] });
  url.set({ view: [2, 3, 4] });
  assert.deepEqual(window.entries, ["?q=x", "?q=x&view=2,3,4&select=5"]);
  window.back();
  assert.equal(url.state.select, "");
  assert.deepEqual(heard, [["select"], ["view"], ["view", "select"]]);
});

test("filters may be given several times, a stretch of time and lists of ids are values", () => {
  const keys = { focus: texts(2), time: stretch(), keep: integers() };
  const state = parse("?focus=a&focus=&focus=a&focus=b%7Cc&focus=d&time=1.5-20&keep=3,17,x,3", keys);
  assert.deepEqual(state, { focus: ["a", "b|c"], time: [1.5, 20], keep: [3, 17] });
  assert.equal(serialise(state, keys), "?focus=a&focus=b%7Cc&time=1.5-20&keep=3,17");
  assert.equal(parse("?time=20-3", keys).time, null);
  assert.equal(serialise(parse("", keys), keys), "");
});

test("another view of the page has keys of its own; what both have is kept, and back brings all of it back", () => {
  const keys = (path) => (path.endsWith("/graph") ? { q: text(), layout: KEYS.layout } : { q: text(), zoom: text() });
  const entries = ["/p/x/graph?q=a&layout=force"];
  let listener;
  const show = () => {
    const [pathname, search = ""] = entries.at(-1).split("?");
    return { pathname, search: search && `?${search}` };
  };
  const window = {
    get location() {
      return show();
    },
    history: { pushState: (_, __, url) => entries.push(url), replaceState: (_, __, url) => entries.splice(-1, 1, url) },
    addEventListener: (_, heard) => {
      listener = heard;
    },
  };
  const heard = [];
  const url = new UrlState(keys, (state, changed, moved) => heard.push([{ ...state }, [...changed].sort(), moved]), window);
  url.set({ zoom: "3.4" }, { push: true, path: "/p/x/flame" });
  assert.equal(entries.at(-1), "/p/x/flame?q=a&zoom=3.4");
  assert.deepEqual(heard.at(-1), [{ q: "a", zoom: "3.4" }, ["layout", "zoom"], true]);
  assert.equal(url.href({ layout: "layered" }, "/p/x/graph"), "/p/x/graph?q=a");
  url.set({ q: "b" }, { quiet: true });
  assert.equal(entries.at(-1), "/p/x/flame?q=b&zoom=3.4");
  assert.equal(heard.length, 1);
  entries.pop();
  listener();
  assert.deepEqual(heard.at(-1), [{ q: "a", layout: "force" }, ["layout", "q", "zoom"], true]);
});
